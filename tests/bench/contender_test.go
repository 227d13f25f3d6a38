package bench

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// contender is one of the two that are compared: one node, or several that work
// together.
type contender struct {
	name  string
	nodes []*node
	// agreed: what one node is told holds for all. Each stock sentinel has to
	// be told by itself.
	agreed bool
}

// node is one process of a contender, with a subscriber that is there from its
// start.
type node struct {
	*procs.Server
	events *procs.Recorder
}

// contenders starts both, each with that many nodes. They watch nothing yet.
func contenders(b *testing.B, nodes int) []*contender {
	b.Helper()
	ours, stock := &contender{name: "ours", agreed: true}, &contender{name: "stock"}
	for _, s := range redisFailovers(b, nodes) {
		ours.nodes = append(ours.nodes, &node{Server: s})
	}
	for _, s := range procs.Sentinels(b, nodes, procs.SentinelOpts{}) {
		stock.nodes = append(stock.nodes, &node{Server: s})
	}
	both := []*contender{ours, stock}
	for _, c := range both {
		for _, n := range c.nodes {
			n.listen(b)
		}
	}
	return both
}

// redisFailovers starts one alone with its file, or several with the raft broker
// as it is set by default.
func redisFailovers(b *testing.B, nodes int) []*procs.Server {
	b.Helper()
	if nodes == 1 {
		return []*procs.Server{procs.Failover(b).Server}
	}
	const tick = 50 * time.Millisecond
	var servers []*procs.Server
	for _, m := range procs.StartCluster(b, procs.ClusterOpts{Nodes: nodes, Tick: tick}).Members {
		servers = append(servers, m.Server)
	}
	return servers
}

func (n *node) listen(b *testing.B) {
	b.Helper()
	n.events = procs.Subscribe(b, n.Server, state.EventSwitch)
}

// mend starts the nodes again that have ended.
func (c *contender) mend(b *testing.B) {
	b.Helper()
	for _, n := range c.nodes {
		if !n.Running() {
			n.Restart()
			n.listen(b)
		}
	}
}

// toTell are the nodes that have to be told of a master.
func (c *contender) toTell() []*node {
	if c.agreed {
		return c.nodes[:1]
	}
	return c.nodes
}

// watch makes a contender watch a group with a quorum of the majority, and
// returns when each of its nodes knows all that it needs for a failover and has
// known the master for longer than down-after.
func (c *contender) watch(b *testing.B, name string, g *procs.RedisGroup, set settings) {
	b.Helper()
	since := time.Now()
	for _, n := range c.toTell() {
		n.Must("SENTINEL", "MONITOR", name, g.Master.Addr.Host, g.Master.Addr.Port, len(c.nodes)/2+1)
		n.Must("SENTINEL", "SET", name,
			"down-after-milliseconds", set.downAfter.Milliseconds(), "failover-timeout", set.failoverTimeout.Milliseconds())
	}
	g.Master.Must("SET", "k", "v") // so that there are offsets
	procs.Eventually(b, 2*time.Minute, func() error {
		if time.Since(since) < 2*set.downAfter {
			return errors.New("it has not watched the master for long enough")
		}
		for _, n := range c.nodes {
			if err := n.knows(name, g, len(c.nodes)-1); err != nil {
				return fmt.Errorf("%s at %s: %w", c.name, n.Addr, err)
			}
		}
		return nil
	})
}

// forget makes a contender watch a group no longer.
func (c *contender) forget(name string) {
	for _, n := range c.toTell() {
		n.Must("SENTINEL", "REMOVE", name)
	}
}

// knows returns nil if a node sees the master, all its replicas and that many
// other nodes, all in good health.
func (n *node) knows(name string, g *procs.RedisGroup, others int) error {
	m, err := redis.StringMap(n.Do("SENTINEL", "MASTER", name))
	if err != nil {
		return err
	}
	if m["flags"] != "master" || m["runid"] == "" {
		return fmt.Errorf("the master is shown with flags %q, run id %q", m["flags"], m["runid"])
	}
	err = n.shows("REPLICAS", name, len(g.Replicas), func(r map[string]string) bool {
		return r["flags"] == "slave" && r["master-link-status"] == "ok" && r["slave-repl-offset"] != "0" && r["runid"] != ""
	})
	if err != nil {
		return err
	}
	err = n.shows("SENTINELS", name, others, func(s map[string]string) bool { return s["flags"] == "sentinel" })
	if err != nil {
		return err
	}
	_, err = n.Do("SENTINEL", "CKQUORUM", name)
	return err
}

// shows returns nil if a list of a node has that many rows and all are good.
func (n *node) shows(list, name string, want int, good func(map[string]string) bool) error {
	rows, err := redis.Values(n.Do("SENTINEL", list, name))
	if err != nil {
		return err
	}
	if len(rows) != want {
		return fmt.Errorf("SENTINEL %s has %d rows, want %d", list, len(rows), want)
	}
	for _, row := range rows {
		if r, err := redis.StringMap(row, nil); err != nil || !good(r) {
			return fmt.Errorf("SENTINEL %s has a row %v (%w)", list, r, err)
		}
	}
	return nil
}
