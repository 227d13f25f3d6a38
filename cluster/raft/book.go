package raft

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"redis-failover/cluster/state"
)

// The book is what a node knows of the others: where they are, and which life
// of theirs it has met. It must work before raft does, so it is not part of the
// document: each node tells the others its own card on every connection, passes
// on what it knows, and keeps it in its folder.
//
// A life, once met on a raft connection, is never replaced by another. A member
// that comes back with an empty folder has forgotten which votes it gave and
// which changes it acknowledged; if it took part again under its old replica id,
// two leaders could be elected in one term, and acknowledged changes could be
// lost (the engine stops the process when it notices, which it need not). So
// everybody who knows the earlier life refuses the new one, and the new one, told
// so, stops with instructions. One that nobody remembers is alone with members
// that never met it, which is as good as new.
//
// The alternative, to found a group only when all founders have met and noted
// each other's lives, would also cover the case that, of three, one is wiped, one
// has never run and the third, who knows, is down. It would keep two of three
// from starting, which is worse every day; and here the third notices, as its
// book and theirs contradict each other, and nobody mixes the two histories.

// entry is one member in the book.
type entry struct {
	Node   string
	Member state.MemberID `json:",omitempty"`
	// Life is the first that was met on a raft connection, "" for none yet.
	Life string `json:",omitempty"`
	// Addr is where it was last known to be. Version is its owner's count of
	// changes; 0 for an address that comes from the list of founders.
	Addr    string
	Version uint64 `json:",omitempty"`
}

// book is guarded by mu; changed is closed and replaced at each change.
type book struct {
	self string // this node

	mu      sync.Mutex
	entries []entry // sorted by node; never changed in place
	changed chan struct{}
	save    func([]entry) error
}

func newBook(self string, entries []entry, save func([]entry) error) *book {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, byNode)
	return &book{self: self, entries: entries, save: save, changed: make(chan struct{})}
}

func byNode(a, b entry) int { return strings.Compare(a.Node, b.Node) }

// get returns what is known of a node, and the channel that is closed when
// something changes.
func (b *book) get(node string) (entry, bool, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, found := slices.BinarySearchFunc(b.entries, entry{Node: node}, byNode)
	if !found {
		return entry{}, false, b.changed
	}
	return b.entries[i], true, b.changed
}

// learn adds what another node tells, its own entry first; it is durable when
// learn returns. When it contradicts what is known of somebody's life, nothing is
// taken over and the contradiction returned. Its own id may be another than it
// was: a founder that was emptied before raft began has a new one.
func (b *book) learn(told []entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := slices.Clone(b.entries)
	for place, e := range told {
		if e.Node == b.self {
			continue // nobody knows better than oneself
		}
		i, found := slices.BinarySearchFunc(next, e, byNode)
		if !found {
			next = slices.Insert(next, i, e)
			continue
		}
		if lives := (contradiction{e.Addr, next[i].Life, e.Life}); lives.real() {
			return lives
		}
		next[i] = merge(next[i], e)
		if place == 0 && e.Member != "" {
			next[i].Member = e.Member
		}
	}
	return b.replace(next)
}

// replace sets the entries, after they were saved. The caller holds mu.
func (b *book) replace(next []entry) error {
	if slices.Equal(next, b.entries) {
		return nil
	}
	if err := b.save(next); err != nil {
		return fmt.Errorf("the address book could not be saved: %w", err)
	}
	b.entries = next
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

func merge(known, told entry) entry {
	if told.Version > known.Version {
		known.Addr, known.Version = told.Addr, told.Version
	}
	if known.Member == "" {
		known.Member = told.Member
	}
	if known.Life == "" {
		known.Life = told.Life
	}
	return known
}

// contradiction is two books that know two lives of one member.
type contradiction struct{ addr, known, told string }

func (c contradiction) real() bool { return c.known != "" && c.told != "" && c.known != c.told }

func (c contradiction) Error() string {
	return fmt.Sprintf("the member at %s is known here by another life (%.8s) than there (%.8s): its folder was emptied", c.addr, c.known, c.told)
}
