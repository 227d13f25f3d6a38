package raft

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"

	"redis-failover/cluster"
	"redis-failover/cluster/local"
	"redis-failover/cluster/state"

	"github.com/lni/dragonboat/v4/statemachine"
)

// ledger is the document of this node: what the engine has committed, applied.
// It outlives the engine, which may be closed and opened again, and then applies
// again what it finds in its log: that is skipped, so the document never goes
// back.
type ledger struct {
	*local.Document
	log *slog.Logger
	// entry is the place in raft's log of the last entry applied since the
	// engine was opened.
	entry atomic.Uint64
}

// machine is the engine's state machine. It fulfils
// statemachine.IConcurrentStateMachine. The engine calls Update, PrepareSnapshot
// and RecoverFromSnapshot one at a time, SaveSnapshot and Lookup beside them.
//
// An error from Update stops the process, and one node that took an entry
// otherwise than the others would be lost for good: so whatever is in an entry,
// it has an outcome, and takes one index.
type machine struct {
	ledger *ledger
	events *events
	doc    *state.State
}

var _ statemachine.IConcurrentStateMachine = (*machine)(nil)

// newMachine begins with the empty document, as the engine replays its log.
func newMachine(l *ledger, e *events) *machine {
	return &machine{ledger: l, events: e, doc: state.New()}
}

// Update applies committed entries and publishes the document with all of them.
func (m *machine) Update(entries []statemachine.Entry) ([]statemachine.Entry, error) {
	changes := make([]cluster.Change, 0, len(entries))
	for i := range entries {
		change := m.apply(entries[i].Cmd)
		if err := change.State.CheckSchema(); err != nil {
			m.ledger.Publish(changes)
			return nil, m.events.end(err, unusable(err))
		}
		m.doc = change.State
		changes = append(changes, change)
		entries[i].Result.Value = uint64(change.Index)
	}
	m.ledger.Publish(changes)
	m.ledger.entry.Store(entries[len(entries)-1].Index)
	return entries, nil
}

func (m *machine) apply(entry []byte) cluster.Change {
	mutation := m.ledger.Decode(entry)
	next, outcome := state.Apply(m.doc, m.doc.Index+1, mutation)
	return cluster.Change{Index: next.Index, State: next, Mutation: mutation, Outcome: outcome}
}

// Lookup is not used: who wants the document takes it from the ledger.
func (m *machine) Lookup(any) (any, error) { return m.ledger.State(), nil }

// PrepareSnapshot takes hold of the document, which never changes.
func (m *machine) PrepareSnapshot() (any, error) { return m.doc, nil }

// SaveSnapshot writes the document that PrepareSnapshot took hold of.
func (m *machine) SaveSnapshot(doc any, w io.Writer, _ statemachine.ISnapshotFileCollection, _ <-chan struct{}) error {
	return writeSnapshot(w, doc.(*state.State))
}

// RecoverFromSnapshot takes over a document, from this node's folder or from
// another member. An error would stop the process.
func (m *machine) RecoverFromSnapshot(r io.Reader, _ []statemachine.SnapshotFile, _ <-chan struct{}) error {
	var doc *state.State
	var err error
	// The engine panics in our calls to r at a block that is damaged.
	if panicked := survive(func() { doc, err = readSnapshot(r) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		return m.events.end(err, unusable(err))
	}
	m.doc = doc
	m.ledger.Reset(doc)
	return nil
}

// unusable is why this member cannot go on with a document.
func unusable(err error) error {
	if errors.As(err, new(state.ErrNewerSchema)) {
		return fmt.Errorf("%w: %w. %s", ErrTooOld, err, tooOldAdvice)
	}
	return fmt.Errorf("this member has stopped taking part in the group, because it was given a snapshot that it cannot use: %w. "+
		"If it happens again at the next start, empty the data directory and replace this member", err)
}

// Close does nothing: the ledger belongs to the broker.
func (m *machine) Close() error { return nil }
