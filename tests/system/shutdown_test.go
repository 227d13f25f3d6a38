package system

import (
	"net"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

func TestShutdown(t *testing.T) {
	sigterm := func(s *scene) int { return s.node.Stop() }
	shutdown := func(s *scene) int {
		reply, err := s.node.Do("SHUTDOWN")
		if err == nil {
			s.t.Errorf("SHUTDOWN was answered with %v, want the connection closed", reply)
		}
		return s.node.AwaitExit(patience)
	}
	tests := []struct {
		name string
		end  func(*scene) int
	}{{"SIGTERM", sigterm}, {"SHUTDOWN", shutdown}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{})
			idle := dial(t, s.node.Server)
			if code := test.end(s); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			awaitDropped(t, idle)
			checkPortFree(t, s.node.Addr)
			s.agreeAlone()

			s.node.Restart()
			s.events = procs.Subscribe(t, s.node.Server, "*")
			procs.Eventually(t, patience, s.watched)
		})
	}
}

// checkPortFree fails the test if somebody listens there.
func checkPortFree(t *testing.T, a state.Addr) {
	t.Helper()
	l, err := net.Listen("tcp", a.String())
	if err != nil {
		t.Errorf("the port is still taken: %v", err)
		return
	}
	l.Close()
}

// agreeAlone checks that the group is well without the node.
func (s *scene) agreeAlone() {
	s.t.Helper()
	procs.Eventually(s.t, patience, s.Master.IsMaster)
	for _, r := range s.Replicas {
		procs.Eventually(s.t, patience, func() error { return r.Follows(s.Master.Addr) })
	}
}

// A server that is told to end in the middle of a failover ends, and the next
// process goes on.
func TestShutdownDuringFailover(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	refuseOrders(s.Replicas...)
	s.Master.Kill()
	s.events.AwaitChannel(patience, "+selected-slave")
	if code := s.node.Stop(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	running, log := s.revive(func() { takeOrders(t, s.Replicas...) })
	if running == nil {
		t.Fatal("the failover is no longer on record")
	}
	s.awaitOutcome(running, log)
	promoted := s.named()
	if promoted == s.Master {
		t.Fatal("the dead master is still named")
	}
	s.agree(promoted, s.others(s.Master, promoted)...)
}
