package cluster

import (
	"testing"

	"redis-failover/cluster/state"
)

// A master dies: one failover, and every node tells it in the same words.
func TestMasterIsLost(t *testing.T) {
	onEachBroker(t, func(t *testing.T, st stage) {
		t.Parallel()
		masterIsLost(play(t, st))
	})
}

func masterIsLost(s *scene) {
	s.Master.Kill()
	promoted := s.switchAt(s.nodes.Members[0], s.Master)
	for _, m := range s.nodes.Members {
		s.await(m, state.EventEnd, ofMaster(promoted))
	}
	story := s.sameStory(s.nodes.Members...)
	s.checkOnePromotion(story)
	if n := count(story, state.EventTryFailover); n != 1 {
		s.t.Errorf("%d failovers were begun, want 1:\n%q", n, story)
	}
	s.agree(promoted, s.others(promoted, s.Master)...)

	s.Master.Restart()
	s.agree(promoted, s.others(promoted)...)
	s.sameStory(s.nodes.Members...)
}
