// Package feed keeps the last changes of a document for those who follow them:
// the part of cluster.Broker.Applied that is the same for all brokers.
package feed

import (
	"context"
	"sync"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// Feed keeps the last changes. Readers come to fetch; the writer only files
// changes and rings a bell, so no reader can delay it. Its methods may be called
// from any goroutine, those that write (Publish, Reset) from one at a time.
type Feed struct {
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	ring   []cluster.Change // the change of index i is at i % len(ring)
	base   state.Index      // the changes after base up to latest are in the ring
	latest *state.State
	// bell is closed when something is added. It is taken under mu together
	// with the sight of an empty ring, so no ring is missed. It is nil while
	// nobody waits.
	bell chan struct{}
}

// fetchSize is how many changes a reader takes at once under the lock.
const fetchSize = 64

// New returns a feed that begins behind s and keeps size changes.
func New(size int, s *state.State) *Feed {
	return &Feed{closed: make(chan struct{}), ring: make([]cluster.Change, size), base: s.Index, latest: s}
}

// Publish files changes, whose indexes follow on without a gap.
func (f *Feed) Publish(changes []cluster.Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := state.Index(len(f.ring))
	for _, c := range changes {
		f.ring[c.Index%size] = c
		f.latest = c.State
	}
	if f.latest.Index > f.base+size {
		f.base = f.latest.Index - size
	}
	f.wake()
}

// Reset says that the changes before s are not at hand: all readers that have
// not got so far get a Reset.
func (f *Feed) Reset(s *state.State) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.base, f.latest = s.Index, s
	clear(f.ring) // hold no old documents
	f.wake()
}

// wake rings the bell. The caller holds mu.
func (f *Feed) wake() {
	if f.bell != nil {
		close(f.bell)
		f.bell = nil
	}
}

// Close lets readers end when they have read what is there.
func (f *Feed) Close() { f.once.Do(func() { close(f.closed) }) }

// fetch appends to items the next changes after position from. When there are
// none, it returns the bell to wait for.
func (f *Feed) fetch(items []cluster.Change, from state.Index) ([]cluster.Change, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if from < f.base {
		return append(items, cluster.Change{Index: f.latest.Index, State: f.latest, Reset: true}), nil
	}
	if from >= f.latest.Index {
		if f.bell == nil {
			f.bell = make(chan struct{})
		}
		return items, f.bell
	}
	last := min(f.latest.Index, from+fetchSize)
	for i := from + 1; i <= last; i++ {
		items = append(items, f.ring[i%state.Index(len(f.ring))])
	}
	return items, nil
}

// Follow hands out the changes after position from until ctx ends, the feed is
// closed and read to its end, or yield has enough. See cluster.Broker.Applied.
func (f *Feed) Follow(ctx context.Context, from state.Index, yield func(cluster.Change) bool) {
	items := make([]cluster.Change, 0, fetchSize)
	for {
		var bell <-chan struct{}
		items, bell = f.fetch(items[:0], from)
		for _, c := range items {
			if ctx.Err() != nil || !yield(c) {
				return
			}
			from = c.Index
		}
		if bell == nil {
			continue
		}
		clear(items) // while waiting, hold no old documents
		select {
		case <-bell:
		case <-ctx.Done():
			return
		case <-f.closed:
			// Nothing is published any more; what is there may be newer than
			// what was fetched.
			if items, bell = f.fetch(items[:0], from); bell != nil {
				return
			}
		}
	}
}
