package system

import (
	"os"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// What was configured by command survives a kill, and the file, which says
// something else, is neither obeyed again nor written.
func TestRestartKeepsConfiguration(t *testing.T) {
	t.Parallel()
	other, third := procs.Redis(t, procs.Opts{}), procs.Redis(t, procs.Opts{})
	s := play(t, stage{conf: []string{
		"sentinel monitor removed " + other.Addr.Host + " " + port(other) + " 1",
		"# a comment, and a line with   odd   spaces ",
	}})
	before, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	s.node.Must("SENTINEL", "REMOVE", "removed")
	s.node.Must("SENTINEL", "MONITOR", "added", third.Addr.Host, third.Addr.Port, 2)
	s.node.Must("SENTINEL", "SET", "added", "parallel-syncs", 7)
	s.node.Must("SENTINEL", "SET", group, "down-after-milliseconds", 4321, "failover-timeout", 98765)

	for range 2 {
		logged := len(s.node.Log())
		s.node.Kill()
		s.node.Restart()
		s.checkField(group, "down-after-milliseconds", "4321")
		s.checkField(group, "failover-timeout", "98765")
		s.checkField("added", "parallel-syncs", "7")
		s.checkField("added", "quorum", "2")
		s.checkField("added", "port", port(third))
		if addr, err := s.node.MasterAddr("removed"); err != nil || !addr.IsZero() {
			t.Errorf("the removed master is back: %v, %v", addr, err)
		}
		if rows, err := replicaEntries(s.node, group); err != nil || len(rows) != len(s.Replicas) {
			t.Errorf("%d replicas are known after the restart (%v), want %d", len(rows), err, len(s.Replicas))
		}
		log := s.node.Log()[logged:]
		if n := strings.Count(log, "the configuration differs from what was saved"); n != 1 {
			t.Errorf("the difference between file and document was logged %d times, want once:\n%s", n, log)
		}
		if !strings.Contains(log, "it stays removed") {
			t.Errorf("the log does not say what became of the removed master:\n%s", log)
		}
	}
	if after, err := os.ReadFile(s.file); err != nil || string(after) != string(before) {
		t.Errorf("the configuration file was changed to %q, %v", after, err)
	}
}

func port(s *procs.Server) string {
	_, port, _ := strings.Cut(s.Addr.String(), ":")
	return port
}

// checkField compares a field of SENTINEL MASTER.
func (s *scene) checkField(name, field, want string) {
	s.t.Helper()
	m, err := masterEntry(s.node, name)
	if err != nil || m[field] != want {
		s.t.Errorf("%s of %s is %q (%v), want %q", field, name, m[field], err, want)
	}
}

// The address after a failover outlives the node, and the file's older one does
// not come back.
func TestRestartKeepsNewAddress(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	id := s.node.Must("SENTINEL", "MYID")
	s.node.Must("SENTINEL", "FAILOVER", group)
	promoted := s.switchFrom(s.Master)
	s.await("+failover-end", ofMaster(promoted))
	s.node.Kill()
	s.node.Restart()
	if err := s.node.NamesMaster(group, promoted.Addr); err != nil {
		t.Error(err)
	}
	s.checkField(group, "config-epoch", "1")
	if again := s.node.Must("SENTINEL", "MYID"); string(again.([]byte)) != string(id.([]byte)) {
		t.Errorf("the id of the node changed from %s to %s", id, again)
	}
	s.agree(promoted, s.others(promoted)...)
	s.refuteEvents(state.EventConvert)
}

// masters_state=new forgets what was saved and takes the masters of the file
// again, also those that the file had brought in before.
func TestMastersStateNew(t *testing.T) {
	t.Parallel()
	server := procs.Redis(t, procs.Opts{})
	dir := t.TempDir()
	file := dir + "/sentinel.conf"
	line := "sentinel monitor mine " + server.Addr.Host + " " + port(server) + " 1\n"
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	masters := func(flags ...string) string {
		n := procs.Failover(t, append(flags, "-data_dir="+dir+"/data", file)...)
		defer n.Stop()
		reply, err := redis.Values(n.Must("ROLE"), nil)
		if err != nil {
			t.Fatal(err)
		}
		names, err := redis.Strings(reply[1], nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(flags) == 0 {
			n.Must("SENTINEL", "MONITOR", "saved", server.Addr.Host, server.Addr.Port, 1)
		}
		return strings.Join(names, " ")
	}
	if got := masters(); got != "mine" {
		t.Errorf("first start watches %q", got)
	}
	if got := masters("-masters_state=new"); got != "mine" {
		t.Errorf("masters_state=new watches %q", got)
	}
	if got := masters("-masters_state=existing"); got != "mine" {
		t.Errorf("the start after it watches %q", got)
	}
}
