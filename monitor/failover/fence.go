package failover

import (
	"time"

	"redis-failover/cluster/state"
)

// confirmFor is for how long a confirmed view of the document entitles this
// node to send orders. A node that was paused or cut off for longer confirms
// its claim by a barrier before its next order. Others may take a claim over
// only after several seconds of silence, so this is well inside.
const confirmFor = time.Second

// Fence is the condition under which an order may be sent. It is decided with
// the order and asked again right before the bytes leave.
type Fence struct {
	Master string
	// Generation must be the document's.
	Generation uint64
	// Claim must be in force; zero for a repair.
	Claim state.Claim
	// Repair must be the number granted for the server; 0 for a failover.
	Repair uint64
	Addr   state.Addr
	// Until is when the view it was decided on is too old.
	Until Moment
}

// Holds reports whether the order may still be sent. Any goroutine may ask.
func (f Fence) Holds(now Moment, doc *state.State) bool {
	m, ok := doc.Master(f.Master)
	if !ok || now >= f.Until || m.Generation != f.Generation {
		return false
	}
	if f.Repair == 0 {
		return m.Failover != nil && m.Failover.Claim == f.Claim
	}
	r, ok := m.Replica(f.Addr)
	return ok && m.Failover == nil && r.Repair != nil && r.Repair.Number == f.Repair
}

// fence returns the fence of an order to a server, or false when this node
// must confirm its view first (the barrier is then asked for).
func (s *step) fence(a state.Addr) (Fence, bool) {
	if s.w.confirmed == 0 || s.env.Now.Sub(s.w.confirmed) >= confirmFor {
		s.confirm()
		return Fence{}, false
	}
	f := Fence{Master: s.m.Name, Generation: s.m.Generation, Addr: a, Until: s.w.confirmed.Add(confirmFor)}
	if s.m.Failover != nil {
		f.Claim = s.w.claim
	} else {
		f.Repair = s.w.repairs[a].number
	}
	return f, true
}

// confirm asks for a barrier unless one is under way or has just failed.
func (s *step) confirm() {
	switch {
	case s.w.barrier.inFlight:
	case s.env.Now < s.w.barrier.retry:
		s.wake(s.w.barrier.retry)
	default:
		s.w.barrier = pending{inFlight: true, since: s.env.Now}
		s.out.Barrier = true
	}
}

// repeatOrder is when an order is sent again that has shown no effect, or that
// the server refused. One that was not sent, or may have been lost with its
// connection, is repeated sooner.
const repeatOrder = time.Second

// order sends a reconfiguration to a server unless it has been sent a moment
// ago. It reports whether it did.
func (s *step) order(v *server, target state.Addr) bool {
	if s.isSelf(v, target) {
		return false
	}
	last, sent := s.w.orders[v.addr]
	wait := repeatOrder
	if last.lost {
		wait = fastProbe
	}
	if sent && s.env.Now.Sub(last.at) < wait {
		s.wake(last.at.Add(wait))
		return false
	}
	if sent && v.factsAt < last.at {
		return false // it may have obeyed: the next thing that it says will tell
	}
	fence, ok := s.fence(v.addr)
	if !ok {
		return false
	}
	if !sent {
		last.first = s.env.Now
	}
	last.at, last.lost = s.env.Now, false
	s.w.orders[v.addr] = last
	s.out.Orders = append(s.out.Orders, Order{Kind: Reconfigure, Addr: v.addr, Target: target, Fence: fence})
	v.nextProbe = s.env.Now.Add(minPeriod)
	s.wake(v.nextProbe)
	return true
}
