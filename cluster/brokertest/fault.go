package brokertest

import (
	"context"
	"errors"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

func testHealthy(f *fixture) {
	for i := range f.h.Nodes {
		if h := f.c.Broker(i).Health(); h.Condition != cluster.Ready || h.Reason != "" {
			f.Errorf("node %d: %+v", i, h)
		}
		select {
		case <-f.c.Broker(i).HealthChanged():
			f.Errorf("node %d: the health changed for no reason", i)
		default:
		}
	}
}

// testSuspended takes a node's means of writing away and gives them back.
func testSuspended(f *fixture) {
	s, ok := f.c.(Suspender)
	if !ok {
		f.Skip("this cluster cannot suspend a node")
	}
	f.accept(monitor(1))
	b := f.broker()
	before := document(f, b.State())
	changed := b.HealthChanged()
	s.Suspend(f.T, 0)

	ctx, cancel := context.WithTimeout(f.ctx(), 5*time.Second)
	defer cancel()
	_, _, err := b.Propose(ctx, state.Mutation{Op: monitor(2)})
	if err == nil {
		f.Fatal("a proposal was acknowledged by a suspended node")
	}
	known := errors.Is(err, cluster.ErrNotLogged) || errors.Is(err, cluster.ErrNoQuorum)
	if !known && !errors.Is(err, cluster.ErrUnknown) {
		f.Errorf("%v is of no class of the contract", err)
	}
	f.wait("the health changes", changed)
	if h := b.Health(); h.Condition != cluster.Suspended || h.Reason == "" {
		f.Errorf("a suspended node says %+v", h)
	}
	f.sameDocument("reads while suspended", document(f, b.State()), before)

	s.Resume(f.T, 0)
	f.eventually("the node is ready again", func() bool { return b.Health().Condition == cluster.Ready })
	f.barrier(b)
	if _, there := b.State().Master(name(2)); there && known {
		f.Errorf("a proposal that was refused with %v was applied later", err)
	}
	f.accept(monitor(3))
	f.restartAll()
	if _, there := f.broker().State().Master(name(2)); there && known {
		f.Errorf("a proposal that was refused with %v is there after a restart", err)
	}
	if _, there := f.broker().State().Master(name(3)); !there {
		f.Error("what was acknowledged after the suspension is gone after a restart")
	}
}

func testNodesAgree(f *fixture) {
	if f.h.Nodes < 2 {
		f.Skip("there is one node")
	}
	f.concurrently(16, 20) // through all nodes in turn
	want := document(f, f.barrierState(0))
	for i := range f.h.Nodes {
		f.sameDocument("another node's document", document(f, f.barrierState(i)), want)
	}
}

func (f *fixture) barrierState(i int) *state.State {
	f.Helper()
	f.barrier(f.c.Broker(i))
	return f.c.Broker(i).State()
}

// testIsolated cuts one of three or more nodes off: it refuses, the others go on,
// and afterwards it catches up.
func testIsolated(f *fixture) {
	p, ok := f.c.(Partitioner)
	if !ok || f.h.Nodes < 3 {
		f.Skip("this cluster cannot isolate a node")
	}
	f.accept(monitor(1))
	f.barrierState(1)
	cutOff, other := f.c.Broker(0), f.c.Broker(1)
	p.Isolate(f.T, 0)

	ctx, cancel := context.WithTimeout(f.ctx(), 5*time.Second)
	defer cancel()
	_, _, err := cutOff.Propose(ctx, state.Mutation{Op: monitor(2)})
	if err == nil {
		f.Fatal("a node without the others acknowledged a proposal")
	}
	if _, barrierErr := cutOff.Barrier(ctx); barrierErr == nil {
		f.Error("a barrier passed on a node without the others")
	}
	if _, there := cutOff.State().Master(name(1)); !there {
		f.Error("the isolated node does not answer reads")
	}
	f.eventually("the others go on", func() bool {
		out, _, err := other.Propose(f.ctx(), state.Mutation{Op: monitor(3)})
		return err == nil && !out.Refused()
	})
	p.Heal(f.T)
	f.barrier(cutOff)
	if _, there := cutOff.State().Master(name(3)); !there {
		f.Error("the node did not catch up")
	}
	if _, there := cutOff.State().Master(name(2)); there && !errors.Is(err, cluster.ErrUnknown) {
		f.Errorf("a proposal that ended in %v was applied", err)
	}
}
