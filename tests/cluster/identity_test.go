package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// A member that comes back at another address, for clients and for the other
// members, is the same member: the others find it, and nobody keeps a ghost.
func TestMembersMove(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	for _, moved := range []*procs.Member{s.nodes.Members[2], s.nodes.Leader()} {
		id, was := moved.ID(), moved.Addr
		moved.Kill()
		moved.Move()
		moved.Start()
		if got, err := redis.String(moved.Do("SENTINEL", "MYID")); err != nil || got != string(id) {
			t.Errorf("the member that moved from %v to %v calls itself %s (%v), it was %s", was, moved.Addr, got, err, id)
		}
		s.checkMembers()
	}
	s.listen()
	s.Master.Kill()
	promoted := s.switchAt(s.nodes.Members[2], s.Master)
	s.agree(promoted, s.others(promoted, s.Master)...)
	s.checkMembers()
	for _, m := range s.nodes.Members {
		s.await(m, state.EventEnd, ofMaster(promoted))
	}
	s.checkOnePromotion(s.sameStory(s.nodes.Members...))
}

// checkMembers waits until every running member shows exactly the others, each
// where it is, and can reach a quorum with all that run.
func (s *scene) checkMembers() {
	s.t.Helper()
	running := len(s.nodes.Running())
	for _, m := range s.nodes.Running() {
		procs.Eventually(s.t, patience, func() error { return s.knowsOthers(m) })
		procs.Eventually(s.t, patience, func() error {
			text, err := redis.String(m.Do("SENTINEL", "CKQUORUM", group))
			if begin := fmt.Sprintf("OK %d usable Sentinels", running); err != nil || !strings.HasPrefix(text, begin) {
				return fmt.Errorf("CKQUORUM at member %d is %q (%v), not %q", m.Index, text, err, begin)
			}
			return nil
		})
	}
}

// knowsOthers returns nil if a member shows exactly the others, by id and
// address, those that run as healthy.
func (s *scene) knowsOthers(at *procs.Member) error {
	rows, err := redis.Values(at.Do("SENTINEL", "SENTINELS", group))
	if err != nil {
		return err
	}
	shown := map[string]string{}
	for _, row := range rows {
		fields, err := redis.StringMap(row, nil)
		if err != nil {
			return err
		}
		shown[fields["runid"]] = fmt.Sprintf("%s:%s healthy=%v", fields["ip"], fields["port"], fields["flags"] == "sentinel")
	}
	others := s.nodes.Others(at)
	for _, m := range others {
		want := fmt.Sprintf("%s healthy=%v", m.Addr, m.Running())
		if got := shown[string(m.ID())]; got != want {
			return fmt.Errorf("member %d shows member %d as %q, want %q", at.Index, m.Index, got, want)
		}
	}
	if len(rows) != len(others) {
		return fmt.Errorf("member %d shows %d others, want %d: %v", at.Index, len(rows), len(others), shown)
	}
	number := fmt.Sprint(len(others))
	return shows(at, group, map[string]string{"num-other-sentinels": number})
}

// Members die and come back: each node shows who is there, and whether enough
// are.
func TestMembersAreCounted(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	m := s.nodes.Members
	s.checkMembers()

	m[1].Kill()
	s.checkMembers()

	m[2].Kill()
	procs.Eventually(t, patience, func() error {
		_, err := m[0].Do("SENTINEL", "CKQUORUM", group)
		return refused(err, "NOQUORUM")
	})

	s.nodes.Start()
	s.nodes.AwaitReady()
	s.checkMembers()
	for _, at := range m {
		info, err := at.Info("sentinel")
		if err != nil || !strings.Contains(info["master0"], ",sentinels=3") {
			t.Errorf("INFO sentinel of member %d: %v, %v; want three sentinels", at.Index, info["master0"], err)
		}
	}
}
