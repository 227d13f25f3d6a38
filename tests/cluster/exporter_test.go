package cluster

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// scraped returns nil if the page of metrics at addr has all these lines, which may
// leave out their end; for Eventually.
func scraped(addr state.Addr, lines ...string) error {
	response, err := http.Get("http://" + addr.String() + "/metrics")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	for _, line := range lines {
		if !strings.Contains("\n"+string(text), "\n"+line) {
			return fmt.Errorf("%s: no line %q in\n%s", response.Status, line, text)
		}
	}
	return nil
}

// Debian's exporter reads a node as it reads a Sentinel; and the node's own numbers
// tell the same story.
func TestMetrics(t *testing.T) {
	t.Parallel()
	program := procs.NeedTool(t, "prometheus-redis-exporter", "prometheus-redis-exporter")
	s := play(t, stage{})
	node := s.nodes.Members[0]
	port, err := spawn.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Release)
	exporter := state.Addr{Host: "127.0.0.1", Port: port.Number}
	process, err := spawn.Start(exec.Command(program, "-redis.addr", "redis://"+node.Addr.String(), "-web.listen-address", exporter.String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(process.Kill)

	is := func(master *procs.Server, usable int) {
		t.Helper()
		ofMaster := fmt.Sprintf(`{master_address="%s",master_name="%s"`, master.Addr, group)
		procs.Eventually(t, patience, func() error {
			return scraped(exporter, "redis_up 1", "redis_sentinel_masters 1", "redis_sentinel_tilt 0",
				"redis_sentinel_master_status"+ofMaster+`,master_status="ok"} 1`, "redis_sentinel_master_sentinels"+ofMaster+"} 3",
				"redis_sentinel_master_ok_sentinels"+ofMaster+"} 3", "redis_sentinel_master_slaves"+ofMaster+"} 2",
				fmt.Sprintf("redis_sentinel_master_ok_slaves%s} %d", ofMaster, usable))
		})
		for _, m := range s.nodes.Members {
			procs.Eventually(t, patience, func() error {
				return scraped(m.Addr, fmt.Sprintf(`redis_failover_master_info{address="%s",master="%s"} 1`, master.Addr, group),
					`redis_failover_master_odown{master="`+group+`"} 0`, `redis_failover_members_alive 3`, `redis_failover_isolated_seconds 0`,
					fmt.Sprintf(`redis_failover_master_replicas_usable{master="%s"} %d`, group, usable))
			})
		}
	}
	is(s.Master, 2)
	s.Master.Kill()
	promoted := s.switchAt(node, s.Master)
	is(promoted, 1)
	for _, m := range s.nodes.Members {
		procs.Eventually(t, patience, func() error {
			return scraped(m.Addr, `redis_failover_failovers_total{kind="auto",outcome="done"} 1`, "redis_failover_failover_switch_seconds_count 1",
				`redis_failover_events_total{event="+switch-master"} 1`, `redis_failover_probe_seconds_count{answer="ok"} `)
		})
	}
}
