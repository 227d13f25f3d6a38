package zk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"

	"github.com/go-zookeeper/zk"
)

// TestLogWentBack: a node does not go on when the log is not the one that it has
// read, as after ZooKeeper was restored from a backup.
func TestLogWentBack(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	for name, entries := range map[string]int{"shorter": 2, "as long": 6, "longer": 9} {
		t.Run(name, func(t *testing.T) {
			g := openGroup(t, servers, 1, nil)
			for i := range 6 {
				g.accept(0, monitor(i))
			}
			at := g.nodes[0].broker.reader.at()
			if at.Generation > 0 || at.Next < 6 {
				t.Fatalf("the log is at %+v", at)
			}
			g.nodes[0].gate.close()
			g.is(0, cluster.Suspended)
			replaceLog(t, client(t, servers), layout{g.nodes[0].options.Path}, entries)
			g.nodes[0].gate.heal()
			g.is(0, cluster.Lost)
			if h := g.nodes[0].broker.Health(); !strings.Contains(h.Reason, "it went back") {
				t.Errorf("health is %+v", h)
			}
		})
	}
}

// TestNumberComesAgain: so does one whose connection stands meanwhile, when it
// writes.
func TestNumberComesAgain(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 1, nil)
	for i := range 6 {
		g.accept(0, monitor(i))
	}
	replaceLog(t, client(t, servers), layout{g.nodes[0].options.Path}, 2)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, _, err := g.nodes[0].broker.Propose(ctx, state.Mutation{Op: monitor(7)}); !errors.Is(err, cluster.ErrUnknown) && !errors.Is(err, cluster.ErrNoQuorum) {
		t.Errorf("a proposal: %v", err)
	}
	g.is(0, cluster.Lost)
}

// replaceLog puts other entries into the place of those that there are.
func replaceLog(t *testing.T, conn *zk.Conn, at layout, entries int) {
	t.Helper()
	names, _, err := conn.Children(at.generation(0))
	if err != nil {
		t.Fatal(err)
	}
	var ops []any
	for _, name := range names {
		ops = append(ops, &zk.DeleteRequest{Path: at.generation(0) + "/" + name, Version: anyVersion})
	}
	ops = append(ops, &zk.DeleteRequest{Path: at.generation(0), Version: anyVersion},
		&zk.CreateRequest{Path: at.generation(0), Data: []byte{}, Acl: zk.WorldACL(zk.PermAll)})
	for range entries {
		ops = append(ops, &zk.CreateRequest{Path: at.newEntry(0), Data: []byte("[]"), Acl: zk.WorldACL(zk.PermAll), Flags: zk.FlagSequence})
	}
	if _, err := conn.Multi(ops...); err != nil {
		t.Fatal(err)
	}
}

// TestBarrierWaitsForWhatIsOnItsWay: a proposal that was taken from the outbox
// before a barrier does not get into the log behind it.
func TestBarrierWaitsForWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick})
	g := openGroup(t, servers, 1, nil)
	b := g.nodes[0].broker
	barrier := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := b.Barrier(ctx)
		return err
	}
	procs.Eventually(t, patience, func() error {
		s := b.stint.Load()
		if s == nil {
			return errors.New("there is no stint yet")
		}
		land := s.depart()
		defer land()
		if err := barrier(100 * time.Millisecond); err == nil {
			return fmt.Errorf("a barrier passed, the stint is the same: %t", b.stint.Load() == s)
		}
		return nil
	})
	if err := barrier(patience); err != nil {
		t.Errorf("when it is there: %v", err)
	}
}
