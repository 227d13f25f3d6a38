package cluster

import (
	"fmt"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// SENTINEL FAILOVER is carried out by the node that it was said to, whoever
// leads the members.
func TestPlannedAtEachNode(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	witness := s.nodes.Members[0]
	master := s.Master
	for i, m := range s.nodes.Members {
		procs.Eventually(t, patience, func() error {
			_, err := m.Do("SENTINEL", "FAILOVER", group)
			if refused(err, "NOQUORUM") == nil {
				return err // nothing was begun
			}
			if err != nil {
				t.Errorf("FAILOVER at member %d: %v", m.Index, err)
			}
			return nil
		})
		promoted := s.switchAt(witness, master)
		s.await(witness, state.EventVote, fmt.Sprintf("%s %d", m.ID(), i+1))
		s.agree(promoted, s.others(promoted)...)
		s.watched(promoted)
		master = promoted
	}
	story := s.sameStory(s.nodes.Members...)
	s.checkOnePromotion(story)
	for _, event := range []string{state.EventTryFailover, state.EventSwitch, state.EventEnd} {
		if n := count(story, event); n != len(s.nodes.Members) {
			t.Errorf("%s came %d times for %d commands:\n%q", event, n, len(s.nodes.Members), story)
		}
	}
}
