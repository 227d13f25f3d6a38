package standalone

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"redis-failover/cluster/state"
)

// BenchmarkPropose measures acknowledged, so durable, changes. The figure is
// mostly that of the disk under the temporary directory.
func BenchmarkPropose(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			broker := mustOpen(b, Options{Dir: b.TempDir()})
			for i := range 100 {
				mustPropose(b, broker, monitorOp(i))
			}
			var n atomic.Int64
			b.SetParallelism(max(1, writers/2)) // times GOMAXPROCS, which is 2 on the reference machine
			if writers == 1 {
				b.ResetTimer()
				for i := range b.N {
					vote(b, broker, i)
				}
			} else {
				b.ResetTimer()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						vote(b, broker, int(n.Add(1)))
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
		})
	}
}

// vote proposes what a node proposes most.
func vote(b *testing.B, broker *Broker, i int) {
	name := fmt.Sprintf("m%d", i%100)
	m, _ := broker.State().Master(name)
	op := state.OpVote{Member: broker.Self(), Votes: []state.Ballot{{Name: name, Generation: m.Generation, Down: i/100%2 == 0}}}
	if _, _, err := broker.Propose(context.Background(), state.Mutation{Op: op}); err != nil {
		b.Fatal(err)
	}
}
