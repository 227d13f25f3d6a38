package brokertest

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// fixture is one test with its cluster.
type fixture struct {
	*testing.T
	h Harness
	c Cluster
	// base ends some time after every single wait of the test would have.
	base context.Context
}

// broker is the node that most tests talk to.
func (f *fixture) broker() cluster.Broker { return f.c.Broker(0) }

// ctx is for calls that are expected to end by themselves.
func (f *fixture) ctx() context.Context { return f.base }

// propose returns the outcome of a proposal that must reach one.
func (f *fixture) propose(op state.Op) (state.Outcome, state.Index) {
	f.Helper()
	out, index, err := f.broker().Propose(f.ctx(), state.Mutation{At: 1, Op: op})
	if err != nil {
		f.Fatalf("propose %s: %v", state.Kind(op), err)
	}
	return out, index
}

// accept proposes what must be accepted.
func (f *fixture) accept(op state.Op) (state.Outcome, state.Index) {
	f.Helper()
	out, index := f.propose(op)
	if out.Refused() {
		f.Fatalf("%s was refused: %s: %s", state.Kind(op), out.Refusal, out.Detail)
	}
	return out, index
}

// eventually waits until a condition holds.
func (f *fixture) eventually(what string, holds func() bool) {
	f.Helper()
	deadline := time.Now().Add(f.h.Patience)
	for !holds() {
		if time.Now().After(deadline) {
			f.Fatalf("after %s still not: %s", f.h.Patience, what)
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}

// restartAll restarts every node and waits until node 0 knows all.
func (f *fixture) restartAll() {
	f.Helper()
	for i := range f.h.Nodes {
		if err := f.c.Broker(i).Close(); err != nil {
			f.Fatalf("close node %d: %v", i, err)
		}
	}
	for i := range f.h.Nodes {
		f.c.Restart(f.T, i)
	}
	f.barrier(f.broker())
}

// barrier waits for a barrier to pass; a cluster that has just started, or was
// just healed, may need a few attempts.
func (f *fixture) barrier(b cluster.Broker) state.Index {
	f.Helper()
	var index state.Index
	f.eventually("a barrier passes", func() bool {
		var err error
		index, err = b.Barrier(f.ctx())
		return err == nil
	})
	return index
}

// document is the encoded document, without the position in the log: brokers may
// put entries of their own there.
func document(t testing.TB, s *state.State) []byte {
	t.Helper()
	c := *s
	c.Index = 0
	return encode(t, &c)
}

func encode(t testing.TB, s *state.State) []byte {
	t.Helper()
	text, err := state.EncodeState(s)
	if err != nil {
		t.Fatalf("encode document: %v", err)
	}
	return text
}

func (f *fixture) sameDocument(what string, got, want []byte) {
	f.Helper()
	if !bytes.Equal(got, want) {
		f.Errorf("%s: the document is another\n got %s\nwant %s", what, cut(got), cut(want))
	}
}

func cut(b []byte) []byte { return b[:min(len(b), 2000)] }

// monitor is the op that adds master number i.
func monitor(i int) state.OpMonitor {
	return state.OpMonitor{
		Name: name(i), Addr: state.Addr{Host: "192.0.2.1", Port: 1 + i%65535}, Quorum: 1,
		Settings: state.DefaultSettings(),
	}
}

func name(i int) string { return fmt.Sprintf("m%05d", i) }

func goroutines() int { return runtime.NumGoroutine() }

// expectGoroutines fails if more goroutines remain than there were.
func expectGoroutines(t *testing.T, before int, patience time.Duration) {
	deadline := time.Now().Add(patience)
	for goroutines() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Errorf("%d goroutines before, %d left:\n%s", before, goroutines(), stacks[:runtime.Stack(stacks, true)])
			return
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}

// reader follows Applied and checks each item against the contract: it carries a
// document of its own along by applying the mutations itself.
type reader struct {
	t   testing.TB
	doc *state.State // nil until the first item, if that must be a Reset
	// checkEach encodes each document: exact, and slow for large ones.
	checkEach bool
	changes   int
	resets    int
}

func (r *reader) take(c cluster.Change) {
	r.t.Helper()
	if c.State == nil || c.State.Index != c.Index {
		r.t.Fatalf("change %d comes with the document of another index", c.Index)
	}
	if r.doc != nil && c.Index <= r.doc.Index {
		r.t.Fatalf("change %d after change %d", c.Index, r.doc.Index)
	}
	if c.Reset {
		r.resets++
		if c.Mutation.Op != nil || c.Mutation.ID != (state.MutationID{}) {
			r.t.Errorf("a Reset carries the mutation %v", c.Mutation.ID)
		}
		r.doc = c.State
		return
	}
	if r.doc == nil {
		r.t.Fatalf("change %d came where only a Reset could", c.Index)
	}
	r.changes++
	next, out := state.Apply(r.doc, c.Index, c.Mutation)
	if out.Refusal != c.Outcome.Refusal || len(out.Events) != len(c.Outcome.Events) {
		r.t.Fatalf("change %d: there is a gap before it: its outcome is %+v, after the change before it would be %+v", c.Index, c.Outcome, out)
	}
	if r.checkEach && !bytes.Equal(encode(r.t, next), encode(r.t, c.State)) {
		r.t.Fatalf("change %d: there is a gap before it: its document is not the one before plus the mutation", c.Index)
	}
	r.doc = c.State
}
