package failover

import (
	"fmt"

	"redis-failover/cluster/state"
)

// This file is about pauses that people ask for (SENTINEL PAUSE); pause.go is
// about those of the process.

const keyResume = "resume"

// followPause notes when a pause begins or is replaced.
func (s *step) followPause() {
	number := uint64(0)
	if s.m.Pause != nil {
		number = s.m.Pause.Number
	}
	if s.w.paused != number {
		s.w.paused, s.w.pausedSince = number, s.env.Now
	}
}

// endPause proposes to end a pause that has stood for its length. All members
// do, each by its own clock; the first is granted.
func (s *step) endPause() {
	p := s.m.Pause
	if p == nil || p.For == 0 {
		return
	}
	if s.env.Now.Sub(s.w.pausedSince) < p.For {
		s.wake(s.w.pausedSince.Add(p.For))
		return
	}
	s.propose(keyResume, state.OpResume{Name: s.m.Name, Number: p.Number, By: fmt.Sprintf("%s, its %s are over", s.env.Self, p.For)})
}

// pausedReason says why nothing is begun in a paused group, "" if it is not
// paused.
func (s *step) pausedReason() string {
	if s.m.Pause == nil {
		return ""
	}
	return fmt.Sprintf("paused %s (SENTINEL RESUME %s ends it)", s.m.Pause, s.m.Name)
}
