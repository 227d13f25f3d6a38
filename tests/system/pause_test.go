package system

import (
	"errors"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// A pause of the node's own process is no silence of the servers.
func TestPausedWhileAllIsWell(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	calm := func() error {
		if s.count("+sdown")+s.count("+odown")+s.count("+try-failover") > 0 {
			return errors.New("a server was called down")
		}
		return s.Master.IsMaster()
	}
	s.node.Freeze()
	procs.Holds(t, 3*downAfter, calm)
	s.node.Thaw()
	s.await("+tilt", "#tilt mode entered")
	s.await("-tilt", "#tilt mode exited")
	procs.Holds(t, 2*downAfter, calm)
	s.agree(s.Master, s.Replicas...)
}

// What happens during the pause is found out after it.
func TestMasterDiesWhilePaused(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.node.Freeze()
	s.Master.Kill()
	procs.Holds(t, 2*downAfter, func() error {
		if s.count("+sdown") > 0 {
			return errors.New("a stopped process speaks")
		}
		return nil
	})
	s.node.Thaw()
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(s.Master, promoted)...)
}

// A process that was stopped in the middle of a failover goes on from there.
func TestPausedDuringFailover(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	refuseOrders(s.Replicas...)
	s.Master.Kill()
	s.events.AwaitChannel(patience, "+selected-slave")
	s.node.Freeze()
	takeOrders(t, s.Replicas...)
	procs.Holds(t, 2*downAfter, func() error {
		if s.count("+switch-master") > 0 {
			return errors.New("a stopped process acts")
		}
		return nil
	})
	s.node.Thaw()
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(s.Master, promoted)...)
	if n := s.count("+switch-master"); n != 1 {
		t.Errorf("%d switches, want 1; events:\n%s", n, s.events)
	}
}

// A node that gets the processor only now and then sees less, and still sees in
// the end: the time in which it ran counts.
func TestStarvedNode(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.Master.Kill()
	starve := func() {
		s.node.Freeze()
		<-time.After(300 * time.Millisecond)
		s.node.Thaw()
		<-time.After(200 * time.Millisecond)
	}
	for begin := time.Now(); s.count("+switch-master") == 0; starve() {
		if time.Since(begin) > patience {
			t.Fatalf("no failover within %v; events:\n%s", patience, s.events)
		}
	}
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(s.Master, promoted)...)
}
