package system

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

func TestMasterIsReplaced(t *testing.T) {
	for _, h := range harms() {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{redis: h.opts(t)})
			plain := procs.Subscribe(t, s.node.Server, "+odown", "+selected-slave", "+switch-master", "+failover-end")
			s.replicated(s.Master, "k", "before", s.Replicas...)
			client := dial(t, s.Master)

			h.strike(s.Master)
			plain.AwaitChannel(patience, "+switch-master")
			told, err := s.node.MasterAddr(group)
			promoted := s.switchFrom(s.Master)
			if err != nil || told != promoted.Addr {
				t.Errorf("after +switch-master the node answered %v, %v; want %v", told, err, promoted.Addr)
			}
			other := s.others(s.Master, promoted)[0]
			s.agree(promoted, other)
			s.await("+failover-end", ofMaster(promoted))
			s.checkStory(promoted, other)
			s.checkSameOrder(plain)

			h.mend(s.Master)
			s.agree(promoted, other, s.Master)
			s.await("+convert-to-slave", ofReplica(s.Master, promoted))
			awaitDropped(t, client)
			s.replicated(promoted, "k", "after", other, s.Master)
		})
	}
}

// checkStory compares the events of a failover, with their payloads and in
// their order, with those of Sentinel; but +switch-master comes as soon as the
// promotion is confirmed.
func (s *scene) checkStory(promoted, other *procs.Server) {
	s.t.Helper()
	id, err := redis.String(s.node.Do("SENTINEL", "MYID"))
	if err != nil {
		s.t.Fatal(err)
	}
	old, candidate := ofMaster(s.Master), ofReplica(promoted, s.Master)
	want := []string{
		"+sdown " + old,
		"+odown " + old + " #quorum 1/1",
		"+new-epoch 1",
		"+try-failover " + old,
		"+vote-for-leader " + id + " 1",
		"+elected-leader " + old,
		"+failover-state-select-slave " + old,
		"+selected-slave " + candidate,
		"+failover-state-send-slaveof-noone " + candidate,
		"+failover-state-wait-promotion " + candidate,
		"+promoted-slave " + candidate,
		"+failover-state-reconf-slaves " + old,
		fmt.Sprintf("+switch-master %s %s %d %s %d", group, s.Master.Addr.Host, s.Master.Addr.Port, promoted.Addr.Host, promoted.Addr.Port),
		"+slave " + ofReplica(other, promoted),
		"+slave " + ofReplica(s.Master, promoted),
		"+slave-reconf-sent " + ofReplica(other, promoted),
		"+slave-reconf-done " + ofReplica(other, promoted),
		"+failover-end " + ofMaster(promoted),
	}
	got := slices.DeleteFunc(lines(s.events.Messages()), incidental)
	if !slices.Equal(got, want) {
		s.t.Errorf("events\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// incidental reports whether an event may come at any time during a failover,
// or not at all, depending on when INFO is read.
func incidental(line string) bool {
	return slices.ContainsFunc([]string{"+role-change", "-role-change", "+slave-reconf-inprog", "+sdown slave", "-sdown slave"},
		func(begin string) bool { return strings.HasPrefix(line, begin+" ") })
}

// checkSameOrder compares what a subscriber to some channels received with what
// the subscriber to all did.
func (s *scene) checkSameOrder(plain *procs.Recorder) {
	s.t.Helper()
	plain.AwaitChannel(patience, "+failover-end")
	got := lines(plain.Messages())
	want := slices.DeleteFunc(lines(s.events.Messages()), func(line string) bool { return !slices.Contains(got, line) })
	if len(got) != 4 || !slices.Equal(got, want) {
		s.t.Errorf("SUBSCRIBE gave %q, PSUBSCRIBE of all gave %q", got, want)
	}
}

// dial opens a client's connection to a server.
func dial(t *testing.T, s *procs.Server) redis.Conn {
	t.Helper()
	c, err := s.Dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := c.Do("PING"); err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitDropped waits until the server closes a connection, which is how clients
// that know nothing of Sentinel's events learn that they must ask again.
func awaitDropped(t *testing.T, c redis.Conn) {
	t.Helper()
	_, err := redis.ReceiveWithTimeout(c, patience)
	if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the connection to the old master ended with %v, want that the server closed it", err)
	}
}

// A master that nobody but us has lost is no dead master: while the replicas
// still receive its stream, the failover waits.
func TestReplicasAreWitnesses(t *testing.T) {
	t.Parallel()
	network := procs.NewNetwork(t)
	s := play(t, stage{redis: procs.Opts{Network: network}, conf: []string{"sentinel replica-witness-wait " + group + " 600000"}})
	// An idle master's stream consists of its pings; the replicas are asked for
	// news of it within down-after.
	s.Master.Must("CONFIG", "SET", "repl-ping-replica-period", "1")
	s.node.Must("SENTINEL", "SET", group, "down-after-milliseconds", 3000)
	s.Master.Host.CutFrom(network.IP) // the node runs here
	s.await("+odown", ofMaster(s.Master)+" #quorum 1/1")
	procs.Holds(t, 3*downAfter, func() error {
		if s.count("+try-failover") > 0 {
			return errors.New("a failover was begun while the replicas still heard the master")
		}
		return nil
	})
	s.node.AwaitLog(patience, "still receives the master's stream")
	s.Master.Host.Heal()
	s.await("-odown", ofMaster(s.Master))
	s.agree(s.Master, s.Replicas...)
	s.refuteEvents("+try-failover", "+switch-master")
}

// The new master is lost at the moment it was made one: the failover goes on to
// the next replica, whatever the first had achieved.
func TestNewMasterIsLostToo(t *testing.T) {
	for _, h := range harms()[:2] {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{})
			s.replicated(s.Master, "k", "kept", s.Replicas...)
			s.Master.Kill()
			first := s.switchFrom(s.Master)
			h.strike(first)
			last := s.others(s.Master, first)[0]
			if second := s.switchFrom(first); second != last {
				t.Fatalf("the second switch leads to %v, want %v", second.Addr, last.Addr)
			}
			s.agree(last)
			if err := holds(last, "k", "kept"); err != nil {
				t.Error(err)
			}
			h.mend(first)
			s.Master.Restart()
			s.agree(last, first, s.Master)
			if n := s.count("+switch-master"); n != 2 {
				t.Errorf("%d switches, want 2; events:\n%s", n, s.events)
			}
		})
	}
}

// An old master that comes back with its old data, and takes writes before it
// is found, ends up as a replica with the new master's data.
func TestOldMasterReturns(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.replicated(s.Master, "k", "kept", s.Replicas...)
	s.Master.Must("SAVE")
	s.Master.Kill()
	promoted := s.switchFrom(s.Master)
	s.await("+failover-end", ofMaster(promoted))

	s.node.Freeze() // gives the old master time to do harm
	s.Master.Restart()
	if err := holds(s.Master, "k", "kept"); err != nil {
		t.Fatalf("the old master should have come back with its data: %v", err)
	}
	s.Master.Must("SET", "stray", "written to the old master")
	s.node.Thaw()

	s.await("+convert-to-slave", ofReplica(s.Master, promoted))
	s.agree(promoted, s.others(promoted)...)
	s.replicated(promoted, "k", "newer", s.others(promoted)...)
	for _, server := range s.Servers() {
		if left, err := server.Do("GET", "stray"); left != nil || err != nil {
			t.Errorf("%s still has what was written to the old master: %v, %v", server.Addr, left, err)
		}
	}
	if n := s.count("+switch-master"); n != 1 {
		t.Errorf("%d switches, want 1; events:\n%s", n, s.events)
	}
}

// A master that somebody has made a replica answers every PING and is down all
// the same, after down-after and two check intervals.
func TestMasterCallsItselfReplica(t *testing.T) {
	const checkInterval = 500 * time.Millisecond
	deadEnd := func(s *scene) []any { return []any{"127.0.0.1", 1} }
	ownReplica := func(s *scene) []any { return []any{s.Replicas[0].Addr.Host, s.Replicas[0].Addr.Port} }
	tests := []struct {
		name   string
		follow func(*scene) []any
	}{{"of a dead address", deadEnd}, {"of one of its replicas", ownReplica}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{args: []string{fmt.Sprintf("-check_interval=%d", checkInterval.Milliseconds())}})
			before := time.Now()
			s.Master.Must("REPLICAOF", test.follow(s)...)
			down := s.await("+sdown", ofMaster(s.Master))
			if waited, least := down.At.Sub(before), downAfter+2*checkInterval; waited < least {
				t.Errorf("it was called down after %v, before %v were over", waited, least)
			}
			promoted := s.switchFrom(s.Master)
			s.agree(promoted, s.others(promoted)...)
			s.replicated(promoted, "k", "v", s.others(promoted)...)
		})
	}
}
