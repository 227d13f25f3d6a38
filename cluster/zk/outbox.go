package zk

import (
	"slices"
	"sync"

	"redis-failover/cluster"
	"redis-failover/cluster/local"
)

// proposal is one call of Propose, underway.
type proposal struct {
	text   []byte
	waiter *local.Waiter
	// failed gets the one error that ends it, for which it has room.
	failed chan error
}

// outbox holds the proposals of this node until it is known what has become of
// them. It outlives connections.
//
// A proposal waits, is sent, and ends when the follower reads it. When the
// connection is lost, those that were sent may be in the log or not: the next
// stint shuts out what is still on its way, reads to the end, and sends those
// again that were not there.
type outbox struct {
	mu sync.Mutex
	// waiting are those that are not in the log for sure, in order; sent are
	// those that may be.
	waiting, sent []*proposal
	ready         chan struct{} // has something in it when something waits
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

func (o *outbox) ring() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

func (o *outbox) put(p *proposal) {
	o.mu.Lock()
	o.waiting = append(o.waiting, p)
	o.mu.Unlock()
	o.ring()
}

// take returns the first that wait, of which the caller says how many by looking
// at each; from now on they may have been logged.
func (o *outbox) take(more func(*proposal) bool) []*proposal {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(o.waiting) && more(o.waiting[n]) {
		n++
	}
	batch := slices.Clone(o.waiting[:n])
	o.waiting = slices.Delete(o.waiting, 0, n)
	o.sent = append(o.sent, batch...)
	if len(o.waiting) > 0 {
		o.ring()
	}
	return batch
}

// refused puts proposals back that were sent and were not logged.
func (o *outbox) refused(batch []*proposal) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var back []*proposal
	for _, p := range batch {
		if i := slices.Index(o.sent, p); i >= 0 { // else its caller has given up
			o.sent = slices.Delete(o.sent, i, i+1)
			back = append(back, p)
		}
	}
	o.waiting = append(back, o.waiting...)
	o.ring()
}

// resolve is for the moment when all is read that was logged: what was sent and
// has not ended by now was not logged and will not be.
func (o *outbox) resolve() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.sent, o.waiting...)
	o.sent = nil
	o.ring()
}

// remove ends a proposal. It reports whether it may have been logged.
func (o *outbox) remove(p *proposal) (sent bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.Index(o.waiting, p); i >= 0 {
		o.waiting = slices.Delete(o.waiting, i, i+1)
		return false
	}
	if i := slices.Index(o.sent, p); i >= 0 {
		o.sent = slices.Delete(o.sent, i, i+1)
	}
	return true
}

// fail ends all with an error; reason is for those that may have been logged.
func (o *outbox) fail(err, reason error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.waiting {
		p.fail(err)
	}
	for _, p := range o.sent {
		p.fail(&cluster.UnknownError{ID: p.waiter.ID, Cause: reason})
	}
	o.waiting, o.sent = nil, nil
}

func (p *proposal) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}
