package raft

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"redis-failover/cluster/state"
)

// BenchmarkBarrier is the price of an answer that is current beside that of one
// that may lag: a look-up behind a barrier, with one and with 64 callers at a
// time, and x-local, how often as long as the look-up alone it takes.
func BenchmarkBarrier(b *testing.B) {
	g := openGroup(b, 3)
	g.add(0, 1)
	leader := g.leader()
	for name, broker := range map[string]*Broker{"leader": g.nodes[leader].broker, "follower": g.nodes[(leader+1)%3].broker} {
		local := func(context.Context) error { return lookUp(broker) }
		current := func(ctx context.Context) error {
			if _, err := broker.Barrier(ctx); err != nil {
				return err
			}
			return lookUp(broker)
		}
		for _, callers := range []int{1, 64} {
			var alone float64
			b.Run(fmt.Sprintf("%s/local/callers=%d", name, callers), func(b *testing.B) { alone = perCall(b, callers, local) })
			b.Run(fmt.Sprintf("%s/barrier/callers=%d", name, callers), func(b *testing.B) {
				b.ReportMetric(perCall(b, callers, current)/alone, "x-local")
			})
		}
	}
}

func lookUp(b *Broker) error {
	if _, ok := b.State().Master(masterName(1)); !ok {
		return fmt.Errorf("%s is not there", masterName(1))
	}
	return nil
}

// BenchmarkPropose is the price of a change.
func BenchmarkPropose(b *testing.B) {
	g := openGroup(b, 3)
	leader := g.leader()
	g.add(0, 1)
	for name, broker := range map[string]*Broker{"leader": g.nodes[leader].broker, "follower": g.nodes[(leader+1)%3].broker} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, callers), func(b *testing.B) {
				perCall(b, callers, func(ctx context.Context) error {
					op := state.OpSet{Name: masterName(1), Options: []state.Option{{Name: "parallel-syncs", Values: []string{"2"}}}}
					_, _, err := broker.Propose(ctx, state.Mutation{Op: op})
					return err
				})
			})
		}
	}
}

// perCall has some callers make b.N calls together, and returns how many
// nanoseconds passed for each.
func perCall(b *testing.B, callers int, call func(context.Context) error) float64 {
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(context.Background()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(b.Elapsed()) / float64(b.N)
}
