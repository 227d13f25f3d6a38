package system

import (
	"errors"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// prefer makes one replica the candidate of the next failover, and refuseOrders
// makes it refuse to become a master, so that the failover waits for it.
func (s *scene) prefer(r *procs.Server) {
	s.t.Helper()
	r.Must("CONFIG", "SET", "replica-priority", 10)
	procs.Eventually(s.t, patience, func() error { return s.shown(r, "slave-priority", "10") })
}

func refuseOrders(servers ...*procs.Server) {
	for _, s := range servers {
		s.Must("ACL", "SETUSER", "default", "-slaveof")
	}
}

// takeOrders ends that. The order may be there before the reply and drop the
// test as a client, so this is tried again.
func takeOrders(t *testing.T, servers ...*procs.Server) {
	t.Helper()
	for _, s := range servers {
		procs.Eventually(t, patience, func() error {
			_, err := s.Do("ACL", "SETUSER", "default", "+slaveof")
			return err
		})
	}
}

// The chosen replica is lost before it became a master: the attempt is given up
// and the next one, in a new epoch, takes the other replica.
func TestCandidateIsLost(t *testing.T) {
	tests := []struct {
		name string
		// strike gets an open connection to the candidate.
		strike func(*testing.T, *procs.Server, redis.Conn)
		mend   func(*testing.T, *procs.Server)
	}{
		{
			"killed",
			func(_ *testing.T, c *procs.Server, _ redis.Conn) { c.Kill() },
			func(_ *testing.T, c *procs.Server) { c.Restart() },
		},
		{
			"frozen",
			func(_ *testing.T, c *procs.Server, _ redis.Conn) { c.Freeze() },
			func(t *testing.T, c *procs.Server) {
				c.Thaw()
				takeOrders(t, c)
			},
		},
		{
			// What waits in its sockets when it thaws is first the permission
			// and then the order, which takes effect when another replica has
			// long been promoted.
			"frozen with the order in its ear",
			func(t *testing.T, c *procs.Server, conn redis.Conn) {
				c.Freeze()
				if err := errors.Join(conn.Send("ACL", "SETUSER", "default", "+slaveof"), conn.Flush()); err != nil {
					t.Error(err)
				}
			},
			func(_ *testing.T, c *procs.Server) { c.Thaw() },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{})
			candidate, other := s.Replicas[0], s.Replicas[1]
			s.prefer(candidate)
			refuseOrders(candidate)
			conn := dial(t, candidate)
			s.Master.Kill()
			s.await("+selected-slave", ofReplica(candidate, s.Master))
			s.node.AwaitLog(patience, "order failed")
			test.strike(t, candidate, conn)

			s.await("-failover-abort-slave-timeout", ofMaster(s.Master))
			s.await("+new-epoch", "2")
			if promoted := s.switchFrom(s.Master); promoted != other {
				t.Fatalf("%v was promoted, want %v", promoted.Addr, other.Addr)
			}
			s.node.AwaitLog(patience, "is lost")
			s.agree(other)

			test.mend(t, candidate)
			s.Master.Restart()
			s.agree(other, candidate, s.Master)
			if n := s.count("+switch-master"); n != 1 {
				t.Errorf("%d switches, want 1; events:\n%s", n, s.events)
			}
		})
	}
}

// A candidate that refuses for a while is asked again, in the same attempt, for
// there is no other.
func TestCandidateRefusesAtFirst(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	candidate, other := s.Replicas[0], s.Replicas[1]
	other.Must("CONFIG", "SET", "replica-priority", 0)
	procs.Eventually(t, patience, func() error { return s.shown(other, "slave-priority", "0") })
	refuseOrders(candidate)
	s.Master.Kill()
	s.await("+failover-state-wait-promotion", ofReplica(candidate, s.Master))
	takeOrders(t, candidate)
	if promoted := s.switchFrom(s.Master); promoted != candidate {
		t.Errorf("%v was promoted, want %v", promoted.Addr, candidate.Addr)
	}
	s.agree(candidate, other)
	if n := s.count("+new-epoch"); n != 1 {
		t.Errorf("%d attempts, want 1; events:\n%s", n, s.events)
	}
}

// One that refuses for ever is given up when there is another, and does not keep
// the group from having a master.
func TestCandidateRefusesForEver(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	candidate, other := s.Replicas[0], s.Replicas[1]
	s.prefer(candidate)
	refuseOrders(candidate)
	s.Master.Kill()
	s.await("+selected-slave", ofReplica(candidate, s.Master))
	s.await("-failover-abort-slave-timeout", ofMaster(s.Master))
	if promoted := s.switchFrom(s.Master); promoted != other {
		t.Errorf("%v was promoted, want %v", promoted.Addr, other.Addr)
	}
	s.node.AwaitLog(patience, "NOPERM")
	takeOrders(t, candidate)
	s.agree(other, candidate)
}
