package raft

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"

	"github.com/lni/dragonboat/v4/statemachine"
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

// TestMachineUnreadableOp: an entry that cannot be read uses its id up, as it
// does with a build that does not try to read it.
func TestMachineUnreadableOp(t *testing.T) {
	m := newMachine(newLedger(), newEvents())
	text, err := state.EncodeMutation(state.Mutation{ID: state.MutationID{Member: "a", Seq: 3}, Op: state.OpForget{Member: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Replace(text, []byte(`{"Member":"a"}}`), []byte(`["a"]}`), 1)
	if bytes.Equal(broken, text) {
		t.Fatalf("an entry is written otherwise: %s", text)
	}
	if _, err := m.Update([]statemachine.Entry{{Index: 1, Cmd: broken}}); err != nil {
		t.Fatal(err)
	}
	if last := m.doc.LastSeq("a"); last != 3 || m.doc.Index != 1 {
		t.Errorf("the last number of the member is %d at index %d", last, m.doc.Index)
	}
}

// TestOldStranger: a node that knows less than what is in force is refused, and
// does not take its own fault for the others'.
func TestOldStranger(t *testing.T) {
	force := 1
	m := &mesh{book: newBook("me", nil, func([]entry) error { return nil }), removed: map[uint64]bool{}, inForce: func() int { return force }}
	self, other := card{Node: "me", Life: "a", Schema: 2}, card{Node: "other", Life: "b", Addr: "other:1", Schema: 1}
	if r := m.judge(hello{Purpose: purposeTalk}, self, other, nil); r.Code != "" {
		t.Errorf("refused while its schema is in force: %v", r)
	}
	force = 2
	r := m.judge(hello{Purpose: purposeTalk}, self, other, nil)
	if r.Code != refusedTooOld || !strings.Contains(r.Text, "the build at other:1 knows schema 1, and the group has 2 in force") {
		t.Errorf("judged as %q: %s", r.Code, r.Text)
	}
	if !errors.Is(r.asError(), ErrTooOld) || r.asSeenByDialler().forGood() {
		t.Errorf("told as %v, and to a dialler as %q", r.asError(), r.asSeenByDialler().Code)
	}
}
