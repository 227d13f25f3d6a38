package raft

import (
	"context"
	"errors"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// Barrier waits until the document is current: see cluster.Broker. It fails with
// ErrNoQuorum when there is no majority to ask.
func (b *Broker) Barrier(ctx context.Context) (state.Index, error) {
	ctx, cancel, err := b.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	index, err := b.reads.Wait(ctx)
	if err != nil {
		return 0, b.notSent(err)
	}
	return index, nil
}

// readAttempts is how often a read is tried under a leader that does not answer.
const readAttempts = 2

// read asks the engine until the document is as new as any was when it began.
func (b *Broker) read() (state.Index, error) {
	for range readAttempts {
		index, err := b.readUnderLeader(b.ctx)
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
