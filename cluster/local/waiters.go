package local

import (
	"context"
	"slices"
	"sync"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// Waiters connects proposals with what becomes of them. It goes by mutation id,
// so that whichever attempt of a proposal gets into the log first answers it.
type Waiters struct {
	mu   sync.Mutex
	byID map[state.MutationID][]*Waiter
}

// Waiter is one call of Propose.
type Waiter struct {
	// ID is that of its mutation.
	ID state.MutationID
	// Done gets the one result, for which it has room.
	Done chan Result
}

// Result is what became of a proposal.
type Result struct {
	Outcome state.Outcome
	Index   state.Index
}

// NewWaiters returns none.
func NewWaiters() *Waiters { return &Waiters{byID: map[state.MutationID][]*Waiter{}} }

// Add begins to wait for a mutation. Several calls may wait for the same one.
func (w *Waiters) Add(id state.MutationID) *Waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := &Waiter{ID: id, Done: make(chan Result, 1)}
	w.byID[id] = append(w.byID[id], call)
	return call
}

// Remove ends what Add began.
func (w *Waiters) Remove(call *Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.byID[call.ID]
	if i := slices.Index(calls, call); i >= 0 {
		calls = slices.Delete(calls, i, i+1)
	}
	if len(calls) == 0 {
		delete(w.byID, call.ID)
		return
	}
	w.byID[call.ID] = calls
}

// settle answers those who wait for a change.
func (w *Waiters) settle(c cluster.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, call := range w.byID[c.Mutation.ID] {
		call.Done <- Result{c.Outcome, c.Index}
	}
	delete(w.byID, c.Mutation.ID)
}

// Numbers gives out this node's mutation numbers.
//
// Apply remembers which of the last 1,024 numbers of a member it has seen and
// takes all earlier ones for seen. So the numbers under way at one time must lie
// close together: else one whose message was lost could not be repeated.
type Numbers struct {
	mu       sync.Mutex
	next     uint64
	underway map[uint64]bool
	freed    chan struct{} // closed when a number is given back
}

// Span is how far apart numbers under way may be: below the window of Apply,
// with room for a number that a caller has given up and repeats.
const Span = 512

// NewNumbers begins with first.
func NewNumbers(first uint64) *Numbers {
	return &Numbers{next: first, underway: map[uint64]bool{}, freed: make(chan struct{})}
}

// Take returns a new number above known, which is the highest that is in the
// document. It waits while too many are under way.
func (n *Numbers) Take(ctx context.Context, known uint64) (uint64, error) {
	for {
		n.mu.Lock()
		n.next = max(n.next, known+1)
		if n.next < n.oldest()+Span {
			number := n.next
			n.next++
			n.underway[number] = true
			n.mu.Unlock()
			return number, nil
		}
		freed := n.freed
		n.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// oldest is the lowest number under way. The caller holds mu.
func (n *Numbers) oldest() uint64 {
	lowest := n.next
	for number := range n.underway {
		lowest = min(lowest, number)
	}
	return lowest
}

// GiveBack ends what Take began.
func (n *Numbers) GiveBack(number uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.underway, number)
	close(n.freed)
	n.freed = make(chan struct{})
}
