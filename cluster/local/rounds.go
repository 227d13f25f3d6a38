package local

import (
	"context"
	"sync"

	"redis-failover/cluster/state"
)

// Rounds batches barriers: a question to the engine that is asked after a call
// covers it, so all calls that come while one question is under way share the
// next. Its methods may be called from any goroutine.
type Rounds struct {
	// work starts a goroutine, and returns false if the broker is closing.
	work func(func()) bool
	// ask is one question: it returns when the document is as new as any was
	// when it was asked.
	ask func() (state.Index, error)
	// closed is what calls fail with that come too late.
	closed error

	mu      sync.Mutex
	next    *round // joined by calls, not yet begun; nil for none
	running bool   // a goroutine runs rounds
}

// round is one question, for all who joined it.
type round struct {
	done  chan struct{}
	index state.Index
	err   error
}

// NewRounds makes Rounds of a broker's means; see the fields.
func NewRounds(work func(func()) bool, ask func() (state.Index, error), closed error) *Rounds {
	return &Rounds{work: work, ask: ask, closed: closed}
}

// Wait returns what the next question brings, or the error of ctx.
func (r *Rounds) Wait(ctx context.Context) (state.Index, error) {
	joined := r.join()
	select {
	case <-joined.done:
		return joined.index, joined.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// join returns the round that the caller is part of.
func (r *Rounds) join() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.next == nil {
		r.next = &round{done: make(chan struct{})}
	}
	if !r.running {
		r.running = r.work(r.run)
	}
	joined := r.next
	if !r.running { // closed meanwhile
		r.next = nil
		joined.err = r.closed
		close(joined.done)
	}
	return joined
}

// run asks until nobody waits.
func (r *Rounds) run() {
	for {
		r.mu.Lock()
		now := r.next
		r.next = nil
		r.running = now != nil
		r.mu.Unlock()
		if now == nil {
			return
		}
		now.index, now.err = r.ask()
		close(now.done)
	}
}
