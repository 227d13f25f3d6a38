package monitor

import (
	"fmt"

	"redis-failover/cluster/state"
)

// FailurePoint is a step of a failover after which this process can be told to
// crash or to stand still (SENTINEL SIMULATE-FAILURE), so that tests can see
// another member, or the next start, resume it. The first two are Sentinel's.
type FailurePoint uint32

// The failure points, as bits.
const (
	// CrashAfterElection: the claim is committed, nothing is chosen.
	CrashAfterElection FailurePoint = 1 << iota
	// CrashAfterPromotion: the switch is committed, nobody is re-pointed.
	CrashAfterPromotion
	// CrashAfterSelection: the candidate is committed, no order was sent.
	CrashAfterSelection
	// CrashAfterOrder: the candidate has carried the order out, the switch is
	// not committed.
	CrashAfterOrder
	// The process stands still after the same steps, once, as one that is
	// stopped by SIGSTOP or with its machine, and goes on when it is woken.
	FreezeAfterElection
	FreezeAfterPromotion
	FreezeAfterSelection
	FreezeAfterOrder
)

// freeze is the point at which a process stands still instead of crashing.
func (p FailurePoint) freeze() FailurePoint { return p * (FreezeAfterElection / CrashAfterElection) }

// failurePoints names the failure points as the command does. It is never
// written to.
var failurePoints = map[string]FailurePoint{
	"crash-after-election":   CrashAfterElection,
	"crash-after-promotion":  CrashAfterPromotion,
	"crash-after-selection":  CrashAfterSelection,
	"crash-after-order":      CrashAfterOrder,
	"freeze-after-election":  FreezeAfterElection,
	"freeze-after-promotion": FreezeAfterPromotion,
	"freeze-after-selection": FreezeAfterSelection,
	"freeze-after-order":     FreezeAfterOrder,
}

// SimulateFailure arms the named points and disarms all others. An unknown name
// is an error and disarms all, as in Sentinel.
func (m *Monitor) SimulateFailure(names ...string) error {
	m.simulated.Store(0)
	var points FailurePoint
	for _, name := range names {
		point, ok := failurePoints[name]
		if !ok {
			return fmt.Errorf("unknown failure simulation %q", name)
		}
		points |= point
	}
	m.simulated.Store(uint32(points))
	return nil
}

// SimulatedFailures are the armed points as bits, as INFO shows them.
func (m *Monitor) SimulatedFailures() int { return int(m.simulated.Load()) }

// failAt fails at a point, which is given as that of a crash, if it is armed.
func (m *Monitor) failAt(p FailurePoint) {
	if FailurePoint(m.simulated.Load())&p != 0 {
		m.log.Error("crashing as told by SENTINEL SIMULATE-FAILURE", "point", uint32(p))
		m.crash()
	}
	f := p.freeze()
	if was := m.simulated.And(^uint32(f)); FailurePoint(was)&f != 0 {
		m.log.Error("standing still as told by SENTINEL SIMULATE-FAILURE", "point", uint32(f))
		m.freeze()
	}
}

// failAfter fails if a committed step is one that was named.
func (m *Monitor) failAfter(op state.Op) {
	switch op.(type) {
	case state.OpBegin:
		m.failAt(CrashAfterElection)
	case state.OpSelect:
		m.failAt(CrashAfterSelection)
	case state.OpPromoted:
		m.failAt(CrashAfterPromotion)
	}
}
