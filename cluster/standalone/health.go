package standalone

import (
	"sync"

	"redis-failover/cluster"
)

// health is the broker's condition and those who wait for its change.
type health struct {
	mu      sync.Mutex
	now     cluster.Health
	changed chan struct{}
}

func newHealth() *health { return &health{changed: make(chan struct{})} }

func (h *health) get() cluster.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *health) wait() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// set reports whether the condition or its reason is another than before.
func (h *health) set(now cluster.Health) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now == h.now {
		return false
	}
	h.now = now
	close(h.changed)
	h.changed = make(chan struct{})
	return true
}
