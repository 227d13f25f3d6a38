package brokertest

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// churn makes n changes of all sorts, some of them refused.
func (f *fixture) churn(n int) {
	f.Helper()
	for i := range n {
		switch i % 4 {
		case 0:
			f.propose(monitor(i % 32))
		case 1:
			f.propose(state.OpSet{Name: name((i - 1) % 32), Options: []state.Option{{Name: "parallel-syncs", Values: []string{"3"}}}})
		case 2:
			f.propose(state.OpRemove{Name: "nobody"})
		case 3:
			f.propose(state.OpRemove{Name: name((i - 3) % 32)})
		}
	}
}

func testAppliedHasNoGaps(f *fixture) {
	f.accept(monitor(999))
	start := f.broker().State()
	const n = 100
	f.churn(n)
	r := reader{t: f, doc: start, checkEach: true}
	for c := range f.broker().Applied(f.ctx(), start.Index) {
		if r.take(c); c.Index >= f.broker().State().Index {
			break
		}
	}
	if r.resets == 0 && r.changes < n {
		f.Errorf("%d of %d changes came", r.changes, n)
	}
	f.sameDocument("what a reader carried along", document(f, r.doc), document(f, f.broker().State()))
}

func testAppliedWakes(f *fixture) {
	start := f.broker().State()
	items := make(chan cluster.Change)
	ctx, cancel := context.WithCancel(f.ctx())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		for c := range f.broker().Applied(ctx, start.Index) {
			select {
			case items <- c:
			case <-ctx.Done():
			}
		}
	})
	r := reader{t: f, doc: start, checkEach: true}
	for i := range 50 { // each time the reader waits, or is about to
		_, index := f.accept(monitor(i))
		for r.doc.Index < index {
			select {
			case c := <-items:
				r.take(c)
			case <-f.ctx().Done():
				f.Fatalf("the reader was not told of change %d", index)
			}
		}
	}
}

func testAppliedPositions(f *fixture) {
	const writers, each = 8, 40
	starts := []*state.State{f.broker().State()}
	for i := range 5 {
		f.accept(monitor(90000 + i))
		starts = append(starts, f.broker().State())
	}
	var wg sync.WaitGroup
	var target atomic.Uint64
	readers := make([]reader, 2*len(starts))
	follow, stop := context.WithCancel(f.ctx())
	defer stop()
	for i := range readers {
		r := &readers[i]
		r.t, r.doc = f, starts[i%len(starts)]
		wg.Go(func() {
			for c := range f.broker().Applied(follow, r.doc.Index) {
				r.take(c)
				if t := target.Load(); t > 0 && uint64(c.Index) >= t {
					return
				}
			}
		})
	}
	f.concurrently(writers, each)
	_, last := f.accept(monitor(80000))
	target.Store(uint64(last))
	f.accept(monitor(80001)) // so that who has read the last one looks again
	wg.Wait()
	for i := range readers {
		if readers[i].doc.Index < last {
			f.Errorf("reader %d got to %d of %d", i, readers[i].doc.Index, last)
		}
	}
}

// concurrently adds writers x each masters.
func (f *fixture) concurrently(writers, each int) {
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				out, _, err := f.c.Broker(w%f.h.Nodes).Propose(f.ctx(), state.Mutation{Op: monitor(w*each + i)})
				if err != nil || out.Refused() {
					f.Errorf("writer %d, master %d: %+v, %v", w, i, out, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func testAppliedBreak(f *fixture) {
	start := f.broker().State().Index
	f.churn(8)
	seq := f.broker().Applied(f.ctx(), start)
	var first state.Index
	for c := range seq {
		first = c.Index
		break
	}
	for c := range seq { // a Seq can be ranged over again
		if c.Index != first {
			f.Errorf("the second time the first change is %d, it was %d", c.Index, first)
		}
		break
	}
}

func testAppliedContext(f *fixture) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range f.broker().Applied(ctx, f.broker().State().Index) {
		}
	}()
	f.accept(monitor(1))
	cancel()
	f.wait("Applied ends with its context", ended)
	for range f.broker().Applied(ctx, 0) {
		f.Error("Applied yields something although its context had ended")
	}
}

func (f *fixture) wait(what string, done <-chan struct{}) {
	f.Helper()
	select {
	case <-done:
	case <-time.After(f.h.Patience):
		f.Fatalf("after %s still not: %s", f.h.Patience, what)
	}
}

// testSlowReader holds a reader in its loop body while others write and read.
func testSlowReader(f *fixture) {
	start := f.broker().State()
	stuck, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := reader{t: f, doc: start}
	var target atomic.Uint64
	go func() {
		defer close(done)
		once := sync.OnceFunc(func() { close(stuck); <-release })
		for c := range f.broker().Applied(f.ctx(), start.Index) {
			r.take(c)
			once()
			if t := target.Load(); t > 0 && uint64(c.Index) >= t {
				return
			}
		}
	}()
	f.accept(monitor(70000))
	f.wait("the slow reader has its first change", stuck)
	writers, each := 16, max(40, f.h.Backlog/8)
	f.concurrently(writers, each)
	_, last := f.accept(monitor(70001))
	target.Store(uint64(last))
	close(release)
	f.accept(monitor(70002))
	f.wait("the slow reader catches up", done)
	if f.h.Backlog > 0 && r.resets == 0 {
		f.Errorf("the reader lagged by %d changes, the backlog is %d, and there was no Reset", writers*each, f.h.Backlog)
	}
	if r.doc.Index < last {
		f.Errorf("the slow reader got to %d of %d", r.doc.Index, last)
	}
}
