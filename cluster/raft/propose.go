package raft

import (
	"context"
	"errors"
	"strings"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/local"
	"redis-failover/cluster/state"

	"github.com/lni/dragonboat/v4"
)

// Propose logs a mutation: see cluster.Broker. It may be called on any member;
// the engine passes it on to the leader.
//
// A message on its way to a leader that dies is lost without a word. So a
// proposal is repeated, under its id, when another leader appears and when a
// while has passed; Apply takes it once. It fails with ErrNoQuorum, with the
// words of Health, as soon as there is no leader and no prospect of one.
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
	p := proposal{b: b, text: text, waiter: b.ledger.Waiters.Add(m.ID)}
	defer b.ledger.Waiters.Remove(p.waiter)
	r, err := p.run(ctx)
	if err == nil && fresh && r.Outcome.Refusal == state.RefusedDuplicate {
		// It was applied before: what came of it was in a snapshot that this
		// node was sent instead of the entry.
		err = &cluster.UnknownError{ID: m.ID, Cause: errors.New("it was applied, and its outcome was not seen")}
		return state.Outcome{}, 0, err
	}
	return r.Outcome, r.Index, err
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

// proposal is one call of Propose, underway.
type proposal struct {
	b      *Broker
	text   []byte
	waiter *local.Waiter
	// sent: it may have been logged.
	sent bool
}

func (p *proposal) run(ctx context.Context) (local.Result, error) {
	for {
		h, l, err := p.b.ready(ctx)
		if err != nil {
			return p.fail(ctx, err)
		}
		r, settled, err := p.attempt(ctx, h, l)
		if settled {
			return r, nil
		}
		if err != nil {
			return p.fail(ctx, err)
		}
	}
}

// attempt sends the proposal once and waits. Neither settled nor an error means
// that another attempt makes sense.
func (p *proposal) attempt(ctx context.Context, h *host, l lead) (r local.Result, settled bool, err error) {
	if !h.enter() {
		return local.Result{}, false, p.b.pause(ctx)
	}
	defer h.leave()
	request, err := h.nh.Propose(h.session, p.text, h.attempt())
	if err != nil {
		if final(err) {
			return local.Result{}, false, notLogged(err)
		}
		return local.Result{}, false, p.b.pause(ctx)
	}
	wasSent := p.sent
	p.sent = true
	changed := l.changed
	for {
		select {
		case r := <-p.waiter.Done:
			return r, true, nil
		case answer := <-request.ResultC():
			if answer.Completed() {
				continue // it was applied, so the waiter knows
			}
			if answer.Dropped() { // by this node, before it was sent
				p.sent = wasSent
				return local.Result{}, false, p.b.pause(ctx)
			}
			return local.Result{}, false, nil
		case <-changed:
			if now := h.lead.now(); now.leader != 0 {
				return local.Result{}, false, nil
			} else {
				changed = now.changed
			}
		case <-h.ctx.Done():
			return local.Result{}, false, p.b.pause(ctx)
		case <-ctx.Done():
			return local.Result{}, false, ctx.Err()
		}
	}
}

// final reports whether repeating a request cannot help.
func final(err error) bool {
	return errors.Is(err, dragonboat.ErrPayloadTooBig) || errors.Is(err, dragonboat.ErrInvalidSession) || errors.Is(err, dragonboat.ErrInvalidOperation)
}

// fail gives an error its class.
func (p *proposal) fail(ctx context.Context, err error) (local.Result, error) {
	select {
	case r := <-p.waiter.Done: // both were there
		return r, nil
	default:
	}
	if !p.sent {
		return local.Result{}, p.b.notSent(err)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return local.Result{}, &cluster.UnknownError{ID: p.waiter.ID, Cause: plain(err)}
}

// plain takes the classes "nothing was logged" from an error that is the cause
// of an unknown outcome.
func plain(err error) error {
	if errors.Is(err, cluster.ErrNoQuorum) || errors.Is(err, cluster.ErrNotLogged) {
		return errors.New(strings.TrimPrefix(err.Error(), cluster.ErrNotLogged.Error()+": "))
	}
	return err
}

// breather is the pause before a request is repeated that the engine did not
// take.
const breather = 5 * time.Millisecond

// pause waits for a moment; the error is that of ctx.
func (b *Broker) pause(ctx context.Context) error {
	t := time.NewTimer(breather)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Without a leader, calls fail when too few members can be reached to elect one for
// an election timeout, so that a short silence is not taken for the end; it counts
// as leastElection at least. If enough can be reached, they will manage: five
// timeouts of the default have passed when calls fail all the same.
const (
	leastElection   = 500 * time.Millisecond
	electionsToWait = 5
	leastWait       = electionsToWait * time.Second
)

// ready returns the engine and the leader. While there is no leader it waits as
// long as there is hope, else it fails with ErrNoQuorum or ErrNotLogged.
func (b *Broker) ready(ctx context.Context) (*host, lead, error) {
	for {
		h, l := b.host.Load(), b.events.lead.now()
		if h != nil && l.leader != 0 && b.obstacle() == "" {
			return h, l, nil
		}
		if err := b.hopeless(l); err != nil {
			return nil, lead{}, err
		}
		t := time.NewTimer(b.timing().Election() / 4)
		select {
		case <-l.changed:
		case <-t.C: // somebody may have become unreachable, or patience ends
		case <-ctx.Done():
		}
		t.Stop()
		if err := ctx.Err(); err != nil {
			return nil, lead{}, err
		}
	}
}

// hopeless returns an error when waiting for a leader makes no sense.
func (b *Broker) hopeless(l lead) error {
	if reason := b.obstacle(); reason != "" {
		return notLogged(errors.New(reason))
	}
	if b.keeper.get().Replica == 0 {
		return noQuorum(b.waitingToJoin())
	}
	election := b.timing().Election()
	if time.Since(l.since) < max(election, leastElection) {
		return nil
	}
	if why := b.unreachable(); why != "" {
		return noQuorum(why)
	}
	if time.Since(l.since) > max(electionsToWait*election, leastWait) {
		return noQuorum(b.noLeader())
	}
	return nil
}
