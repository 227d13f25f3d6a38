// Package cluster is the contract between redis-failover and the engine that
// keeps its document: an ordered log with [state.Apply] on top.
//
// Three brokers fulfil it: standalone (a durable file, one node), raft
// (dragonboat) and zk (an existing ZooKeeper ensemble). cluster/brokertest is
// the suite that each of them must pass.
package cluster

import (
	"context"
	"errors"
	"iter"

	"redis-failover/cluster/state"
)

// The error classes of a proposal. Brokers wrap them with the cause; test with
// errors.Is.
var (
	// ErrNotLogged: nothing happened and nothing will; trying again is safe.
	ErrNotLogged = errors.New("not logged")
	// ErrUnknown: it may have happened or may still happen. The error is an
	// UnknownError, which names the mutation's id. After a Barrier, proposing
	// the same mutation (same ID) again is safe: Apply takes an id once. That
	// must be soon: once the member has had some 960 later mutations applied,
	// the id counts as too old, and is refused as a duplicate although it may
	// never have been applied.
	ErrUnknown = errors.New("outcome unknown")
	// ErrNoQuorum: the engine has no majority (or no connection to its own);
	// nothing was logged.
	ErrNoQuorum = errors.New("no quorum")
	// ErrClosed: the broker was closed. Unless it is ErrNotLogged as well, a
	// call that was in progress may have happened.
	ErrClosed = errors.New("broker closed")
	// ErrRefused: a change of the engine's members (see Membership) would do
	// harm and was not begun.
	ErrRefused = errors.New("refused")
)

// Broker is an ordered log of mutations with the document on top of it. All
// methods may be called from any goroutine.
type Broker interface {
	// Self is this node's identity. It never changes and never blocks.
	Self() state.MemberID

	// Propose puts a mutation into the log and waits until it is ordered AND
	// applied on this node; the document that State then returns contains it.
	// A refusal is an Outcome with a nil error. A zero ID is filled in by the
	// broker; callers give one only to repeat a proposal that ended in
	// ErrUnknown. The error is of one of the classes above; ctx ending is
	// ErrUnknown unless nothing was sent. The broker keeps no reference to m.
	// What is applied is the mutation as state.DecodeMutation reads it back, so
	// that every node, and every restart, applies the same; a mutation that
	// does not come back from the codec is ErrNotLogged.
	Propose(ctx context.Context, m state.Mutation) (state.Outcome, state.Index, error)

	// Barrier waits until the document that State returns contains all that
	// was acknowledged anywhere before the call. What then is not there of an
	// earlier ErrUnknown of this node will not come by itself any more. The
	// errors are those of Propose but ErrUnknown: a Barrier changes nothing.
	Barrier(ctx context.Context) (state.Index, error)

	// State is the document as this node knows it: immutable, never nil, one
	// atomic load, never blocks. It may lag behind the other nodes.
	State() *state.State

	// Applied yields each change of the document after position from, without
	// gaps, in order, as it is applied, until ctx ends or the broker closes.
	// When the changes after from are no longer at hand (a snapshot was
	// installed, or the reader was too slow) one item with Reset set comes
	// instead and the following ones go on from there. A slow reader delays
	// nobody. The sequence may be ranged over again, and then begins at from
	// again. Changes published before Close are still yielded after it.
	Applied(ctx context.Context, from state.Index) iter.Seq[Change]

	// Health is the present condition. It never blocks. HealthChanged returns
	// a channel that is closed at the next change.
	Health() Health
	HealthChanged() <-chan struct{}

	// Close stops the broker; all that was acknowledged is durable. Calls in
	// progress end with ErrClosed. Closing twice is harmless.
	Close() error
}

// Change is one applied mutation, or a Reset. All readers share what it points
// to and must not change it.
type Change struct {
	Index state.Index
	// State is the document right after this change.
	State *state.State
	// Mutation and Outcome are zero for a Reset.
	Mutation state.Mutation
	Outcome  state.Outcome
	// Reset: changes were skipped; State is what there is now. What was missed
	// is in the journals (State.EventsAfter).
	Reset bool
}

// Condition is how well a broker can do its work.
type Condition int8

const (
	// Ready: proposals are expected to succeed.
	Ready Condition = iota
	// Suspended: reads work, proposals are refused for now (no quorum, full
	// disk); the broker goes on trying.
	Suspended
	// Lost: the broker cannot recover by itself; the process must be
	// restarted or a person must act.
	Lost
)

// String is the word used in logs and INFO.
func (c Condition) String() string {
	switch c {
	case Ready:
		return "ready"
	case Suspended:
		return "suspended"
	}
	return "lost"
}

// Health is a broker's condition with its reason.
type Health struct {
	Condition Condition
	// Reason is a sentence for people: what is wrong and what to do; "" when
	// Ready.
	Reason string
}
