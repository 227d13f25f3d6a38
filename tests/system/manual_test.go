package system

import (
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// SENTINEL FAILOVER switches, and the old master is demoted in the same breath:
// its clients are dropped and no write goes to it any more.
func TestManualFailover(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.replicated(s.Master, "k", "v", s.Replicas...)
	client := dial(t, s.Master)
	s.node.Must("SENTINEL", "FAILOVER", group)
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(promoted)...)
	awaitDropped(t, client)
	s.await("+failover-end", ofMaster(promoted))
	s.await("+slave-reconf-done", ofReplica(s.Master, promoted))
	s.refuteEvents("+odown", "+convert-to-slave")
	if n := s.count("+switch-master"); n != 1 {
		t.Errorf("%d switches, want 1; events:\n%s", n, s.events)
	}
	if _, err := s.Master.Do("SET", "k", "w"); err == nil || !strings.HasPrefix(err.Error(), "READONLY") {
		t.Errorf("a write to the old master gave %v, want READONLY", err)
	}

	// And back again, at once: a finished failover is no reason to wait.
	s.node.Must("SENTINEL", "FAILOVER", group)
	back := s.switchFrom(promoted)
	s.agree(back, s.others(back)...)
}

func TestManualFailoverIsRefused(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.checkRefused("ERR No such master with that name", "SENTINEL", "FAILOVER", "nobody")

	// In progress for as long as the only candidate does not obey.
	s.Replicas[1].Must("CONFIG", "SET", "replica-priority", 0)
	procs.Eventually(t, patience, func() error { return s.shown(s.Replicas[1], "slave-priority", "0") })
	refuseOrders(s.Replicas[0])
	s.node.Must("SENTINEL", "FAILOVER", group)
	s.checkRefused("INPROG Failover already in progress", "SENTINEL", "FAILOVER", group)
	takeOrders(t, s.Replicas[0])
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(promoted)...)
	s.await("+failover-end", ofMaster(promoted))

	for _, r := range s.others(promoted) {
		r.Must("CONFIG", "SET", "replica-priority", 0)
		procs.Eventually(t, patience, func() error { return s.shown(r, "slave-priority", "0") })
	}
	s.checkRefused("NOGOODSLAVE No suitable replica to promote", "SENTINEL", "FAILOVER", group)
	s.agree(promoted, s.others(promoted)...)
}

// checkRefused fails the test unless the node refuses a command with that text.
func (s *scene) checkRefused(want string, command string, args ...any) {
	s.t.Helper()
	reply, err := s.node.Do(command, args...)
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		s.t.Errorf("%s %v gave %v, %v; want the error %q", command, args, reply, err, want)
	}
}
