package commands

import (
	"time"

	"redis-failover/cluster/state"
)

// propose carries out one change of the document. The error reply is nil when
// it is durable and applied here.
func (c *Context) propose(op state.Op) (state.Outcome, Reply) {
	m := state.Mutation{At: state.Time(time.Now().UnixMilli()), Op: op}
	out, _, err := c.Node.Broker.Propose(c, m)
	if err != nil {
		return out, errBroker(err)
	}
	if out.Refused() {
		return out, errRefused(out)
	}
	return out, nil
}

// sync makes the local document current.
func (c *Context) sync() Reply {
	if _, err := c.Node.Broker.Barrier(c); err != nil {
		return errBroker(err)
	}
	return nil
}

// state is the document as this node knows it.
func (c *Context) state() *state.State { return c.Node.Broker.State() }

// master finds a master of the local document, or answers that there is none.
func (c *Context) master(name string) (*state.Master, Reply) {
	m, ok := c.state().Master(name)
	if !ok {
		return nil, errNoSuchMaster
	}
	return m, nil
}
