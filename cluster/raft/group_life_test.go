package raft

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// TestAloneOfThree: a member that waits for the others answers reads and says
// whom it misses; two begin without the third, which catches up.
func TestAloneOfThree(t *testing.T) {
	g := newGroup(t, 3)
	g.start(0)
	b := g.nodes[0].broker
	begin := time.Now()
	_, _, err := b.Propose(g.ctx(), state.Mutation{Op: monitor(1)})
	if !errors.Is(err, cluster.ErrNoQuorum) {
		t.Fatalf("a proposal of one of three ended after %s with %v", time.Since(begin), err)
	}
	if _, err := b.Barrier(g.ctx()); !errors.Is(err, cluster.ErrNoQuorum) {
		t.Errorf("a barrier of one of three ended with %v", err)
	}
	reason := g.is(0, cluster.Suspended)
	for _, text := range []string{err.Error(), reason} {
		if !strings.Contains(text, "1 of 3 members") || !strings.Contains(text, g.nodes[1].options.Addr) || !strings.Contains(text, g.nodes[2].options.Addr) {
			t.Errorf("the reason %q does not say who is missing", text)
		}
	}
	g.start(2)
	g.ready()
	g.add(0, 1)
	g.add(2, 2)
	g.start(1)
	g.ready()
	g.has(1, 1, 2)
	g.add(1, 3)
	g.has(0, 3)
}

// TestReadsAlone: after a restart of one of three, it knows what it had.
func TestReadsAlone(t *testing.T) {
	g := openGroup(t, 3)
	for i := range 500 { // some of it in a snapshot, some in the log
		g.add(i%3, i)
	}
	for i := range g.nodes {
		g.has(i, 499)
	}
	g.add(0, 500) // carries the news that 499 is committed
	for i := range g.nodes {
		g.stop(i)
	}
	g.start(1)
	if _, ok := g.nodes[1].broker.State().Master(masterName(499)); !ok {
		t.Errorf("alone after a restart the node knows %d masters, not all 500", g.nodes[1].broker.State().Len())
	}
	g.is(1, cluster.Suspended)
}

// TestRestartInAnyOrder: whatever the order of stopping and starting, nothing is
// lost, and two suffice.
func TestRestartInAnyOrder(t *testing.T) {
	g := openGroup(t, 3)
	master := 0
	for round, order := range [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}} {
		for _, i := range order {
			g.stop(i)
		}
		for k := len(order) - 1; k >= 1; k-- {
			g.start(order[k])
		}
		g.is(order[1], cluster.Ready)
		g.add(order[1], master)
		g.start(order[0])
		g.ready()
		for i := range g.nodes {
			for m := range master + 1 {
				g.has(i, m)
			}
		}
		master = round + 1
	}
}

// TestLeaderCutOff: proposals succeed again at the others, also those that were
// on their way; the old leader refuses, and is one of them again afterwards.
func TestLeaderCutOff(t *testing.T) {
	g := openGroup(t, 3)
	g.add(0, 0)
	leader := g.leader()
	other := (leader + 1) % 3
	g.nodes[leader].gate.cut()
	begin := time.Now()
	g.add(other, 1)
	t.Logf("accepted again %s after the leader was cut off, the election timeout is %s", time.Since(begin), quick.Election())
	procs.Eventually(t, patience, func() error {
		if reason := g.is(leader, cluster.Suspended); !strings.Contains(reason, g.nodes[other].options.Addr) {
			return fmt.Errorf("the reason %q of the member that is cut off does not name %s", reason, g.nodes[other].options.Addr)
		}
		return nil
	})
	_, _, err := g.nodes[leader].broker.Propose(g.ctx(), state.Mutation{Op: monitor(2)})
	if !errors.Is(err, cluster.ErrNoQuorum) {
		t.Errorf("a proposal at the member that is cut off: %v", err)
	}
	g.nodes[leader].gate.heal()
	g.ready()
	g.has(leader, 1)
}

// TestLeaderStops: a planned stop hands leadership over, so the others go on at
// once.
func TestLeaderStops(t *testing.T) {
	g := openGroup(t, 3)
	for i := range g.nodes {
		g.has(i)
	}
	procs.Eventually(t, patience, func() error { // so that heirs are known
		for _, p := range g.nodes[g.leader()].broker.Peers() {
			if !p.Serving {
				return fmt.Errorf("%s does not serve", p.Addr)
			}
		}
		return nil
	})
	leader := g.leader()
	begin := time.Now()
	g.stop(leader)
	closed := time.Since(begin)
	g.add((leader+1)%3, 1)
	t.Logf("closed in %s, accepted again after %s, the election timeout is %s", closed, time.Since(begin), quick.Election())
	begin = time.Now()
	g.stop((leader + 1) % 3)
	t.Logf("of two, closed in %s", time.Since(begin))
	g.is((leader+2)%3, cluster.Suspended)
	begin = time.Now()
	g.stop((leader + 2) % 3)
	t.Logf("without a quorum, closed in %s", time.Since(begin))
}

// TestPeersNameTheLeader: all members name the same one, and one of those that
// are left when it is gone.
func TestPeersNameTheLeader(t *testing.T) {
	g := openGroup(t, 3)
	first := g.named(0, 1, 2)
	g.stop(first)
	g.named((first+1)%3, (first+2)%3)
}

// named waits until these nodes name one of themselves as the leader, and
// nobody else.
func (g *group) named(nodes ...int) (leader int) {
	g.t.Helper()
	procs.Eventually(g.t, patience, func() error {
		var named []string
		for _, i := range nodes {
			for _, p := range g.nodes[i].broker.Peers() {
				if p.Leader {
					named = append(named, p.Addr)
				}
			}
		}
		slices.Sort(named)
		leader = slices.IndexFunc(g.nodes, func(n *node) bool { return len(named) > 0 && n.options.Addr == named[0] })
		if len(named) != len(nodes) || named[0] != named[len(named)-1] || !slices.Contains(nodes, leader) {
			return fmt.Errorf("nodes %v name the leaders %q", nodes, named)
		}
		return nil
	})
	return leader
}

// TestLateFollowerGetsASnapshot: a member that was away for longer than the log
// reaches back, gets a Reset and the whole document.
func TestLateFollowerGetsASnapshot(t *testing.T) {
	g := openGroup(t, 3)
	g.stop(2)
	const n = 1000
	g.burst(0, n)
	g.start(2)
	from := g.nodes[2].broker.State().Index
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resets := 0
	for c := range g.nodes[2].broker.Applied(ctx, from) {
		if c.Reset {
			resets++
		}
		if c.State.Len() == n {
			break
		}
	}
	if resets == 0 {
		t.Error("there was no Reset")
	}
	g.has(2, 0, n-1)
}

// burst adds n masters through one node.
func (g *group) burst(node, n int) {
	g.t.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	ctx := g.ctx()
	for range 32 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := insist(ctx, g.nodes[node].broker, monitor(i)); err != nil {
					g.t.Errorf("node %d does not add master %d: %v", node, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if g.t.Failed() {
		g.t.FailNow()
	}
}

// TestFullDisk: a member leaves off before its disk is full and comes back when
// there is space; the others go on, without an election if it led.
func TestFullDisk(t *testing.T) {
	g := openGroup(t, 3)
	leader := g.leader()
	other := (leader + 1) % 3
	g.nodes[leader].full.Store(true)
	reason := g.is(leader, cluster.Suspended)
	if !strings.Contains(reason, "disk") || !strings.Contains(reason, g.nodes[leader].options.Dir) {
		t.Errorf("the reason is %q", reason)
	}
	_, _, err := g.nodes[leader].broker.Propose(g.ctx(), state.Mutation{Op: monitor(9)})
	if !errors.Is(err, cluster.ErrNotLogged) {
		t.Errorf("a proposal with a full disk: %v", err)
	}
	g.add(other, 1)
	g.nodes[leader].full.Store(false)
	g.is(leader, cluster.Ready)
	g.has(leader, 1)
	g.add(leader, 2)

	g.stop(other)
	g.nodes[other].full.Store(true)
	g.start(other) // with a full disk it starts, and waits
	g.is(other, cluster.Suspended)
	g.nodes[other].full.Store(false)
	g.is(other, cluster.Ready)
	g.has(other, 2)
}

// TestMovedAddress: a member that comes back with another address is the same
// member, and is found.
func TestMovedAddress(t *testing.T) {
	g := openGroup(t, 3)
	g.add(0, 0)
	self := g.nodes[1].broker.Self()
	g.stop(1)
	g.nodes[1].options.Addr = g.newAddr() // the others' lists still have the old one
	g.start(1)
	g.ready()
	g.add(1, 1)
	g.has(0, 1)
	if now := g.nodes[1].broker.Self(); now != self {
		t.Errorf("with another address the member is %s, it was %s", now, self)
	}
	procs.Eventually(t, patience, func() error {
		peers := g.nodes[0].broker.Peers()
		for _, p := range peers {
			if p.ID == self && p.Addr == g.nodes[1].options.Addr && p.Reachable && len(peers) == 3 {
				return nil
			}
		}
		return fmt.Errorf("the members are %+v", peers)
	})
	g.stop(0)
	g.start(0) // it has kept the new address
	g.is(0, cluster.Ready)
	g.stop(2)
	g.add(0, 2)
}

// TestAllMoved: when all addresses have changed, the list of the configuration
// brings the members together.
func TestAllMoved(t *testing.T) {
	g := openGroup(t, 3)
	g.add(0, 0)
	for i := range g.nodes {
		g.stop(i)
		g.nodes[i].options.Addr = g.newAddr()
	}
	for i := range g.nodes {
		g.nodes[i].options.Founders = g.addrs()
		g.start(i)
	}
	g.ready()
	g.has(2, 0)
	g.add(1, 1)
}

// TestMovedFolder: a folder works in another place, also for sending the
// snapshot that was made in the first.
func TestMovedFolder(t *testing.T) {
	g := openGroup(t, 2)
	g.burst(0, 1000)
	g.stop(0)
	g.stop(1)
	for _, n := range g.nodes {
		moved := n.options.Dir + "-moved"
		if err := os.Rename(n.options.Dir, moved); err != nil {
			t.Fatal(err)
		}
		n.options.Dir = moved
	}
	g.start(0)
	g.start(1)
	g.ready()
	g.add(0, 9000)
	for i := range g.nodes {
		procs.Eventually(t, patience, func() error {
			if dir := g.nodes[i].broker.keeper.get().Dir; dir != g.nodes[i].options.Dir {
				return fmt.Errorf("there is no snapshot in %s yet", g.nodes[i].options.Dir)
			}
			return nil
		})
	}
	joiner := g.prepareJoiner()
	g.start(joiner)
	g.grow(0, joiner)
	g.has(joiner, 0, 999, 9000)
}

// prepareJoiner adds a place for a node that is to join.
func (g *group) prepareJoiner() int {
	list := g.addrs()
	n := g.prepare()
	n.options.Start, n.options.Founders = Join, list
	return len(g.nodes) - 1
}
