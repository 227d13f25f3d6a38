package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// BenchmarkMasters lets one node watch thousands of masters and prints what that
// costs it. A few redis-servers are all of them: each master has an address of
// its own on loopback, and so a connection of its own. Sentinels are not
// compared: on one server they would all hear each other's greetings.
func BenchmarkMasters(b *testing.B) {
	count := number(b, "MASTERS", 8000, 1<<16)
	for range b.N {
		measureMasters(b, count)
	}
}

func measureMasters(b *testing.B, count int) {
	const servers = 8
	var ports []int
	for range servers {
		s := procs.Redis(b, procs.Opts{Config: []string{"bind 0.0.0.0", "maxclients 20000"}})
		ports = append(ports, s.Addr.Port)
	}
	addrs := make([]state.Addr, count)
	for i := range addrs {
		addrs[i] = state.Addr{Host: fmt.Sprintf("127.1.%d.%d", i>>8, i&0xff), Port: ports[i%servers]}
	}
	n := procs.Failover(b).Server
	empty := resident(b, n)

	began := time.Now()
	monitorAll(b, n, addrs)
	told := time.Since(began)
	awaitAll(b, n, count)
	seen := time.Since(began)

	const window = 20 * time.Second
	before, start := processorTime(b, n), time.Now()
	<-time.After(window)
	busy := (processorTime(b, n) - before).Seconds() / time.Since(start).Seconds()
	full := resident(b, n)

	fmt.Printf("\n%d masters watched by one node, each asked every second: %.0f %% of one core, %.1f microseconds of it for a question;\n"+
		"%.0f MB resident (%.0f MB with none), %.1f KB for each; told in %v, all seen after %v\n",
		count, 100*busy, 1e6*busy/float64(count), mb(full), mb(empty), 1000*mb(full-empty)/float64(count),
		told.Round(100*time.Millisecond), seen.Round(100*time.Millisecond))
	b.ReportMetric(100*busy, "%core")
	b.ReportMetric(mb(full), "MB-resident")
	b.ReportMetric(0, "ns/op") // says nothing here
}

// monitorAll tells a node of all masters, over several connections, as scripts
// do that set up a fleet.
func monitorAll(b *testing.B, n *procs.Server, addrs []state.Addr) {
	b.Helper()
	const connections = 64
	var tellers sync.WaitGroup
	defer tellers.Wait()
	for k := range connections {
		tellers.Go(func() {
			conn, err := n.Dial()
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			for i := k; i < len(addrs); i += connections {
				if _, err := conn.Do("SENTINEL", "MONITOR", fmt.Sprintf("master-%d", i), addrs[i].Host, addrs[i].Port, 1); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
}

// awaitAll waits until a node has heard from that many masters. It asks for one
// at a time: the reply with all would be most of the memory that is measured.
func awaitAll(b *testing.B, n *procs.Server, count int) {
	b.Helper()
	conn := n.Connect()
	for i := range count {
		procs.Eventually(b, time.Minute, func() error {
			m, err := redis.StringMap(conn.Do("SENTINEL", "MASTER", fmt.Sprintf("master-%d", i)))
			if err == nil && (m["flags"] != "master" || m["runid"] == "") {
				err = fmt.Errorf("master %d is shown with flags %q, run id %q", i, m["flags"], m["runid"])
			}
			return err
		})
	}
}

// processorTime is how long a node has kept processors busy since its start.
func processorTime(b *testing.B, n *procs.Server) time.Duration {
	b.Helper()
	info, err := n.Info("cpu")
	if err != nil {
		b.Fatal(err)
	}
	var sum float64
	for _, key := range []string{"used_cpu_sys", "used_cpu_user"} {
		seconds, err := strconv.ParseFloat(info[key], 64)
		if err != nil {
			b.Fatalf("INFO cpu: %s: %v", key, err)
		}
		sum += seconds
	}
	return time.Duration(sum * float64(time.Second))
}

// resident is the memory of a node, in bytes, as Linux counts it.
func resident(b *testing.B, n *procs.Server) int {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.Pid()))
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			if err != nil {
				b.Fatal(err)
			}
			return kib << 10
		}
	}
	b.Fatal("the status of the process says nothing of its memory")
	return 0
}

func mb(bytes int) float64 { return float64(bytes) / 1e6 }
