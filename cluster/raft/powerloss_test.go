package raft

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"

	"github.com/lni/vfs"
)

// TestPowerLoss takes from all members at once, in the middle of writes at all
// of them, whatever their engines had not synced: what was acknowledged before is
// known to everybody afterwards.
func TestPowerLoss(t *testing.T) {
	const rounds, writers = 3, 12
	g := newGroup(t, 3)
	disks := make([]*vfs.MemFS, 3)
	for i, n := range g.nodes {
		disks[i] = vfs.NewStrictMem()
		n.options.files = disks[i]
		g.start(i)
	}
	g.ready()
	acked := acks{}
	for round := range rounds {
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(g.ctx())
		for w := range writers {
			wg.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					key := (round*writers+w)*1000 + i
					out, _, err := g.nodes[w%3].broker.Propose(ctx, state.Mutation{Op: monitor(key)})
					if err == nil && !out.Refused() {
						acked.add(key)
					}
				}
			})
		}
		procs.Eventually(t, patience, func() error { return acked.beyond((round + 1) * 300) })
		acked.end(func() {
			for _, d := range disks {
				d.SetIgnoreSyncs(true)
			}
		})
		cancel()
		wg.Wait()
		for i := range g.nodes {
			g.stop(i)
		}
		for i, d := range disks {
			d.ResetToSyncedState()
			d.SetIgnoreSyncs(false)
			g.start(i)
		}
		g.ready()
		known := acked.begin()
		for i := range g.nodes {
			g.has(i, known...)
		}
		if t.Failed() {
			t.Fatalf("lost in round %d", round)
		}
	}
	t.Logf("%d changes were acknowledged in %d rounds", len(acked.keys), rounds)
}

// acks are the changes that were acknowledged while the power was on.
type acks struct {
	mu   sync.Mutex
	off  bool
	keys []int
}

func (a *acks) add(key int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.off {
		a.keys = append(a.keys, key)
	}
}

func (a *acks) beyond(n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.keys) < n {
		return fmt.Errorf("%d of %d changes were acknowledged", len(a.keys), n)
	}
	return nil
}

// end switches the power off: nothing is acknowledged after it.
func (a *acks) end(off func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off = true
	off()
}

// begin switches the power on, and returns what must be there.
func (a *acks) begin() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.off = false
	return slices.Clone(a.keys)
}
