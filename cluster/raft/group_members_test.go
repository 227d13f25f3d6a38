package raft

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"

	"github.com/lni/dragonboat/v4"
)

// wipe empties a node's folder.
func (g *group) wipe(i int) {
	g.t.Helper()
	if err := os.RemoveAll(g.nodes[i].options.Dir); err != nil {
		g.t.Fatal(err)
	}
}

// TestWipedIsRefused: a member whose folder was emptied does not start under its
// old name while somebody remembers it, and the error says what to do.
func TestWipedIsRefused(t *testing.T) {
	g := openGroup(t, 3)
	g.add(0, 0)
	g.stop(1)
	g.wipe(1)
	g.nodes[1].options.ID = g.nodes[1].broker.Self() // given by the configuration, as it may be
	_, err := Open(g.nodes[1].options)
	if !errors.Is(err, ErrWiped) || !strings.Contains(err.Error(), "join") {
		t.Fatalf("a member without its folder: %v", err)
	}
	g.add(0, 1)

	// Nor when nobody was there to be asked at its start.
	g.stop(0)
	g.stop(2)
	g.start(1)
	g.is(1, cluster.Suspended)
	g.start(0)
	reason := g.is(1, cluster.Lost)
	if !strings.Contains(reason, "join") || !strings.Contains(reason, g.nodes[0].options.Addr) {
		t.Errorf("the reason is %q", reason)
	}
	_, _, err = g.nodes[1].broker.Propose(g.ctx(), state.Mutation{Op: monitor(2)})
	if !errors.Is(err, cluster.ErrNotLogged) {
		t.Errorf("a proposal at a member without its folder: %v", err)
	}
	// Its vote does not count: the one that remembers has no majority with it.
	_, _, err = g.nodes[0].broker.Propose(g.ctx(), state.Mutation{Op: monitor(2)})
	if !errors.Is(err, cluster.ErrNoQuorum) {
		t.Errorf("a proposal with the help of a member without its folder: %v", err)
	}
	g.start(2)
	g.is(0, cluster.Ready)
	g.has(0, 0, 1)
}

// TestTwoHistories: of three, one was wiped, one has never run, and the third,
// which has changes that were acknowledged, is down. The two begin, as they
// cannot know; but when the third comes back, nobody mixes the two histories.
func TestTwoHistories(t *testing.T) {
	g := newGroup(t, 3)
	g.start(0)
	g.start(1)
	g.ready()
	g.add(0, 0)
	g.stop(0)
	g.stop(1)
	g.wipe(0)
	g.start(0)
	g.start(2)
	g.ready()
	g.add(2, 1)

	g.start(1)
	procs.Eventually(t, patience, func() error {
		for _, p := range g.nodes[1].broker.Peers() {
			if !p.Self && (p.Reachable || p.Trouble == "" || p.Trouble == "connection refused") {
				return fmt.Errorf("%s is talked to: %+v", p.Addr, p)
			}
		}
		return nil
	})
	for _, i := range []int{0, 2} {
		if _, ok := g.nodes[i].broker.State().Master(masterName(0)); ok {
			t.Errorf("node %d of the new history knows a change of the old one", i)
		}
	}
	if _, ok := g.nodes[1].broker.State().Master(masterName(1)); ok {
		t.Error("the node of the old history knows a change of the new one")
	}
	if h := g.nodes[1].broker.Health(); h.Condition == cluster.Ready || !strings.Contains(h.Reason, "data directory") && !strings.Contains(h.Reason, "folder") {
		t.Errorf("the health is %+v", h)
	}
}

// TestGrowAndShrink goes from one member to three to five, and back to two.
func TestGrowAndShrink(t *testing.T) {
	g := openGroup(t, 1)
	g.burst(0, 20)
	for n := 2; n <= 5; n++ {
		i := g.prepareJoiner()
		g.start(i)
		reason := g.is(i, cluster.Suspended)
		if !strings.Contains(reason, "to be added") {
			t.Errorf("a node that waits says %q", reason)
		}
		if _, _, err := g.nodes[i].broker.Propose(g.ctx(), state.Mutation{Op: monitor(99)}); !errors.Is(err, cluster.ErrNoQuorum) {
			t.Errorf("a proposal at a node that waits: %v", err)
		}
		if p := g.grow(n-2, i); p.ID != g.nodes[i].broker.Self() { // any member can
			t.Fatalf("adding the %d. member: %+v", n, p)
		}
		g.is(i, cluster.Ready)
		g.add(i, 100+i)
		g.has(i, 0, 19, 100+i)
	}
	g.ready()
	g.members(0, 5)
	g.stop(2)
	g.start(2) // a joiner is a member like any other
	g.is(2, cluster.Ready)

	g.nodes[3].gate.cut()
	g.nodes[4].gate.cut()
	g.add(0, 200) // three of five
	g.nodes[3].gate.heal()
	g.nodes[4].gate.heal()
	g.ready()
	for n := 5; n > 2; n-- {
		gone := g.nodes[n-1].broker
		g.shrink(0, string(gone.Self()))
		g.members(0, n-1)
		reason := g.is(n-1, cluster.Lost)
		if !strings.Contains(reason, "removed") {
			t.Errorf("a member that was removed says %q", reason)
		}
		g.stop(n - 1)
		if _, err := Open(g.nodes[n-1].options); !errors.Is(err, ErrRemoved) {
			t.Errorf("a member that was removed starts again: %v", err)
		}
	}
	g.add(1, 201)
	g.has(0, 201)
}

// members waits until a node lists that many members.
func (g *group) members(node, n int) {
	g.t.Helper()
	procs.Eventually(g.t, patience, func() error {
		if p := g.nodes[node].broker.Peers(); len(p) != n {
			return fmt.Errorf("%d members: %+v", len(p), p)
		}
		return nil
	})
}

// TestReplaceTheDead: a member whose disk is lost is removed and comes back as a
// new one at the same address.
func TestReplaceTheDead(t *testing.T) {
	g := openGroup(t, 3)
	g.burst(0, 20)
	old := g.nodes[2].broker.Self()
	g.stop(2)
	g.wipe(2)
	g.nodes[2].options.Start = Join
	g.start(2)

	g.is(0, cluster.Ready)
	addr := g.nodes[2].options.Addr
	g.refuses("adding while another is missing", "another member than the expected one", func() error {
		return second(g.nodes[0].broker.AddMember(g.ctx(), addr))
	})
	g.shrink(0, addr)
	if p := g.grow(0, 2); p.ID == old {
		t.Fatalf("the new member is the old one: %+v", p)
	}
	g.ready()
	g.has(2, 0, 19)
	g.stop(0)
	g.add(2, 50)
	g.start(0)
	g.is(0, cluster.Ready)
	g.members(0, 3)
}

// TestRemovedWhileDown: a member that was removed while it was down learns it
// from the others when it comes back, and does not disturb them.
func TestRemovedWhileDown(t *testing.T) {
	g := openGroup(t, 3)
	g.add(0, 0)
	g.stop(2)
	g.shrink(0, string(g.nodes[2].broker.Self()))
	g.start(2)
	if reason := g.is(2, cluster.Lost); !strings.Contains(reason, "removed") {
		t.Errorf("it says %q", reason)
	}
	g.add(1, 1)
	g.stop(2)
	if _, err := Open(g.nodes[2].options); !errors.Is(err, ErrRemoved) {
		t.Errorf("it starts again: %v", err)
	}
}

// TestRefusedChanges: a change of the members that would do harm is refused with
// a reason, and nothing has changed.
func TestRefusedChanges(t *testing.T) {
	g := openGroup(t, 3)
	b := g.nodes[0].broker
	free := g.newAddr()
	add := func(addr string) func() error {
		return func() error { return second(b.AddMember(g.ctx(), addr)) }
	}
	remove := func(who string) func() error {
		return func() error { return b.RemoveMember(g.ctx(), who) }
	}
	other := openGroup(t, 1)
	g.refuses("a member of another group", "another group", add(other.nodes[0].options.Addr))
	g.refuses("this node", "itself", add(g.nodes[0].options.Addr))
	g.refuses("an address without a node", "no node waits at "+free, add(free))
	g.refuses("no address", "not host:port", add("nonsense"))
	g.refuses("nobody", "no member", remove(""))
	g.refuses("a stranger", "no member", remove(strings.Repeat("0", 40)))
	g.refuses("oneself", "on another", remove(string(b.Self())))
	g.stop(2)
	g.refuses("removing one of two that are left of three", "no majority", remove(g.nodes[1].options.Addr))
	if n := len(b.Peers()); n != 3 {
		t.Errorf("there are %d members", n)
	}
}

// TestAddAgain: adding is repeated when its outcome is unknown, and then succeeds
// when the node has been added, and changes nothing.
func TestAddAgain(t *testing.T) {
	g := openGroup(t, 1)
	i := g.prepareJoiner()
	g.start(i)
	first := g.grow(0, i)
	g.is(i, cluster.Ready) // it knows that it is a member
	again := g.grow(0, i)
	if again.ID != first.ID || again.Addr != first.Addr {
		t.Errorf("added again: %+v, before: %+v", again, first)
	}
	g.members(0, 2)
}

// TestChangeThatMayHaveBeenMade: when the engine rejects an attempt to change the
// members, what an earlier one came to is as unknown as before.
func TestChangeThatMayHaveBeenMade(t *testing.T) {
	g := openGroup(t, 1)
	h := g.nodes[0].broker.host.Load()
	for _, before := range []bool{false, true} {
		asked, sent := false, before
		based := func(h *host, m *dragonboat.Membership, timeout time.Duration) (*dragonboat.RequestState, error) {
			asked = true
			return h.nh.RequestAddReplica(shard, nextReplica(m), "nobody", m.ConfigChangeID+1, timeout)
		}
		procs.Eventually(t, patience, func() error {
			asked, sent = false, before
			done, err := g.nodes[0].broker.changeOnce(g.ctx(), h, based, &sent)
			if done || err != nil || !asked {
				return fmt.Errorf("done %t, asked %t: %v", done, asked, err)
			}
			if sent != before {
				return fmt.Errorf("a change based on a list that is not there: sent is %t, was %t", sent, before)
			}
			return nil
		})
	}
	g.members(0, 1)
}

func second[T any](_ T, err error) error { return err }

// TestTwoWithOneID: two members cannot have one id.
func TestTwoWithOneID(t *testing.T) {
	g := openGroup(t, 1)
	i := g.prepareJoiner()
	g.nodes[i].options.ID = g.nodes[0].broker.Self()
	g.start(i)
	if _, err := g.nodes[0].broker.AddMember(g.ctx(), g.nodes[i].options.Addr); !errors.Is(err, cluster.ErrRefused) {
		t.Errorf("a second member with the same id: %v", err)
	}
}

// TestFoundersWithOneID: founders that were given copies of one configuration, with
// an id in it, do not work together, not through a third either; the third works
// with one of them.
func TestFoundersWithOneID(t *testing.T) {
	g := newGroup(t, 3)
	for _, i := range []int{0, 1} {
		g.nodes[i].options.ID = state.MemberID(strings.Repeat("ab", 20))
	}
	g.start(0)
	g.start(1)
	for _, i := range []int{0, 1} {
		g.reasonOf(i, "have the same id")
	}
	g.start(2)
	g.is(2, cluster.Ready)
	kept, left := 0, 1
	procs.Eventually(t, patience, func() error {
		for i := range 2 {
			if g.nodes[i].broker.Health().Condition == cluster.Ready {
				kept, left = i, 1-i
				return nil
			}
		}
		return errors.New("neither works with the third")
	})
	g.add(kept, 1)
	g.reasonOf(left, "have the same id")

	// With an id of its own it is a founder like the others.
	g.stop(left)
	g.wipe(left)
	g.nodes[left].options.ID = ""
	g.start(left)
	g.ready()
	g.add(left, 2)
	g.has(kept, 1, 2)
}

// TestOtherFounders: founders that were given different lists do not begin, and
// say why.
func TestOtherFounders(t *testing.T) {
	g := newGroup(t, 3)
	g.nodes[1].options.Founders = append(slices.Clone(g.nodes[1].options.Founders), "192.0.2.1:7000")
	g.start(0)
	g.start(1)
	procs.Eventually(t, patience, func() error {
		if h := g.nodes[0].broker.Health(); !strings.Contains(h.Reason, "same list") {
			return fmt.Errorf("the reason is %q", h.Reason)
		}
		return nil
	})
	if h := g.nodes[0].broker.Health(); h.Condition == cluster.Ready {
		t.Error("two lists made one group")
	}
}

// TestFolder: what Open says about folders and options that do not fit.
func TestFolder(t *testing.T) {
	g := openGroup(t, 1)
	n := g.nodes[0]
	if _, err := Open(n.options); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second broker on the folder: %v", err)
	}
	g.stop(0)
	for what, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"another id":        {func(o *Options) { o.ID = state.MemberID(strings.Repeat("ab", 20)) }, "belongs to the member"},
		"no id":             {func(o *Options) { o.ID = "short" }, "40 lower-case hex digits"},
		"another log":       {func(o *Options) { o.LogDir = t.TempDir() }, "forgets what it promised"},
		"no address":        {func(o *Options) { o.Addr = ":7000" }, "cannot connect"},
		"every address":     {func(o *Options) { o.Addr = "0.0.0.0:7000" }, "cannot connect"},
		"no port":           {func(o *Options) { o.Addr = "a:b" }, "not a number"},
		"half of TLS":       {func(o *Options) { o.TLS.CAFile = "ca" }, "all three"},
		"a timing":          {func(o *Options) { o.Timing.ElectionRTT = 4 }, "more than twice"},
		"a tick too short":  {func(o *Options) { o.Timing.RTT = 1 }, "whole milliseconds"},
		"no folder":         {func(o *Options) { o.Dir = "" }, "data directory"},
		"an odd start":      {func(o *Options) { o.Start = "now" }, "must be"},
		"not among its own": {func(o *Options) { o.Dir = t.TempDir(); o.Founders = []string{"192.0.2.1:1"} }, "not among the founding members"},
	} {
		o := n.options
		c.change(&o)
		b, err := Open(o)
		if err == nil {
			_ = b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, which does not say %q", what, err, c.want)
		}
	}
	g.start(0)
	g.ready()
	g.stop(0)
	if err := os.Remove(filepath.Join(n.options.Dir, identityFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(n.options); err == nil || !strings.Contains(err.Error(), "replace the member") {
		t.Errorf("a folder with data and no identity: %v", err)
	}
}

// TestLogOfAnother: the log folder of a former member is refused to a new one,
// which would vote a second time with it.
func TestLogOfAnother(t *testing.T) {
	for _, start := range []Start{Found, Join} {
		g := newGroup(t, 1)
		o := &g.nodes[0].options
		o.LogDir = filepath.Join(memoryDir(t), "log")
		g.start(0)
		g.ready()
		g.stop(0)
		g.wipe(0)
		o.Start = start
		b, err := Open(*o)
		if err == nil {
			_ = b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), o.LogDir) || !strings.Contains(err.Error(), "empty both") {
			t.Errorf("%s with the log of another: %v", start, err)
		}
		if _, err := os.Stat(pathIn(o.Dir, identityFile)); err == nil {
			t.Errorf("%s: the folder has an identity now", start)
		}
	}
}

// TestLogDir: the log has a folder of its own, and moves with its content.
func TestLogDir(t *testing.T) {
	g := newGroup(t, 1)
	o := &g.nodes[0].options
	o.LogDir = filepath.Join(t.TempDir(), "log")
	g.start(0)
	g.ready()
	g.add(0, 1)
	g.stop(0)
	moved := o.LogDir + "-moved"
	if err := os.Rename(o.LogDir, moved); err != nil {
		t.Fatal(err)
	}
	o.LogDir = moved
	g.start(0)
	g.ready()
	g.has(0, 1)
}
