package zk

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// BenchmarkPropose is the price of a change on a three-server ensemble, with one
// and with 64 callers at a time.
func BenchmarkPropose(b *testing.B) {
	g := openGroup(b, procs.StartZooKeeper(b, procs.ZooKeeperOpts{Servers: 3, Tick: tick}), 3, nil)
	g.accept(0, monitor(1))
	op := state.OpSet{Name: monitor(1).Name, Options: []state.Option{{Name: "parallel-syncs", Values: []string{"2"}}}}
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			together(b, callers, b.N, func(ctx context.Context, _ int) error {
				_, _, err := g.nodes[0].broker.Propose(ctx, state.Mutation{Op: op})
				return err
			})
		})
		b.Run(fmt.Sprintf("barrier/callers=%d", callers), func(b *testing.B) {
			together(b, callers, b.N, func(ctx context.Context, _ int) error {
				_, err := g.nodes[0].broker.Barrier(ctx)
				return err
			})
		})
	}
}

// BenchmarkTenThousand is what 10,000 masters take: to be added, to be in the
// view, to be loaded by a node that starts.
func BenchmarkTenThousand(b *testing.B) {
	servers := procs.StartZooKeeper(b, procs.ZooKeeperOpts{Servers: 3, Tick: tick})
	const masters = 10_000
	for range b.N {
		g := openGroup(b, servers, 3, func(o *Options) { o.SnapshotEvery, o.Backlog = 5000, 4096 })
		conn, at := client(b, servers), layout{g.nodes[0].options.Path}
		begin := time.Now()
		together(b, 64, masters, func(ctx context.Context, i int) error {
			_, _, err := g.nodes[i%3].broker.Propose(ctx, state.Mutation{Op: monitor(i)})
			return err
		})
		b.ReportMetric(time.Since(begin).Seconds(), "s-add")
		procs.Eventually(b, patience, func() error {
			if _, stat, err := conn.Get(at.viewMasters()); err != nil || stat.NumChildren != masters {
				return fmt.Errorf("not all masters are in the view, %v", err)
			}
			return nil
		})
		b.ReportMetric(time.Since(begin).Seconds(), "s-view")
		g.stop(2)
		begin = time.Now()
		g.start(2)
		g.is(2, cluster.Ready)
		b.ReportMetric(time.Since(begin).Seconds(), "s-start")
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.HeapAlloc)/3/(1<<20), "MiB/node")
	}
}

// together has some callers make n calls together.
func together(b *testing.B, callers, n int, call func(context.Context, int) error) {
	b.Helper()
	var next atomic.Int64
	var work sync.WaitGroup
	b.ResetTimer()
	for range callers {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if err := call(context.Background(), int(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}
