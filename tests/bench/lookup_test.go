package bench

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"redis-failover/tests/procs"
)

// target is a node that is asked for the address of a master.
type target struct {
	name string
	*procs.Server
}

const lookedUp = "mymaster"

// BenchmarkSingleLookup asks a single node for the address of a master over and over,
// as clients do that reconnect all at once.
func BenchmarkSingleLookup(b *testing.B) {
	master := procs.Redis(b, procs.Opts{})
	var targets []target
	for _, c := range contenders(b, 1) {
		c.nodes[0].Must("SENTINEL", "MONITOR", lookedUp, master.Addr.Host, master.Addr.Port, 1)
		targets = append(targets, target{c.name, c.nodes[0].Server})
	}
	for range b.N {
		compareLookups(b, "one node", targets[0], targets[1])
	}
}

// BenchmarkLinearizableLookup asks nodes of two groups of three: in one of them a
// majority confirms each answer.
func BenchmarkLinearizableLookup(b *testing.B) {
	master := procs.Redis(b, procs.Opts{})
	plain, confirmed := startCluster(b, 3), startCluster(b, 3, "-linearizable_reads=yes")
	for _, group := range []*procs.Cluster{plain, confirmed} {
		group.Members[0].Must("SENTINEL", "MONITOR", lookedUp, master.Addr.Host, master.Addr.Port, 2)
		procs.Eventually(b, time.Minute, func() error { return group.Named(lookedUp, master.Addr) })
	}
	for range b.N {
		for _, place := range []struct {
			name  string
			after int // the leader
		}{{"leader", 0}, {"follower", 1}} {
			at := func(group *procs.Cluster) *procs.Server {
				return group.Members[(group.Leader().Index+place.after)%len(group.Members)].Server
			}
			compareLookups(b, "three nodes, the "+place.name+" is asked",
				target{"confirmed", at(confirmed)}, target{"plain", at(plain)})
		}
	}
}

// compareLookups asks both in turns, over one connection and over many, and
// prints how many answers a second come.
func compareLookups(b *testing.B, title string, one, other target) {
	b.Helper()
	const turns, window = 5, time.Second
	fmt.Printf("\nlookups, %s: answers a second\n", title)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "connections\t%s\t%s\tratio\t\n", one.name, other.name)
	for _, connections := range []int{1, 16} {
		var of [2]rates
		for range turns {
			for i, t := range []target{one, other} {
				of[i] = append(of[i], t.lookups(b, connections, window))
			}
		}
		a, z := of[0].quantile(0.5), of[1].quantile(0.5)
		fmt.Fprintf(w, "%d\t%.0f\t%.0f\t%.2f\t\n", connections, a, z, a/z)
	}
	if err := w.Flush(); err != nil {
		b.Error(err)
	}
	b.ReportMetric(0, "ns/op") // says nothing here
}

// rates are answers a second.
type rates = sample[float64]

// lookups asks for the address over that many connections at once, each with one
// question at a time, and returns how many answers a second came.
func (t target) lookups(b *testing.B, connections int, window time.Duration) float64 {
	b.Helper()
	var answers atomic.Int64
	var clients sync.WaitGroup
	var over atomic.Bool
	for range connections {
		conn := t.Connect()
		defer conn.Close()
		clients.Go(func() {
			for !over.Load() {
				if _, err := conn.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", lookedUp); err != nil {
					b.Error(err)
					return
				}
				answers.Add(1)
			}
		})
	}
	began := time.Now()
	answers.Store(0)
	<-time.After(window)
	count, lasted := answers.Load(), time.Since(began)
	over.Store(true)
	clients.Wait()
	return float64(count) / lasted.Seconds()
}
