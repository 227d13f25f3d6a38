package cluster

import (
	"testing"

	"redis-failover/cluster/state"
)

// SENTINEL FAILOVER is carried out by the node that it was said to, whoever
// leads the members.
func TestPlannedAtEachNode(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	master := s.Master
	for epoch, m := range s.nodes.Members {
		m.Must("SENTINEL", "FAILOVER", group)
		promoted := s.switchAt(m, master)
		s.await(m, state.EventEnd, ofMaster(promoted))
		vote := s.events[m.Index].Messages()
		voted := 0
		for _, said := range vote {
			if said.Channel != state.EventVote {
				continue
			}
			if voted++; voted == epoch+1 && s.nodes.Executor(said) != m {
				t.Errorf("FAILOVER at member %d: %s %s", m.Index, said.Channel, said.Payload)
			}
		}
		if voted != epoch+1 {
			t.Errorf("after %d commands there were %d failovers", epoch+1, voted)
		}
		s.agree(promoted, s.others(promoted)...)
		s.watched(promoted)
		master = promoted
	}
	s.checkOnePromotion(s.sameStory(s.nodes.Members...))
}
