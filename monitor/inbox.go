package monitor

import (
	"sync"

	"redis-failover/monitor/failover"
)

// item is one thing for the loop: an input for a group, or, with no group, the
// news that the broker's condition changed.
type item struct {
	group string
	// links tells reports of a connection that was replaced since (other
	// credentials) from those of the present one; 0: from no connection.
	links uint64
	input failover.Input
	// everybody: nothing but a wish that all groups are looked at.
	everybody bool
}

// inbox hands items to the loop. It is unbounded, because its senders are links
// and the broker's feed, which must never wait for the loop; what is in it is
// bounded by the number of links times the replies each may have outstanding.
type inbox struct {
	mu     *sync.Mutex
	items  *[]item
	ready  chan struct{} // holds one token while items are there
	closed chan struct{}
}

func newInbox() inbox {
	return inbox{mu: new(sync.Mutex), items: new([]item), ready: make(chan struct{}, 1), closed: make(chan struct{})}
}

// put never blocks. What is put after the loop has ended is dropped.
func (b *inbox) put(i item) {
	b.mu.Lock()
	*b.items = append(*b.items, i)
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// takeAll returns everything that is there, in order. The loop gives the former
// slice back for re-use.
func (b *inbox) takeAll(reuse []item) []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	items := *b.items
	*b.items = reuse[:0]
	return items
}
