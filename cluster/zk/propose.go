package zk

import (
	"context"
	"errors"

	"redis-failover/cluster"
	"redis-failover/cluster/local"
	"redis-failover/cluster/state"
)

// Propose logs a mutation: see cluster.Broker.
//
// When the connection is lost while the change is on its way, what has become of
// it is found out by reading, as soon as there is another; if it was not logged
// it is sent again. It fails with ErrNoQuorum, with the words of Health, while
// ZooKeeper does not answer, or with ErrUnknown if it was sent before that.
func (b *Broker) Propose(ctx context.Context, m state.Mutation) (state.Outcome, state.Index, error) {
	ctx, cancel, err := b.begin(ctx)
	if err != nil {
		return state.Outcome{}, 0, err
	}
	defer cancel()
	fresh := m.ID == (state.MutationID{})
	if fresh {
		number, err := b.numbers.Take(ctx, b.State().LastSeq(b.self))
		if err != nil {
			return state.Outcome{}, 0, b.notSent(err)
		}
		defer b.numbers.GiveBack(number)
		m.ID = state.MutationID{Member: b.self, Seq: number}
	}
	text, err := local.Encode(m)
	if err != nil {
		return state.Outcome{}, 0, notLogged(err)
	}
	p := &proposal{text: text, waiter: b.doc.Waiters.Add(m.ID), failed: make(chan error, 1)}
	defer b.doc.Waiters.Remove(p.waiter)
	r, err := b.await(ctx, p)
	if err == nil && fresh && r.Outcome.Refusal == state.RefusedDuplicate {
		// It was applied before: what came of it was in a snapshot that this
		// node has read instead of the entry.
		err = &cluster.UnknownError{ID: m.ID, Cause: errors.New("it was applied, and its outcome was not seen")}
		return state.Outcome{}, 0, err
	}
	return r.Outcome, r.Index, err
}

func (b *Broker) await(ctx context.Context, p *proposal) (local.Result, error) {
	if err := b.suspended(); err != nil {
		return local.Result{}, err
	}
	b.outbox.put(p)
	var cause error
	select {
	case r := <-p.waiter.Done:
		b.outbox.remove(p)
		return r, nil
	case cause = <-p.failed:
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	sent := b.outbox.remove(p)
	select {
	case r := <-p.waiter.Done: // both were there
		return r, nil
	default:
	}
	switch {
	case errors.Is(cause, cluster.ErrUnknown), errors.Is(cause, cluster.ErrNoQuorum), errors.Is(cause, cluster.ErrNotLogged):
		return local.Result{}, cause
	case sent:
		return local.Result{}, &cluster.UnknownError{ID: p.waiter.ID, Cause: cause}
	}
	return local.Result{}, b.notSent(cause)
}

// begin starts a call that ends when the broker closes.
func (b *Broker) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if b.ctx.Err() != nil {
		return nil, nil, errClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, notLogged(err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(b.ctx, func() { cancel(cluster.ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }, nil
}

// notSent is the error of a call that ended before anything was sent.
func (b *Broker) notSent(err error) error {
	switch {
	case b.ctx.Err() != nil:
		return errClosed
	case errors.Is(err, cluster.ErrNoQuorum):
		return err
	}
	return notLogged(err)
}

// suspended is why a call makes no sense now, nil if it does.
func (b *Broker) suspended() error {
	if h := b.Health(); h.Condition != cluster.Ready {
		return noQuorum(h.Reason)
	}
	return nil
}
