package monitor

import (
	"fmt"

	"redis-failover/cluster/state"
)

// FailurePoint is a step of a failover after which this process can be told to
// crash (SENTINEL SIMULATE-FAILURE), so that tests can see another member, or
// the next start, resume it. The first two are Sentinel's.
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
)

// failurePoints names the failure points as the command does. It is never
// written to.
var failurePoints = map[string]FailurePoint{
	"crash-after-election":  CrashAfterElection,
	"crash-after-promotion": CrashAfterPromotion,
	"crash-after-selection": CrashAfterSelection,
	"crash-after-order":     CrashAfterOrder,
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

func (m *Monitor) crashAt(p FailurePoint) {
	if FailurePoint(m.simulated.Load())&p != 0 {
		m.log.Error("crashing as told by SENTINEL SIMULATE-FAILURE", "point", uint32(p))
		m.crash()
	}
}

// crashAfter crashes if a committed step is one that was named.
func (m *Monitor) crashAfter(op state.Op) {
	switch op.(type) {
	case state.OpBegin:
		m.crashAt(CrashAfterElection)
	case state.OpSelect:
		m.crashAt(CrashAfterSelection)
	case state.OpPromoted:
		m.crashAt(CrashAfterPromotion)
	}
}
