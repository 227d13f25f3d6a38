package system

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// suspected waits until the node holds the master for down and says so, and
// recovered until nothing of that is left.
func (s *scene) suspected() {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		m, err := masterEntry(s.node, group)
		if err == nil && !strings.HasPrefix(m["flags"], "s_down,") {
			err = fmt.Errorf("the master is shown with flags %q", m["flags"])
		}
		return err
	})
}

func (s *scene) recovered() {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		m, err := masterEntry(s.node, group)
		if err == nil && m["flags"] != "master" {
			err = fmt.Errorf("the master is shown with flags %q", m["flags"])
		}
		return err
	})
}

// What counts as down, each with its end: a frozen process, a dead one, one that
// answers PING with an error, one that calls itself a replica, one that a script
// keeps busy. The quorum keeps it from being more than a suspicion.
func TestDownConditions(t *testing.T) {
	t.Parallel()
	s := play(t, stage{redis: procs.Opts{Config: []string{"lua-time-limit 100"}}, args: []string{"-check_interval=200"}})
	s.node.Must("SENTINEL", "SET", group, "quorum", 2)
	dump := filepath.Join(s.Master.Dir, "dump.rdb")
	var script redis.Conn
	conditions := []struct {
		name        string
		begin, mend func()
	}{
		{"frozen", s.Master.Freeze, s.Master.Thaw},
		{"killed", s.Master.Kill, s.Master.Restart},
		{
			"no permission for PING",
			func() { s.Master.Must("ACL", "SETUSER", "default", "-ping") },
			func() { s.Master.Must("ACL", "SETUSER", "default", "+ping") },
		}, {
			"PING is answered with -MISCONF, for nothing can be saved",
			func() {
				if err := os.Mkdir(dump, 0o700); err != nil {
					t.Fatal(err)
				}
				s.Master.Must("CONFIG", "SET", "save", "1000000 1000000")
				s.Master.Must("BGSAVE")
			}, func() { s.Master.Must("CONFIG", "SET", "save", "") },
		}, {
			"it follows a dead address",
			func() { s.Master.Must("REPLICAOF", "127.0.0.1", 1) },
			func() { s.Master.Must("REPLICAOF", "NO", "ONE") },
		}, {
			"busy, until the node ends the script",
			func() {
				script = dial(t, s.Master)
				if err := script.Send("EVAL", "while true do end", 0); err != nil {
					t.Fatal(err)
				}
				if err := script.Flush(); err != nil {
					t.Fatal(err)
				}
			}, func() {
				if _, err := redis.ReceiveWithTimeout(script, patience); err == nil || !strings.Contains(err.Error(), "killed") {
					t.Errorf("the script ended with %v", err)
				}
			},
		},
	}
	for i, c := range conditions {
		c.begin()
		if c.name != conditions[len(conditions)-1].name {
			s.suspected() // the last one mends itself
		}
		c.mend()
		procs.Eventually(t, patience, func() error {
			if n := s.count("+sdown"); n < i+1 {
				return fmt.Errorf("%s: +sdown has come %d times", c.name, n)
			}
			return nil
		})
		s.recovered()
	}
	s.node.AwaitLog(patience, "SCRIPT KILL")
	s.refuteEvents("+odown", "+try-failover")
}

// A master that has restarted and loads its data for longer than
// master-reboot-down-after-period is replaced, although it answers all the time.
func TestMasterReboots(t *testing.T) {
	t.Parallel()
	s := play(t, stage{conf: []string{
		fmt.Sprintf("sentinel down-after-milliseconds %s 60000", group),
		fmt.Sprintf("sentinel master-reboot-down-after-period %s 500", group),
	}})
	s.Master.Must("EVAL", "for i=1,3000 do redis.call('set','k'..i,string.rep('x',200)) end", 0)
	s.Master.Must("CONFIG", "SET", "key-load-delay", 20000, "loading-process-events-interval-bytes", 1024)
	s.Master.Must("CONFIG", "REWRITE")
	s.Master.Must("SAVE")
	s.Master.Kill()
	if err := s.Master.Spawn(); err != nil { // it is not ready before the end of the test
		t.Fatal(err)
	}
	s.await("+reboot", ofMaster(s.Master))
	s.await("+sdown", ofMaster(s.Master))
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(promoted, s.Master)...)
	s.node.AwaitLog(patience, "restarted and not ready")
}

// A replica may ask not to be listed. It is watched, counted and re-pointed all
// the same.
func TestReplicaNotAnnounced(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	hidden := s.Replicas[0]
	listed := func(n int) func() error {
		return func() error {
			rows, err := replicaEntries(s.node, group)
			if err == nil && len(rows) != n {
				err = fmt.Errorf("%d replicas are listed, not %d", len(rows), n)
			}
			return err
		}
	}
	hidden.Must("CONFIG", "SET", "replica-announced", "no")
	procs.Eventually(t, patience, listed(1))
	if m, err := masterEntry(s.node, group); err != nil || m["num-slaves"] != "2" {
		t.Errorf("%s replicas are counted (%v), want 2", m["num-slaves"], err)
	}
	s.node.Must("SENTINEL", "FAILOVER", group)
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(promoted)...)
	hidden.Must("CONFIG", "SET", "replica-announced", "yes")
	procs.Eventually(t, patience, listed(2))
}
