package zk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"

	"github.com/go-zookeeper/zk"
)

// tick is that of the servers of these tests: sessions of up to 20 s.
const tick = time.Second

// client is a connection of the test's own.
func client(t testing.TB, servers *procs.ZooKeeper) *zk.Conn {
	t.Helper()
	conn, _, err := zk.Connect(strings.Split(servers.Addrs(), ","), 10*time.Second, zk.WithLogInfo(false), zk.WithLogger(silent{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// TestSnapshotsAndGenerations writes through several directories of the log, and
// sees snapshots take the place of what lies behind every member.
func TestSnapshotsAndGenerations(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 2, func(o *Options) {
		o.GenerationEntries, o.SnapshotEvery, o.SessionTimeout = 20, 30, 4*time.Second
	})
	const masters = 110
	for i := range masters { // one entry each
		g.accept(i%2, monitor(i))
	}
	if doc := g.agree(); doc.Len() != masters {
		t.Errorf("%d masters of %d", doc.Len(), masters)
	}
	if at := g.nodes[0].broker.reader.at(); at.Generation < 5 {
		t.Errorf("after %d entries the log is at %+v", masters, at)
	}
	at := layout{g.nodes[0].options.Path}
	conn := client(t, servers)
	procs.Eventually(t, patience, func() error {
		generations, _, err := conn.Children(at.log())
		if err == nil && len(generations) > 2 {
			err = fmt.Errorf("the log still has the directories %v", generations)
		}
		return err
	})
	snapshots, _, err := conn.Children(at.snapshots())
	if err != nil || len(snapshots) > 2 {
		t.Errorf("snapshots %v, %v", snapshots, err)
	}
	// Who comes new begins with the snapshot.
	late := newGroup(t, servers, 1, func(o *Options) { o.Path = g.nodes[0].options.Path })
	late.start(0)
	late.is(0, cluster.Ready)
	g.nodes = append(g.nodes, late.nodes...)
	if doc := g.agree(); doc.Len() != masters {
		t.Errorf("%d masters of %d on the new node", doc.Len(), masters)
	}
}

// TestAwayTooLong: a member whose session has ended does not hold the log up,
// and goes on from the snapshot.
func TestAwayTooLong(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: 200 * time.Millisecond})
	g := openGroup(t, servers, 2, func(o *Options) {
		o.GenerationEntries, o.SnapshotEvery, o.SessionTimeout = 40, 30, 3*time.Second
	})
	g.accept(0, monitor(0))
	g.agree()
	away := g.nodes[1]
	before := away.broker.State()
	away.gate.close()
	for i := range 100 {
		g.accept(0, monitor(1+i))
	}
	conn, at := client(t, servers), layout{away.options.Path}
	procs.Eventually(t, patience, func() error {
		there, _, err := conn.Exists(at.entry(place{0, int(before.Index)}))
		if there {
			err = errors.New("the log is as it was")
		}
		return err
	})
	resets := make(chan cluster.Change, 1)
	go func() {
		for c := range away.broker.Applied(t.Context(), before.Index) {
			if c.Reset {
				resets <- c
				return
			}
		}
	}()
	away.gate.heal()
	g.is(1, cluster.Ready)
	if doc := g.agree(); doc.Len() != 101 {
		t.Errorf("%d masters of 101", doc.Len())
	}
	select {
	case <-resets:
	case <-time.After(patience):
		t.Error("readers were not told that changes are missing")
	}
}

// TestConnectionsBreak breaks connections all the time while nodes write: what
// was acknowledged is there once, what was said not to be logged is not, and
// what is unknown can be repeated.
func TestConnectionsBreak(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 2, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const writers, each = 8, 25
	var breaking, writing sync.WaitGroup
	stop := make(chan struct{})
	var broken atomic.Int64
	breaking.Go(func() {
		for i := 0; ; i++ {
			n := g.nodes[i%2]
			seen := n.broker.State().Index
			select {
			case <-stop:
				return
			case <-changesAfter(ctx, n.broker, seen+5):
			}
			n.gate.mu.Lock()
			n.gate.drop()
			n.gate.mu.Unlock()
			broken.Add(1)
		}
	})
	var errs [writers * each]error
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				key := w*each + i
				_, _, errs[key] = g.nodes[w%2].broker.Propose(ctx, state.Mutation{Op: monitor(key)})
			}
		})
	}
	writing.Wait()
	close(stop)
	cancel()
	breaking.Wait()
	doc := g.agree()
	for key, err := range errs {
		_, there := doc.Master(monitor(key).Name)
		switch {
		case err == nil && !there:
			t.Errorf("master %d was acknowledged and is not there", key)
		case err != nil && !errors.Is(err, cluster.ErrUnknown) && there:
			t.Errorf("master %d is there, and its proposer was told %v", key, err)
		}
	}
	if broken.Load() < 5 {
		t.Errorf("connections were broken %d times", broken.Load())
	}
}

// changesAfter is closed when the document has got to an index, or ctx ends.
func changesAfter(ctx context.Context, b *Broker, index state.Index) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for c := range b.Applied(ctx, b.State().Index) {
			if c.Index >= index {
				return
			}
		}
	}()
	return done
}

// TestStrangersInTheLog: what somebody puts there by hand takes numbers, which all
// nodes pass over.
func TestStrangersInTheLog(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 2, func(o *Options) { o.SessionTimeout = 4 * time.Second })
	g.accept(0, monitor(0))
	g.agree()
	conn, at := client(t, servers), layout{g.nodes[0].options.Path}
	for _, name := range []string{"/a", "/b"} {
		if _, err := conn.Create(at.generation(0)+name, nil, 0, zk.WorldACL(zk.PermAll)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Create(at.newEntry(0), nil, zk.FlagSequence, zk.WorldACL(zk.PermAll)); err != nil {
		t.Fatal(err)
	}
	g.accept(0, monitor(1))
	g.accept(1, monitor(2))
	procs.Eventually(t, patience, func() error {
		for i, n := range g.nodes {
			if n.broker.State().Len() != 3 {
				return fmt.Errorf("node %d has %d masters of 3", i, n.broker.State().Len())
			}
		}
		return nil
	})
	g.agree()
	g.stop(1)
	g.start(1)
	g.is(1, cluster.Ready)
	g.agree()
}

// TestLateRequest: what an earlier stint has sent and what arrives after the next
// one has begun does not get into the log.
func TestLateRequest(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 1, nil)
	b := g.nodes[0].broker
	procs.Eventually(t, patience, func() error {
		if b.stint.Load() == nil {
			return errors.New("there is no stint yet")
		}
		return nil
	})
	old := b.stint.Load()
	g.nodes[0].gate.mu.Lock()
	g.nodes[0].gate.drop()
	g.nodes[0].gate.mu.Unlock()
	procs.Eventually(t, patience, func() error {
		if now := b.stint.Load(); now == nil || now.fence == old.fence {
			return errors.New("the next stint has not begun")
		}
		return nil
	})
	conn := client(t, servers)
	_, err := conn.Multi(
		&zk.CheckVersionRequest{Path: old.at.node(b.self), Version: old.fence},
		&zk.CreateRequest{Path: old.at.newEntry(0), Data: []byte("[]"), Acl: zk.WorldACL(zk.PermAll), Flags: zk.FlagSequence})
	if !errors.Is(err, zk.ErrBadVersion) {
		t.Errorf("an entry of an earlier stint: %v", err)
	}
}

// TestFrozenServer: what was sent to a server that stands still is unknown, and
// what becomes of it is decided when a barrier has passed, whenever the server
// gets to it.
func TestFrozenServer(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: 500 * time.Millisecond})
	g := openGroup(t, servers, 1, func(o *Options) { o.SessionTimeout = 3 * time.Second })
	g.accept(0, monitor(0))
	b := g.nodes[0].broker
	servers.Servers[0].Freeze()
	_, _, err := b.Propose(t.Context(), state.Mutation{Op: monitor(1)})
	var unknown *cluster.UnknownError
	if !errors.As(err, &unknown) {
		t.Fatalf("a proposal to a server that stands still: %v", err)
	}
	g.is(0, cluster.Suspended)
	if _, _, err := b.Propose(t.Context(), state.Mutation{Op: monitor(2)}); !errors.Is(err, cluster.ErrNoQuorum) {
		t.Errorf("a proposal of a node that is suspended: %v", err)
	}
	servers.Servers[0].Thaw()
	g.is(0, cluster.Ready)
	doc := g.agree()
	_, there := doc.Master(monitor(1).Name)
	for i := range 20 { // time for what is late
		g.accept(0, monitor(10+i))
	}
	if _, now := b.State().Master(monitor(1).Name); now != there {
		t.Errorf("after a barrier the change was there: %t, and later: %t", there, now)
	}
	out, _, err := b.Propose(t.Context(), state.Mutation{ID: unknown.ID, Op: monitor(1)})
	if err != nil || (out.Refusal == state.RefusedDuplicate) != there {
		t.Errorf("repeated, while it was there: %t: %+v, %v", there, out, err)
	}
	if _, there := b.State().Master(monitor(2).Name); there {
		t.Error("what was refused is there")
	}
}
