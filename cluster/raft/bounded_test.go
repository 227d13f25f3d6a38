package raft

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// TestBounded: the folder does not grow with the number of changes. RAFT_CHANGES
// sets how many are made; up to 20,000 the document is written out ten times as
// often as in production, so that as many snapshots are made.
func TestBounded(t *testing.T) {
	changes := 10_000
	if text := os.Getenv("RAFT_CHANGES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("RAFT_CHANGES: %v", err)
		}
		changes = n
	}
	g := newGroup(t, 3)
	for i, n := range g.nodes {
		n.options.SnapshotEvery, n.options.behind = 1000, 100
		if changes > 20_000 {
			n.options.SnapshotEvery, n.options.behind = 0, 0 // the defaults
		}
		n.options.Logger = nil
		g.start(i)
	}
	g.ready()
	const points, limit = 5, 64 << 20
	for point := range points {
		begin := time.Now()
		g.change(changes / points)
		var sizes []int64
		for _, n := range g.nodes {
			sizes = append(sizes, folderSize(t, n.options.Dir))
		}
		t.Logf("%6d changes, the last %d in %s; KiB on disk: %d, %d, %d", (point+1)*changes/points, changes/points,
			time.Since(begin).Round(time.Millisecond), sizes[0]>>10, sizes[1]>>10, sizes[2]>>10)
		if slices.Max(sizes) > limit {
			t.Errorf("the folders have %v bytes, %d is the limit", sizes, limit)
		}
	}
}

// change makes n changes of a few masters, through all nodes.
func (g *group) change(n int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience+time.Duration(n)*10*time.Millisecond)
	defer cancel()
	const writers = 64
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			op := state.Op(monitor(w))
			for i := next.Add(1); i <= int64(n) && !g.t.Failed(); i = next.Add(1) {
				if err := insist(ctx, g.nodes[w%len(g.nodes)].broker, op); err != nil {
					g.t.Errorf("change %d: %v", i, err)
				}
				values := []string{fmt.Sprint(i%100 + 1)}
				op = state.OpSet{Name: masterName(w), Options: []state.Option{{Name: "parallel-syncs", Values: values}}}
			}
		})
	}
	wg.Wait()
	if g.t.Failed() {
		g.t.FailNow()
	}
}

func folderSize(t *testing.T, dir string) int64 {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil // files come and go
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
