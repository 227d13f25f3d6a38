package feed

import (
	"math"
	"sync"

	"redis-failover/cluster/state"
)

// Order brings what a node sees by itself into one row with what all nodes have
// agreed on. A node acts on a document before whoever reads its changes one by
// one has got there; told at once, "+sdown slave …" could come before the
// "+slave …" that it follows from. So what was seen under a document is told
// when all the changes up to that document have been.
//
// Nothing else is delayed: who reads the changes is never far behind, and while
// nothing is agreed on there is nothing to wait for. What is seen first and
// agreed on afterwards keeps its order as well, because the agreement is a later
// change.
//
// The functions given to it run one at a time, under its lock: they must not
// block, nor use it.
type Order struct {
	mu      sync.Mutex
	passed  state.Index
	waiting []placed
}

type placed struct {
	after state.Index
	tell  func()
}

// NewOrder returns an Order whose reader has not begun: nothing waits.
func NewOrder() *Order { return &Order{passed: math.MaxUint64} }

// Begin says that the changes after position at are going to be read.
func (o *Order) Begin(at state.Index) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.passed = at
}

// Agreed tells what the change of an index brought, and then what has waited for
// it. One goroutine calls it, in the order of the changes.
func (o *Order) Agreed(at state.Index, tell func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	tell()
	o.passed = at
	for len(o.waiting) > 0 && o.waiting[0].after <= at {
		o.waiting[0].tell()
		o.waiting[0] = placed{}
		o.waiting = o.waiting[1:]
	}
}

// Seen tells what was seen under the document of an index, now or when that
// document has been reached. What is seen later is never told earlier. Any
// goroutine may call it.
func (o *Order) Seen(under state.Index, tell func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 && under <= o.passed {
		tell()
		return
	}
	o.waiting = append(o.waiting, placed{under, tell})
}
