package raft

import (
	"context"
	"slices"
	"sync"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// waiters connects proposals with what becomes of them. It goes by mutation id,
// so that whichever attempt of a proposal gets into the log first answers it.
type waiters struct {
	mu   sync.Mutex
	byID map[state.MutationID][]*waiter
}

// waiter is one call of Propose.
type waiter struct {
	id   state.MutationID
	done chan result // has room for the one result
}

type result struct {
	outcome state.Outcome
	index   state.Index
}

func newWaiters() *waiters { return &waiters{byID: map[state.MutationID][]*waiter{}} }

func (w *waiters) add(id state.MutationID) *waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	call := &waiter{id: id, done: make(chan result, 1)}
	w.byID[id] = append(w.byID[id], call)
	return call
}

func (w *waiters) remove(call *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.byID[call.id]
	if i := slices.Index(calls, call); i >= 0 {
		calls = slices.Delete(calls, i, i+1)
	}
	if len(calls) == 0 {
		delete(w.byID, call.id)
		return
	}
	w.byID[call.id] = calls
}

// settle answers those who wait for a change.
func (w *waiters) settle(c cluster.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, call := range w.byID[c.Mutation.ID] {
		call.done <- result{c.Outcome, c.Index}
	}
	delete(w.byID, c.Mutation.ID)
}

// numbers gives out this node's mutation numbers.
//
// Apply remembers which of the last 1,024 numbers of a member it has seen and
// takes all earlier ones for seen. So the numbers under way at one time must lie
// close together: else one whose message was lost could not be repeated.
type numbers struct {
	mu       sync.Mutex
	next     uint64
	underway map[uint64]bool
	freed    chan struct{} // closed when a number is given back
}

// span is how far apart numbers under way may be: below the window of Apply,
// with room for a number that a caller has given up and repeats.
const span = 512

func newNumbers(first uint64) *numbers {
	return &numbers{next: first, underway: map[uint64]bool{}, freed: make(chan struct{})}
}

// take returns a new number above known, which is the highest that is in the
// document. It waits while too many are under way.
func (n *numbers) take(ctx context.Context, known uint64) (uint64, error) {
	for {
		n.mu.Lock()
		n.next = max(n.next, known+1)
		if n.next < n.oldest()+span {
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
func (n *numbers) oldest() uint64 {
	lowest := n.next
	for number := range n.underway {
		lowest = min(lowest, number)
	}
	return lowest
}

// giveBack ends what take began.
func (n *numbers) giveBack(number uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.underway, number)
	close(n.freed)
	n.freed = make(chan struct{})
}
