package bench

import (
	"fmt"
	"os"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// writeEvery lies between two writes of the client of a planned failover.
const writeEvery = 2 * time.Millisecond

// planned is what a planned failover did to a client that listens to nothing.
type planned struct {
	// stale is for how long after FAILOVER the old master took its writes.
	stale time.Duration
	// lost is how many writes were acknowledged and are not on the new master.
	lost int64
}

// BenchmarkPlannedFailover moves masters by SENTINEL FAILOVER under a client that
// listens to nothing and writes until its connection breaks or a write is refused.
func BenchmarkPlannedFailover(b *testing.B) {
	for range b.N {
		both := contenders(b, 1)
		results := map[string][]planned{}
		for range number(b, "ROUNDS", 20, 1_000_000) {
			for _, c := range both {
				results[c.name] = append(results[c.name], c.move(b))
			}
		}
		reportPlanned(b, results)
	}
}

// move is one round.
func (c *contender) move(b *testing.B) planned {
	b.Helper()
	const name = "mymaster"
	g := procs.Group(b, 2, procs.Opts{})
	c.watch(b, name, g, settings{downAfter: 5 * time.Second, failoverTimeout: defaultFailoverTimeout})
	defer c.forget(b, name)
	conn := g.Master.Connect()
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	moved := make(chan error, 1)
	begin := time.Now()
	go func() {
		_, err := c.nodes[0].Do("SENTINEL", "FAILOVER", name)
		moved <- err
	}()
	acknowledged, last := int64(0), begin
	for deadline := begin.Add(time.Minute); time.Now().Before(deadline); {
		n, err := redis.Int64(conn.Do("INCR", "written"))
		if err != nil {
			break
		}
		acknowledged, last = n, time.Now()
		<-ticker.C
	}
	if err := <-moved; err != nil {
		b.Fatalf("%s: FAILOVER: %v", c.name, err)
	}
	r := planned{stale: last.Sub(begin)}
	procs.Eventually(b, time.Minute, func() error {
		addr, err := c.nodes[0].MasterAddr(name)
		if err != nil {
			return err
		}
		if err := g.Master.Follows(addr); err != nil { // what it had beside the master's is gone
			return err
		}
		kept, err := redis.Int64(g.At(addr).Do("GET", "written"))
		r.lost = acknowledged - kept
		return err
	})
	return r
}

func reportPlanned(b *testing.B, results map[string][]planned) {
	b.Helper()
	fmt.Printf("\nplanned failover, one node: a client that listens to nothing and writes every %v\n", writeEvery)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\trounds\tms until refused: median\tmax\twrites lost: median\tmax\t")
	median := map[string]float64{}
	for _, who := range contenderNames {
		var stale times
		var lost sample[int64]
		for _, r := range results[who] {
			stale, lost = append(stale, r.stale), append(lost, r.lost)
		}
		median[who] = milliseconds(stale.quantile(0.5))
		fmt.Fprintf(w, "%s\t%d\t%.1f\t%.1f\t%d\t%d\t\n", who, len(stale), median[who], milliseconds(stale.quantile(1)),
			lost.quantile(0.5), lost.quantile(1))
		b.ReportMetric(median[who], "ms-stale-"+who)
	}
	if err := w.Flush(); err != nil {
		b.Error(err)
	}
	fmt.Printf("ours : stock %.4f\n", median["ours"]/median["stock"])
	b.ReportMetric(median["ours"]/median["stock"], "ratio-stale")
	b.ReportMetric(0, "ns/op") // says nothing here
}
