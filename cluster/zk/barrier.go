package zk

import (
	"context"
	"errors"
	"sync"
	"time"

	"redis-failover/cluster/state"
)

// reads batches barriers: a question that is asked after a call covers it, so
// all that come while one is under way share the next.
type reads struct {
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

// Barrier waits until the document is current: see cluster.Broker. It fails with
// ErrNoQuorum when ZooKeeper does not answer.
func (b *Broker) Barrier(ctx context.Context) (state.Index, error) {
	ctx, cancel, err := b.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	r := b.join()
	select {
	case <-r.done:
		return r.index, r.err
	case <-ctx.Done():
		return 0, b.notSent(ctx.Err())
	}
}

// join returns the round that the caller is part of.
func (b *Broker) join() *round {
	b.reads.mu.Lock()
	defer b.reads.mu.Unlock()
	if b.reads.next == nil {
		b.reads.next = &round{done: make(chan struct{})}
	}
	if !b.reads.running {
		b.reads.running = b.work(b.runReads)
	}
	r := b.reads.next
	if !b.reads.running { // closed meanwhile
		b.reads.next = nil
		r.err = errClosed
		close(r.done)
	}
	return r
}

// runReads runs rounds until nobody waits.
func (b *Broker) runReads() {
	for {
		b.reads.mu.Lock()
		r := b.reads.next
		b.reads.next = nil
		b.reads.running = r != nil
		b.reads.mu.Unlock()
		if r == nil {
			return
		}
		if err := b.read(); err != nil {
			r.err = b.notSent(err)
		}
		r.index = b.State().Index
		close(r.done)
	}
}

// read asks until there is an answer, or no prospect of one.
func (b *Broker) read() error {
	for {
		if err := b.suspended(); err != nil {
			return err
		}
		changed := b.HealthChanged()
		s := b.stint.Load()
		if s != nil && s.landed() == nil && s.confirm() == nil {
			return nil
		}
		// The stint is over, or will be; the next one or the end of patience
		// shows in the health.
		select {
		case <-changed:
		case <-time.After(breather):
		case <-b.ctx.Done():
			return errors.New("the broker is closing")
		}
	}
}

// breather is the pause before something is tried again that did not work.
const breather = 20 * time.Millisecond
