package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// shown returns nil when SENTINEL REPLICAS shows a replica with that value.
func (s *scene) shown(r *procs.Server, field, value string) error {
	rows, err := replicaEntries(s.node, group)
	if err != nil {
		return err
	}
	if got := rows[r.Addr.String()][field]; got != value {
		return fmt.Errorf("replica %s is shown with %s %q, not %q", r.Addr, field, got, value)
	}
	return nil
}

// smallerRunIDFirst returns both replicas, first the one that wins when all else
// is equal.
func (s *scene) smallerRunIDFirst() (*procs.Server, *procs.Server) {
	a, b := s.Replicas[0], s.Replicas[1]
	if runID(s.t, a) > runID(s.t, b) {
		return b, a
	}
	return a, b
}

func TestEqualReplicasSmallerRunIDWins(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.replicated(s.Master, "k", "v", s.Replicas...)
	want, other := s.smallerRunIDFirst()
	s.Master.Kill()
	if got := s.switchFrom(s.Master); got != want {
		t.Errorf("%v was promoted, want %v", got.Addr, want.Addr)
	}
	s.agree(want, other)
}

// The replica that would win by its run id lacks the last writes.
func TestHighestOffsetWins(t *testing.T) {
	t.Parallel()
	network := procs.NewNetwork(t)
	s := play(t, stage{redis: procs.Opts{Network: network}})
	s.replicated(s.Master, "k", "before", s.Replicas...)
	behind, ahead := s.smallerRunIDFirst()
	behind.Host.CutFrom(s.Master.Host.IP)
	s.replicated(s.Master, "k", "after", ahead)
	if err := holds(behind, "k", "before"); err != nil {
		t.Fatal(err)
	}
	s.Master.Kill()
	if got := s.switchFrom(s.Master); got != ahead {
		t.Errorf("%v was promoted, want %v, which has more of the data", got.Addr, ahead.Addr)
	}
	s.agree(ahead, behind)
	if err := holds(ahead, "k", "after"); err != nil {
		t.Error(err)
	}
}

// The lower priority number wins, over the offset; 0 never does.
func TestPriority(t *testing.T) {
	t.Parallel()
	s := play(t, stage{replicas: 3})
	never, second, first := s.Replicas[0], s.Replicas[1], s.Replicas[2]
	for priority, r := range []*procs.Server{never, first, second} {
		r.Must("CONFIG", "SET", "replica-priority", priority)
		procs.Eventually(t, patience, func() error { return s.shown(r, "slave-priority", strconv.Itoa(priority)) })
	}
	s.Master.Kill()
	if got := s.switchFrom(s.Master); got != first {
		t.Fatalf("%v was promoted, want %v", got.Addr, first.Addr)
	}
	s.await("+failover-end", ofMaster(first))
	first.Kill()
	if got := s.switchFrom(first); got != second {
		t.Fatalf("%v was promoted, want %v", got.Addr, second.Addr)
	}
	s.agree(second, never)
	second.Kill()
	s.await("-failover-abort-no-good-slave", ofMaster(second))
	s.node.AwaitLog(patience, "priority 0: never to be promoted")
	s.agreeStuck(second)
	if err := never.Follows(second.Addr); err == nil {
		t.Error("the last replica follows a dead master with its link up")
	}
	if role, err := never.Role(); err != nil || role != "slave" {
		t.Errorf("the replica with priority 0 is a %q (%v)", role, err)
	}
}

// agreeStuck checks that a master stays the one that is named, dead as it is.
func (s *scene) agreeStuck(master *procs.Server) {
	s.t.Helper()
	if err := s.node.NamesMaster(group, master.Addr); err != nil {
		s.t.Error(err)
	}
	procs.Eventually(s.t, patience, func() error {
		m, err := masterEntry(s.node, group)
		if err == nil && !strings.Contains(m["flags"], "o_down") {
			err = fmt.Errorf("the master's flags are %q, want o_down among them", m["flags"])
		}
		return err
	})
}

// With nobody to promote the master stays watched; whoever comes back with the
// data is promoted then, without waiting out 2 x failover-timeout (6 minutes).
func TestAllReplicasGone(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.replicated(s.Master, "k", "v", s.Replicas...)
	for _, r := range s.Replicas {
		r.Freeze()
	}
	s.Master.Kill()
	s.await("-failover-abort-no-good-slave", ofMaster(s.Master))
	s.node.AwaitLog(patience, "no replica can be promoted")
	s.agreeStuck(s.Master)

	back, gone := s.Replicas[0], s.Replicas[1]
	back.Thaw()
	if promoted := s.switchFrom(s.Master); promoted != back {
		t.Fatalf("%v was promoted, want %v", promoted.Addr, back.Addr)
	}
	gone.Thaw()
	s.agree(back, gone)
	if err := holds(back, "k", "v"); err != nil {
		t.Error(err)
	}
}

// When it is the master that comes back, all is as it was.
func TestAllGoneAndMasterReturns(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	for _, server := range s.Servers() {
		server.Freeze()
	}
	s.await("-failover-abort-no-good-slave", ofMaster(s.Master))
	s.Master.Thaw()
	s.await("-odown", ofMaster(s.Master))
	for _, r := range s.Replicas {
		r.Thaw()
	}
	s.agree(s.Master, s.Replicas...)
	s.refuteEvents("+switch-master", "+selected-slave")
}

// After a power cut that the master does not survive, the replicas come back
// with their data and without ever having had a link. They are good all the same.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.replicated(s.Master, "k", "v", s.Replicas...)
	for _, r := range s.Replicas {
		r.Must("SAVE")
	}
	for _, server := range s.Servers() {
		server.Kill()
	}
	s.crash(func() {
		for _, r := range s.Replicas {
			r.Restart()
		}
	})
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(s.Master, promoted)...)
	s.Master.Restart() // with nothing
	s.agree(promoted, s.others(promoted)...)
	for _, server := range s.Servers() {
		if err := holds(server, "k", "v"); err != nil {
			t.Error(err)
		}
	}
}

// A replica that has come back without data must not be promoted over the data
// that it lost: what it would replicate to the others is nothing.
func TestEmptyReplicaIsNeverPromoted(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	s.replicated(s.Master, "k", "v", s.Replicas...)
	empty, full := s.Replicas[0], s.Replicas[1]
	s.prefer(empty)
	empty.Must("CONFIG", "REWRITE")
	full.Freeze()
	empty.Kill()
	s.Master.Kill()
	// Redis leaves the file of the first sync behind.
	if err := os.Remove(filepath.Join(empty.Dir, "dump.rdb")); err != nil {
		t.Fatal(err)
	}
	empty.Restart()
	s.await("-failover-abort-no-good-slave", ofMaster(s.Master))
	procs.Eventually(t, patience, func() error { return s.shown(empty, "flags", "slave") })
	procs.Holds(t, 2*downAfter, func() error {
		if s.count("+selected-slave") > 0 {
			return errors.New("an empty replica was chosen")
		}
		return nil
	})
	full.Thaw()
	if promoted := s.switchFrom(s.Master); promoted != full {
		t.Fatalf("%v was promoted, want %v", promoted.Addr, full.Addr)
	}
	s.agree(full, empty)
	if err := holds(empty, "k", "v"); err != nil {
		t.Error(err)
	}
}
