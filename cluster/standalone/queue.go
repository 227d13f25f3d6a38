package standalone

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// request is one call of Propose or Barrier on its way to the writer and back.
type request struct {
	mutation state.Mutation
	barrier  bool // there is no mutation
	// stage decides the race between the writer that takes the request and
	// the caller that gives it up.
	stage atomic.Int32
	// done receives the answer once; it has room for it, so the writer never
	// waits for a caller.
	done chan answer
}

type answer struct {
	index   state.Index
	outcome state.Outcome
	err     error
}

const (
	stageQueued  int32 = iota
	stageTaken         // the writer has it; it may be logged
	stageGivenUp       // the caller has left; it will not be logged
)

func (r *request) take() bool   { return r.stage.CompareAndSwap(stageQueued, stageTaken) }
func (r *request) giveUp() bool { return r.stage.CompareAndSwap(stageQueued, stageGivenUp) }

// errClosed is the answer to what was queued and not begun when the broker
// closed.
var errClosed = fmt.Errorf("%w: %w", cluster.ErrClosed, cluster.ErrNotLogged)

// queue holds the requests in the order of their ids. Its length is bounded by
// the number of goroutines that call the broker, each of which waits.
type queue struct {
	self  state.MemberID
	ready chan struct{} // holds one token while the writer should look

	mu     sync.Mutex
	items  []*request
	seq    uint64 // the last mutation number given out
	closed bool
}

// put queues a request and gives its mutation an id if it has none.
func (q *queue) put(r *request) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errClosed
	}
	if !r.barrier && r.mutation.ID == (state.MutationID{}) {
		q.seq++
		r.mutation.ID = state.MutationID{Member: q.self, Seq: q.seq}
	}
	q.items = append(q.items, r)
	q.wake()
	return nil
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default: // a token is there already
	}
}

// takeAll returns what is queued, up to a limit, less what was given up.
func (q *queue) takeAll(limit int) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.items), limit)
	batch := make([]*request, 0, n)
	for _, r := range q.items[:n] {
		if r.take() {
			batch = append(batch, r)
		}
	}
	if n == len(q.items) {
		q.items = nil
	} else {
		q.items = q.items[n:]
		q.wake()
	}
	return batch
}

// close refuses what is queued and all that comes.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, r := range q.items {
		if r.take() {
			r.done <- answer{err: errClosed}
		}
	}
	q.items = nil
	q.wake()
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// notLogged wraps a cause in ErrNotLogged, once.
func notLogged(cause error) error {
	if errors.Is(cause, cluster.ErrNotLogged) {
		return cause
	}
	return fmt.Errorf("%w: %w", cluster.ErrNotLogged, cause)
}
