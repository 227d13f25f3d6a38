package raft

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// TestTooOld: when a schema comes into force that this build does not know, the
// member stops in one plain sentence, applies nothing more, and answers from what
// it knew; it does not start again, and its folder is as it was.
func TestTooOld(t *testing.T) {
	g := openGroup(t, 1)
	g.add(0, 1)
	b := g.nodes[0].broker
	newer := state.Member{ID: b.Self(), Alive: true, Schema: state.SchemaVersion + 1}
	_, _, err := b.Propose(g.ctx(), state.Mutation{Op: state.OpMember{Member: newer}})
	if !errors.Is(err, cluster.ErrUnknown) {
		t.Errorf("the change that this build cannot follow ended in %v", err)
	}
	if reason := g.is(0, cluster.Lost); !strings.Contains(reason, "too old") || strings.Contains(reason, "\n") {
		t.Errorf("the reason is %q", reason)
	}
	if s := b.State(); s.Schema > state.SchemaVersion || s.Len() != 1 {
		t.Errorf("it has schema %d and %d masters", s.Schema, s.Len())
	}
	log := g.nodes[0].log.tail(1000)
	if n := strings.Count(log, "too old"); n != 1 {
		t.Errorf("the log says %d times that it is too old", n)
	}
	g.stop(0)

	// The engine of this process still has the folder open, as it hangs; a
	// later process finds it so.
	o := g.nodes[0].options
	o.Dir = memoryDir(t) + "/copy"
	if err := os.CopyFS(o.Dir, os.DirFS(g.nodes[0].options.Dir)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(o); !errors.Is(err, ErrTooOld) || !strings.Contains(err.Error(), "Start the build") {
		t.Errorf("started again: %v", err)
	}
}

// TestTooOldForASnapshot is the same for a member that was away meanwhile.
func TestTooOldForASnapshot(t *testing.T) {
	doc := state.New()
	doc.Schema = state.SchemaVersion + 1
	var snapshot bytes.Buffer
	if err := writeSnapshot(&snapshot, doc); err != nil {
		t.Fatal(err)
	}
	m := newMachine(newLedger(), newEvents())
	go func() { t.Errorf("it was taken: %v", m.RecoverFromSnapshot(&snapshot, nil, nil)) }()
	<-m.events.failed
	if err := *m.events.failure.Load(); !errors.Is(err, ErrTooOld) {
		t.Errorf("of a snapshot of a newer schema it says %q", err)
	}
}
