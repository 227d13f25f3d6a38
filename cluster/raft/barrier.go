package raft

import (
	"context"
	"errors"
	"sync"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// reads batches barriers: a read that begins after a call covers it, so all that
// come while one is under way share the next.
type reads struct {
	mu      sync.Mutex
	next    *round // joined by calls, not yet begun; nil for none
	running bool   // a goroutine runs rounds
}

// round is one read of the engine, for all who joined it.
type round struct {
	done  chan struct{}
	index state.Index
	err   error
}

// Barrier waits until the document is current: see cluster.Broker. It fails with
// ErrNoQuorum when there is no majority to ask.
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
	if !b.reads.running { // closed meanwhile
		r := b.reads.next
		b.reads.next = nil
		r.err = errClosed
		close(r.done)
		return r
	}
	return b.reads.next
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
		r.index, r.err = b.read(b.ctx)
		if r.err != nil {
			r.err = b.notSent(r.err)
		}
		close(r.done)
	}
}

// readAttempts is how often a read is tried under a leader that does not answer.
const readAttempts = 2

// read asks the engine until the document is as new as any was when it began.
func (b *Broker) read(ctx context.Context) (state.Index, error) {
	for range readAttempts {
		index, err := b.readUnderLeader(ctx)
		if err == nil || !errors.Is(err, errNoAnswer) {
			return index, err
		}
	}
	return 0, noQuorum(b.noAnswer())
}

var errNoAnswer = errors.New("no answer from a majority")

// readUnderLeader tries until there is an answer or the time of an attempt has
// passed.
func (b *Broker) readUnderLeader(ctx context.Context) (state.Index, error) {
	for {
		h, l, err := b.ready(ctx)
		if err != nil {
			return 0, err
		}
		done, err := b.readOnce(ctx, h, l)
		if err != nil {
			return 0, err
		}
		if done {
			return b.State().Index, nil
		}
	}
}

func (b *Broker) readOnce(ctx context.Context, h *host, l lead) (done bool, err error) {
	if !h.enter() {
		return false, b.pause(ctx)
	}
	defer h.leave()
	request, err := h.nh.ReadIndex(shard, h.attempt())
	if err != nil {
		return false, b.pause(ctx)
	}
	silent := time.NewTimer(2 * h.attempt()) // the engine itself hangs: a disk that does not answer
	defer silent.Stop()
	select {
	case answer := <-request.ResultC():
		switch {
		case answer.Completed():
			return true, nil
		case answer.Timeout():
			return false, errNoAnswer
		}
		return false, b.pause(ctx)
	case <-silent.C:
		return false, errNoAnswer
	case <-l.changed:
		return false, nil
	case <-h.ctx.Done():
		return false, b.pause(ctx)
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

var _ cluster.Broker = (*Broker)(nil)
