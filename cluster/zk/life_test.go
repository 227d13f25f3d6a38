package zk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"

	"github.com/go-zookeeper/zk"
)

// TestEnsembleAway kills the server that leads, then all of them: nodes answer
// meanwhile, refuse changes, and go on by themselves.
func TestEnsembleAway(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Servers: 3, Tick: tick})
	g := openGroup(t, servers, 2, nil)
	g.accept(0, monitor(0))
	leader := servers.Leader()
	leader.Kill()
	g.accept(0, monitor(1))
	g.accept(1, monitor(2))
	servers.Kill()
	for i := range g.nodes {
		g.is(i, cluster.Suspended)
		b := g.nodes[i].broker
		if _, _, err := b.Propose(t.Context(), state.Mutation{Op: monitor(3)}); !errors.Is(err, cluster.ErrNoQuorum) {
			t.Errorf("node %d without ZooKeeper: %v", i, err)
		}
		if _, err := b.Barrier(t.Context()); !errors.Is(err, cluster.ErrNoQuorum) {
			t.Errorf("a barrier of node %d without ZooKeeper: %v", i, err)
		}
		if _, there := b.State().Master(monitor(0).Name); !there {
			t.Errorf("node %d without ZooKeeper does not answer", i)
		}
	}
	servers.Start()
	for i := range g.nodes {
		g.is(i, cluster.Ready)
	}
	g.accept(1, monitor(4))
	if doc := g.agree(); doc.Len() != 4 {
		t.Errorf("%d masters of 4", doc.Len())
	}
}

// TestUnreachableAtStart: the node starts, says why it can do nothing, and reads
// the document when it can.
func TestUnreachableAtStart(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := newGroup(t, servers, 1, nil)
	g.nodes[0].gate.close()
	b := g.start(0)
	if h := b.Health(); h.Condition != cluster.Suspended || !strings.Contains(h.Reason, servers.Addrs()) {
		t.Errorf("health is %+v", h)
	}
	g.nodes[0].gate.heal()
	g.is(0, cluster.Ready)
	g.accept(0, monitor(1))
}

// TestCloseWhileAway: nothing goes on after Close, in the library neither.
func TestCloseWhileAway(t *testing.T) {
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	before := runtime.NumGoroutine()
	g := newGroup(t, servers, 2, nil)
	g.nodes[0].gate.close()
	g.start(0)
	g.start(1)
	g.is(1, cluster.Ready)
	g.nodes[1].gate.close()
	g.is(1, cluster.Suspended)
	g.stop(0)
	g.stop(1)
	procs.Eventually(t, patience, func() error {
		if now := runtime.NumGoroutine(); now > before {
			return fmt.Errorf("%d goroutines before, %d left", before, now)
		}
		return nil
	})
}

// TestNamesAreResolvedAnew: a name leads to one server, and to another when that
// one is gone.
func TestNamesAreResolvedAnew(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Servers: 3, Tick: tick})
	var now atomic.Int64
	g := newGroup(t, servers, 1, func(o *Options) { o.Servers = []string{"zookeeper.example:2181"} })
	g.nodes[0].options.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if addr != "zookeeper.example:2181" {
			return nil, fmt.Errorf("asked for %s", addr)
		}
		return g.nodes[0].gate.dial(ctx, network, servers.Servers[now.Load()].Addr.String())
	}
	g.start(0)
	g.is(0, cluster.Ready)
	g.accept(0, monitor(1))
	now.Store(1)
	servers.Servers[0].Kill()
	g.accept(0, monitor(2))
	g.agree()
}

// TestWhatIsNotOurs: paths that hold something else, or what a later build wrote,
// are refused and left alone.
func TestWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	conn := client(t, servers)
	for what, c := range map[string]struct {
		data string
		want error
	}{
		"something else":  {"hello", ErrForeign},
		"a later format":  {`{"product":"redis-failover","format":2,"schema":1,"id":"x","generation_entries":9}`, ErrTooOld},
		"a later schema":  {`{"product":"redis-failover","format":1,"schema":1000,"id":"x","generation_entries":9}`, ErrTooOld},
		"without a limit": {`{"product":"redis-failover","format":1,"schema":1,"id":"x"}`, ErrForeign},
	} {
		g := newGroup(t, servers, 1, func(o *Options) { o.Path = strings.ReplaceAll("/"+what, " ", "-") })
		path := g.nodes[0].options.Path
		if _, err := conn.Create(path, []byte(c.data), 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
		if b, err := Open(g.nodes[0].options); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
			g.nodes[0].broker = b
		}
		if data, _, err := conn.Get(path); err != nil || string(data) != c.data {
			t.Errorf("%s: now there is %q, %v", what, data, err)
		}
	}
}

// TestEmptiedPath: a node never takes an empty document for its own.
func TestEmptiedPath(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 1, nil)
	g.accept(0, monitor(1))
	removeAll(t, client(t, servers), g.nodes[0].options.Path)
	g.is(0, cluster.Lost)
	// What it meets first depends on what is removed first.
	if h := g.nodes[0].broker.Health(); !strings.Contains(h.Reason, "emptied") && !strings.Contains(h.Reason, "removed") {
		t.Errorf("it says %q", h.Reason)
	}
	if g.nodes[0].broker.State().Len() != 1 {
		t.Error("the document went back")
	}
}

func removeAll(t *testing.T, conn *zk.Conn, path string) {
	t.Helper()
	for {
		children, _, err := conn.Children(path)
		if errors.Is(err, zk.ErrNoNode) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			removeAll(t, conn, path+"/"+c)
		}
		switch err := conn.Delete(path, -1); {
		case err == nil, errors.Is(err, zk.ErrNoNode):
			return
		case !errors.Is(err, zk.ErrNotEmpty): // somebody is still at work there
			t.Fatal(err)
		}
	}
}

// TestSharedIdentity: of two processes under one identity the later one goes on.
func TestSharedIdentity(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	const id = state.MemberID("0123456789abcdef0123456789abcdef01234567")
	g := newGroup(t, servers, 2, func(o *Options) { o.ID = id })
	g.nodes[1].options.Path = g.nodes[0].options.Path
	g.start(0)
	g.is(0, cluster.Ready)
	g.start(1)
	g.is(0, cluster.Lost)
	g.is(1, cluster.Ready)
	if h := g.nodes[0].broker.Health(); !strings.Contains(h.Reason, ErrReplaced.Error()) {
		t.Errorf("the earlier one says %q", h.Reason)
	}
}

// TestMembers: members come by themselves, and one that is gone can be removed.
func TestMembers(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 3, nil)
	b, gone := g.nodes[0].broker, string(g.nodes[2].broker.Self())
	reachable := func(want int) func() error {
		return func() error {
			n := 0
			for _, p := range b.Peers() {
				if p.Reachable {
					n++
				} else if p.Trouble == "" {
					return fmt.Errorf("nothing is said of %+v", p)
				}
			}
			if n != want {
				return fmt.Errorf("%d members are there: %+v", n, b.Peers())
			}
			return nil
		}
	}
	procs.Eventually(t, patience, reachable(3))
	if _, err := b.AddMember(t.Context(), "a:1"); !errors.Is(err, cluster.ErrRefused) {
		t.Errorf("adding: %v", err)
	}
	for _, id := range []string{gone, string(b.Self()), "nobody", ""} {
		if err := b.RemoveMember(t.Context(), id); !errors.Is(err, cluster.ErrRefused) {
			t.Errorf("removing %q: %v", id, err)
		}
	}
	g.stop(2)
	procs.Eventually(t, patience, reachable(2))
	if err := b.RemoveMember(t.Context(), gone); err != nil {
		t.Errorf("removing the one that is gone: %v", err)
	}
	procs.Eventually(t, patience, func() error {
		if n := len(b.Peers()); n != 2 {
			return fmt.Errorf("%d members are listed", n)
		}
		return nil
	})
	g.start(2) // it comes again by itself
	procs.Eventually(t, patience, reachable(3))
}

// TestView: other programs find each master, with a place in the log that never
// goes back.
func TestView(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 2, nil)
	conn, at := client(t, servers), layout{g.nodes[0].options.Path}
	odd := monitor(1)
	odd.Name = "a/b c%"
	index := g.accept(1, odd)
	g.accept(1, monitor(2))
	g.accept(1, state.OpRemove{Name: monitor(2).Name})
	read := func(name string) (masterNode, error) {
		data, _, err := conn.Get(at.viewMaster(name))
		var n masterNode
		if err == nil {
			err = json.Unmarshal(data, &n)
		}
		return n, err
	}
	procs.Eventually(t, patience, func() error {
		n, err := read(odd.Name)
		if err != nil {
			return err
		}
		if n.Address != odd.Addr.String() || n.Index < index || n.Name != odd.Name {
			return fmt.Errorf("the view says %+v", n)
		}
		if names, _, err := conn.Children(at.viewMasters()); err != nil || len(names) != 1 || names[0] != "a%2Fb%20c%25" {
			return fmt.Errorf("the view lists %q, %v", names, err)
		}
		return nil
	})
	// Somebody who knows more has written it: it stays until this is known here.
	ahead := masterNode{Name: odd.Name, Address: "ahead", Index: 1 << 40}
	if _, err := conn.Set(at.viewMaster(odd.Name), encodeNode(ahead), -1); err != nil {
		t.Fatal(err)
	}
	g.accept(0, state.OpSet{Name: odd.Name, Options: []state.Option{{Name: "quorum", Values: []string{"2"}}}})
	g.accept(0, monitor(3))
	procs.Eventually(t, patience, func() error { _, err := read(monitor(3).Name); return err })
	if n, err := read(odd.Name); err != nil || n.Address != "ahead" {
		t.Errorf("a later view was overwritten: %+v, %v", n, err)
	}
	// The steward goes; another takes the view over.
	steward := 0
	if data, _, err := conn.Get(at.steward()); err != nil {
		t.Fatal(err)
	} else if strings.Contains(string(data), string(g.nodes[1].broker.Self())) {
		steward = 1
	}
	g.stop(steward)
	g.accept(1-steward, monitor(4))
	procs.Eventually(t, patience, func() error { _, err := read(monitor(4).Name); return err })
}

// TestCredentials: what nodes with credentials make is closed to others, but for
// the view.
func TestCredentials(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 2, func(o *Options) { o.Auth = "failover:secret" })
	g.accept(0, monitor(1))
	g.nodes[0].gate.mu.Lock()
	g.nodes[0].gate.drop() // the library has to give them again
	g.nodes[0].gate.mu.Unlock()
	g.accept(0, monitor(2))
	conn, at := client(t, servers), layout{g.nodes[0].options.Path}
	for _, closed := range []string{at.entry(place{}), at.nodes()} {
		if _, _, err := conn.Get(closed); !errors.Is(err, zk.ErrNoAuth) {
			t.Errorf("a stranger reads %s: %v", closed, err)
		}
	}
	procs.Eventually(t, patience, func() error {
		_, _, err := conn.Get(at.viewMaster(monitor(2).Name))
		return err
	})
	if err := conn.Delete(at.viewMaster(monitor(2).Name), -1); !errors.Is(err, zk.ErrNoAuth) {
		t.Errorf("a stranger removes what is in the view: %v", err)
	}
	other := newGroup(t, servers, 1, func(o *Options) { o.Path, o.Auth = g.nodes[0].options.Path, "failover:wrong" })
	b := other.start(0)
	procs.Eventually(t, patience, func() error {
		if h := b.Health(); h.Condition != cluster.Suspended || !strings.Contains(h.Reason, "credentials") || strings.Contains(h.Reason, "wrong") {
			return fmt.Errorf("with other credentials the health is %+v", h)
		}
		return nil
	})
}

// TestIdentity: it is drawn once, or given, and numbers never come twice.
func TestIdentity(t *testing.T) {
	dir, now := t.TempDir(), time.Unix(1_700_000_000, 0)
	id, first, err := takeIdentity(dir, "", now)
	if err != nil || !isMemberID(id) {
		t.Fatalf("%q, %v", id, err)
	}
	for _, later := range []time.Time{now, now.Add(-time.Hour), now.Add(time.Hour)} {
		again, next, err := takeIdentity(dir, "", later)
		if err != nil || again != id || next < first+1<<24 {
			t.Errorf("at %s: %q and %d after %q and %d, %v", later, again, next, id, first, err)
		}
		first = next
	}
	if _, _, err := takeIdentity(dir, state.MemberID(strings.Repeat("a", 40)), now); err == nil {
		t.Error("another id was taken over")
	}
}

// TestEntries: what is written is read again, and what is too large is refused.
func TestEntries(t *testing.T) {
	for _, size := range []int{10, compressFrom, 10 * compressFrom} {
		text := []byte(`"` + strings.Repeat("x", size) + `"`)
		data, err := encodeEntry([][]byte{text, []byte("1")})
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeEntry(data)
		if err != nil || len(back) != 2 || string(back[0]) != string(text) {
			t.Errorf("%d bytes came back as %d pieces, %v", size, len(back), err)
		}
	}
	if data, err := encodeEntry([][]byte{[]byte(randomHex(4 * maxNode))}); err == nil {
		t.Errorf("an entry of %d bytes was made", len(data))
	}
}
