// Package local is what brokers share whose mutations are put in order by an
// engine of several nodes: the document as this node has it by now, and the
// proposals of this node that wait for what becomes of them.
package local

import (
	"context"
	"log/slog"
	"sync/atomic"

	"redis-failover/cluster"
	"redis-failover/cluster/feed"
	"redis-failover/cluster/state"
)

// Document is the document of this node. It never goes back: changes that were
// published before are passed over. Publish and Reset are called by one
// goroutine at a time, the other methods by any.
type Document struct {
	// Waiters are the proposals of this node that wait.
	Waiters *Waiters

	state atomic.Pointer[state.State]
	feed  *feed.Feed
	log   *slog.Logger
}

// NewDocument begins with the empty document. backlog is how many changes are
// kept for those who follow them.
func NewDocument(backlog int, log *slog.Logger) *Document {
	doc := state.New()
	d := &Document{Waiters: NewWaiters(), feed: feed.New(backlog, doc), log: log}
	d.state.Store(doc)
	return d
}

// State is the document as it is now: never nil, never changed.
func (d *Document) State() *state.State { return d.state.Load() }

// Follow hands out the changes after position from: see cluster.Broker.Applied.
func (d *Document) Follow(ctx context.Context, from state.Index, yield func(cluster.Change) bool) {
	d.feed.Follow(ctx, from, yield)
}

// Close lets those who follow end when they have read what is there.
func (d *Document) Close() { d.feed.Close() }

// malformed stands for an entry that cannot be decoded. Encode lets none in, so
// it is the work of a build with a fault; Apply refuses it.
const malformed = "malformed"

// Decode keeps what can be read of an entry: see state.DecodeMutation.
func (d *Document) Decode(entry []byte) state.Mutation {
	mutation, err := state.DecodeMutation(entry)
	if err != nil {
		d.log.Error("an entry of the log makes no sense and is passed over", "error", err, "bytes", len(entry))
	}
	if mutation.Op == nil {
		mutation.Op = state.OpUnknown{Kind: malformed}
	}
	return mutation
}

// Publish makes changes visible: first the document, so that whoever is woken
// finds it, then the feed, then the proposers.
func (d *Document) Publish(changes []cluster.Change) {
	known := d.State().Index
	for len(changes) > 0 && changes[0].Index <= known {
		changes = changes[1:]
	}
	if len(changes) == 0 {
		return
	}
	d.state.Store(changes[len(changes)-1].State)
	d.feed.Publish(changes)
	for _, c := range changes {
		d.Waiters.settle(c)
	}
}

// Reset takes a later document over, whose changes are not at hand.
func (d *Document) Reset(doc *state.State) {
	if doc.Index > d.State().Index {
		d.state.Store(doc)
		d.feed.Reset(doc)
	}
}
