package commands

import (
	"sync"

	"redis-failover/cluster/state"
)

// Announcement is the address that this node is announced with. Its methods may be
// called from any goroutine.
type Announcement struct {
	complete func(state.Addr) state.Addr

	mu sync.Mutex
	as state.Addr
}

// NewAnnouncement returns the announcement of a node that is told to announce as.
// Either half of that may be missing (host "", port 0); complete fills it in, from
// the address that the node listens on. It is called on any goroutine.
func NewAnnouncement(as state.Addr, complete func(state.Addr) state.Addr) *Announcement {
	return &Announcement{as: as, complete: complete}
}

// told is what the node was told to announce, with missing halves.
func (a *Announcement) told() state.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.as
}

func (a *Announcement) tell(as state.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.as = as
}

// LogLevel is the level of this node's log. Its methods may be called from any
// goroutine.
type LogLevel interface {
	// Name is the level as Redis names it, or as slog does if Redis has no such.
	Name() string
	// Set puts the level of that name in force until the end of the process; false
	// if Redis has none of that name.
	Set(name string) bool
	// Knows reports whether Set would accept the name.
	Knows(name string) bool
}
