package brokertest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// eventful leaves a document in which every number that only grows has grown.
func (f *fixture) eventful() {
	f.Helper()
	self := f.broker().Self()
	f.accept(state.OpMember{Member: state.Member{ID: self, Alive: true}})
	for i := range 10 {
		f.accept(monitor(i))
	}
	m, _ := f.broker().State().Master(name(0))
	candidate := state.Addr{Host: "192.0.2.7", Port: 7}
	f.accept(state.OpObserve{Name: m.Name, Generation: m.Generation, RunID: "run", ReplID: "repl", Replicas: []state.SeenReplica{{Addr: candidate}}})
	f.accept(state.OpVote{Member: self, Votes: []state.Ballot{{Name: m.Name, Generation: m.Generation, Down: true}}})
	out, _ := f.accept(state.OpBegin{Name: m.Name, Generation: m.Generation, Kind: state.Auto, Member: self})
	f.accept(state.OpSelect{Name: m.Name, Claim: out.Claim, Candidate: candidate})
	f.accept(state.OpPromoted{Name: m.Name, Claim: out.Claim, RunID: "other"})
	f.accept(state.OpRemove{Name: name(9)})
	f.accept(state.OpSet{Name: name(1), Options: []state.Option{{Name: "auth-pass", Values: []string{"secret"}}}})
}

func testRestart(f *fixture) {
	f.eventful()
	s := f.broker().State()
	if s.Epoch == 0 || s.EventSeq == 0 {
		f.Fatalf("epoch %d, event %d: nothing to keep", s.Epoch, s.EventSeq)
	}
	before := document(f, s)
	for range 3 {
		f.restartAll()
		f.sameDocument("after a restart", document(f, f.broker().State()), before)
		if now := f.broker().State(); now.Index < s.Index {
			f.Errorf("after a restart the index is %d, it was %d", now.Index, s.Index)
		}
	}
}

func testRestartNumbers(f *fixture) {
	f.eventful()
	for range 3 {
		s := f.broker().State()
		self := f.broker().Self()
		f.restartAll()
		out, index := f.accept(state.OpReset{Names: []string{name(0)}})
		now := f.broker().State()
		if index <= s.Index || now.LastSeq(self) <= s.LastSeq(self) {
			f.Errorf("index %d after %d, mutation number %d after %d", index, s.Index, now.LastSeq(self), s.LastSeq(self))
		}
		if len(out.Events) == 0 || out.Events[0].Seq <= s.EventSeq || now.Epoch < s.Epoch {
			f.Errorf("events %+v after number %d, epoch %d after %d", out.Events, s.EventSeq, now.Epoch, s.Epoch)
		}
	}
}

// testAppliedAfterRestart: a reader that comes back with an old position gets
// the changes since, or a Reset, and never a gap.
func testAppliedAfterRestart(f *fixture) {
	empty := f.broker().State()
	f.churn(20)
	middle := f.broker().State()
	f.churn(20)
	f.restartAll()
	f.accept(monitor(1))
	for _, start := range []*state.State{empty, middle, f.broker().State()} {
		_, last := f.accept(state.OpReset{Names: []string{name(1)}})
		r := reader{t: f, doc: start, checkEach: true}
		for c := range f.broker().Applied(f.ctx(), start.Index) {
			if r.take(c); c.Index >= last {
				break
			}
		}
		f.sameDocument("what a reader carried over a restart", document(f, r.doc), document(f, f.broker().State()))
	}
}

func testClose(f *fixture) {
	f.accept(monitor(1))
	b := f.broker()
	before := encode(f, b.State())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range b.Applied(context.Background(), b.State().Index) {
		}
	}()
	changed := b.HealthChanged()
	for range 2 {
		if err := b.Close(); err != nil {
			f.Fatalf("close: %v", err)
		}
	}
	if _, _, err := b.Propose(f.ctx(), state.Mutation{Op: monitor(2)}); !errors.Is(err, cluster.ErrClosed) {
		f.Errorf("propose after close: %v", err)
	}
	if _, err := b.Barrier(f.ctx()); !errors.Is(err, cluster.ErrClosed) {
		f.Errorf("barrier after close: %v", err)
	}
	f.wait("Applied ends when the broker closes", ended)
	f.wait("HealthChanged fires when the broker closes", changed)
	if h := b.Health(); h.Condition == cluster.Ready {
		f.Error("a closed broker calls itself ready")
	}
	f.sameDocument("State after close", encode(f, b.State()), before)
	if len(b.Self()) != 40 {
		f.Errorf("Self after close is %q", b.Self())
	}
}

// testCloseEndsCalls closes under load: every call ends, and what was
// acknowledged is there afterwards.
func testCloseEndsCalls(f *fixture) {
	b := f.broker()
	const n = 64
	acked := make([][]int, n)
	var wg sync.WaitGroup
	var started atomic.Int32
	for w := range n {
		wg.Go(func() {
			for i := 0; ; i++ {
				key := w*1000 + i
				_, _, err := b.Propose(context.Background(), state.Mutation{Op: monitor(key)})
				if err != nil {
					if !errors.Is(err, cluster.ErrClosed) {
						f.Errorf("a call ended with %v when the broker closed", err)
					}
					return
				}
				acked[w] = append(acked[w], key)
				started.Add(1)
			}
		})
	}
	f.eventually("some proposals are through", func() bool { return started.Load() > 2*n })
	if err := b.Close(); err != nil {
		f.Errorf("close: %v", err)
	}
	wg.Wait()
	f.restartAll()
	for _, keys := range acked {
		for _, key := range keys {
			if _, ok := f.broker().State().Master(name(key)); !ok {
				f.Fatalf("master %d was acknowledged and is gone", key)
			}
		}
	}
}
