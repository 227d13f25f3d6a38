package bench

import (
	"fmt"
	"testing"

	"redis-failover/tests/procs"
)

// BenchmarkLookup asks for the address of a master over and over, on many
// connections, as clients do that reconnect all at once.
func BenchmarkLookup(b *testing.B) {
	const name = "mymaster"
	master := procs.Redis(b, procs.Opts{})
	rate := map[string]float64{}
	for _, c := range contenders(b, 1) {
		c.nodes[0].Must("SENTINEL", "MONITOR", name, master.Addr.Host, master.Addr.Port, 1)
		b.Run(c.name, func(b *testing.B) {
			b.SetParallelism(8) // connections for each processor
			b.RunParallel(func(pb *testing.PB) {
				conn, err := c.nodes[0].Dial()
				if err != nil {
					b.Error(err)
					return
				}
				defer conn.Close()
				for pb.Next() {
					if _, err := conn.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name); err != nil {
						b.Error(err)
						return
					}
				}
			})
			rate[c.name] = float64(b.N) / b.Elapsed().Seconds()
			b.ReportMetric(rate[c.name], "lookups/s")
		})
	}
	if rate["ours"] > 0 && rate["stock"] > 0 {
		fmt.Printf("lookups: ours %.0f/s, stock %.0f/s, ratio %.2f\n", rate["ours"], rate["stock"], rate["ours"]/rate["stock"])
	}
}
