package system

import "testing"

func TestLostReplicaIsNoFailover(t *testing.T) {
	for _, h := range harms() {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{redis: h.opts(t)})
			lost, other := s.Replicas[0], s.Replicas[1]
			h.strike(lost)
			s.await("+sdown", ofReplica(lost, s.Master))
			s.agree(s.Master, other)
			s.replicated(s.Master, "k", "v", other)
			h.mend(lost)
			s.await("-sdown", ofReplica(lost, s.Master))
			s.agree(s.Master, lost, other)
			s.replicated(s.Master, "k", "w", lost, other)
			s.refuteEvents("+odown", "+new-epoch", "+try-failover", "+switch-master")
		})
	}
}
