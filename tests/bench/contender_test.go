package bench

import (
	"cmp"
	"errors"
	"fmt"
	"os"
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
	// leads is the place of the node that leads in a round. Sentinels have a
	// leader only for one failover, so each has its turn.
	leads func(round int) int
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
	both := []*contender{redisFailover(b, nodes), {
		name: "stock", nodes: asNodes(procs.Sentinels(b, nodes, procs.SentinelOpts{})),
		leads: func(round int) int { return round % nodes },
	}}
	for _, c := range both {
		for _, n := range c.nodes {
			n.listen(b)
		}
	}
	return both
}

// redisFailover is one node alone with its file, or several with raft or
// ZooKeeper.
func redisFailover(b *testing.B, nodes int) *contender {
	b.Helper()
	c := &contender{name: "ours", agreed: true, leads: func(int) int { return 0 }}
	if nodes == 1 {
		c.nodes = asNodes([]*procs.Server{procs.Failover(b).Server})
		return c
	}
	group := startCluster(b, nodes)
	c.nodes = asNodes(members(group))
	c.leads = func(int) int { return group.Leader().Index }
	return c
}

// startCluster starts a group with the timing that it has by default, or with
// ticks of RAFT_RTT milliseconds. With BROKER=zk it keeps its document in a
// ZooKeeper of three servers, whose ticks are half a second.
func startCluster(b *testing.B, nodes int, args ...string) *procs.Cluster {
	b.Helper()
	opts := procs.ClusterOpts{Nodes: nodes, Tick: time.Duration(number(b, "RAFT_RTT", 50, 1000)) * time.Millisecond, Args: args}
	switch broker := cmp.Or(os.Getenv("BROKER"), "raft"); broker {
	case "raft":
	case "zk":
		opts.ZooKeeper = procs.StartZooKeeper(b, procs.ZooKeeperOpts{Servers: 3, Tick: 500 * time.Millisecond})
	default:
		b.Fatalf("BROKER=%q: give raft or zk", broker)
	}
	return procs.StartCluster(b, opts)
}

func members(c *procs.Cluster) []*procs.Server {
	var servers []*procs.Server
	for _, m := range c.Members {
		servers = append(servers, m.Server)
	}
	return servers
}

func asNodes(servers []*procs.Server) []*node {
	var nodes []*node
	for _, s := range servers {
		nodes = append(nodes, &node{Server: s})
	}
	return nodes
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

// forget makes a contender watch a group no longer. Nodes that have just been
// started again need a moment.
func (c *contender) forget(b *testing.B, name string) {
	b.Helper()
	for _, n := range c.toTell() {
		procs.Eventually(b, time.Minute, func() error {
			_, err := n.Do("SENTINEL", "REMOVE", name)
			return err
		})
	}
}

// knows returns nil if a node sees the master, all its replicas and that many
// other nodes, all in good health.
func (n *node) knows(name string, g *procs.RedisGroup, others int) error {
	if err := n.Sees(name, g.Master.Addr, len(g.Replicas), others); err != nil {
		return err
	}
	rows, err := redis.Values(n.Do("SENTINEL", "REPLICAS", name))
	if err != nil {
		return err
	}
	for _, row := range rows {
		r, err := redis.StringMap(row, nil)
		if err != nil {
			return err
		}
		if r["slave-repl-offset"] == "0" {
			return fmt.Errorf("the offset of replica %s is not known yet", r["name"])
		}
	}
	_, err = n.Do("SENTINEL", "CKQUORUM", name)
	return err
}
