package state

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// knowing is a member whose build knows a schema.
func knowing(id MemberID, schema int) OpMember {
	return OpMember{Member{ID: id, RunID: "run", Version: fmt.Sprintf("0.%d", schema), Schema: schema, Alive: true}}
}

// TestSchemaInForce: it is what all members know, dead ones too, and it never
// falls.
func TestSchemaInForce(t *testing.T) {
	d := newDoc(t)
	steps := []struct {
		op     Op
		force  int
		events []string
	}{
		{knowing(alice, 0), 1, nil},
		{knowing(bob, 1), 1, nil},
		{knowing(carol, 3), 1, nil},
		{knowing(alice, 2), 1, nil},
		{OpAlive{Member: bob, Alive: false}, 1, nil},
		{knowing(alice, 1), 1, nil}, // gone back while it still could
		{knowing(alice, 3), 1, nil},
		{knowing(bob, 2), 2, []string{". schema-in-force schema 2 is in force: all members know it"}},
		{OpForget{Member: bob}, 3, []string{". schema-in-force schema 3 is in force: all members know it"}},
		{knowing(alice, 4), 3, nil},
		{OpForget{Member: carol}, 4, []string{". schema-in-force schema 4 is in force: all members know it"}},
		{OpForget{Member: alice}, 4, nil},
		{knowing(bob, 5), 5, []string{". schema-in-force schema 5 is in force: all members know it"}},
	}
	for _, step := range steps {
		out := d.must(step.op)
		if d.s.Schema != step.force {
			t.Errorf("after %+v schema %d is in force, want %d", step.op, d.s.Schema, step.force)
		}
		d.wantEvents(out, step.events...)
	}
}

// TestMemberTooOld: a build that knows less than what is in force cannot take
// part.
func TestMemberTooOld(t *testing.T) {
	d := newDoc(t)
	d.must(knowing(alice, 2))
	for _, op := range []OpMember{knowing(bob, 1), knowing(bob, 0), knowing(alice, 1)} {
		out := d.do(op)
		d.wantRefused(out, RefusedSchema)
		want := fmt.Sprintf("schema 2 is in force, and member %s (version %s) knows 1: start a build that knows it there", op.Member.ID, op.Member.Version)
		if out.Detail != want {
			t.Errorf("refused with %q, want %q", out.Detail, want)
		}
	}
	if m, _ := d.s.Member(alice); m.Schema != 2 || d.s.MemberCount() != 1 {
		t.Errorf("a refused member changed the document: %+v of %d", m, d.s.MemberCount())
	}
}

// tomorrow is the schema of the next build.
const tomorrow = SchemaVersion + 1

// ofTomorrow is a log entry that a newer build wrote.
func (d *doc) ofTomorrow(kind string, schema int, body string) Mutation {
	d.t.Helper()
	d.seq++
	text := fmt.Sprintf(`{"ID":{"Member":"test","Seq":%d},"At":7,"Kind":%q,"Schema":%d,"Op":%s}`, d.seq, kind, schema, body)
	m, err := DecodeMutation([]byte(text))
	if err != nil {
		d.t.Fatalf("%s: %v", text, err)
	}
	again, err := EncodeMutation(m)
	if err != nil || string(again) != text {
		d.t.Errorf("%s came back as %s, %v", text, again, err)
	}
	return m
}

// TestEntryOfTomorrow: what needs a later schema than the one in force is
// refused, can it be read or not, and its id is used up.
func TestEntryOfTomorrow(t *testing.T) {
	d := newDoc(t)
	d.must(monitorM(1))
	m := d.ofTomorrow("of-tomorrow", tomorrow, `{"A":1}`)
	out := d.apply(m)
	d.wantRefused(out, RefusedSchema)
	if want := fmt.Sprintf("this needs schema %d, and 1 is in force: no member has said yet that it knows it; upgrade all members first", tomorrow); out.Detail != want {
		t.Errorf("refused with %q, want %q", out.Detail, want)
	}
	d.wantRefused(d.apply(m), RefusedDuplicate)

	d.must(knowing(bob, 1))
	d.must(knowing(alice, 0))
	d.must(knowing(carol, tomorrow))
	for _, m := range []Mutation{
		d.ofTomorrow("of-tomorrow", tomorrow, `"?"`),
		d.ofTomorrow("remove", tomorrow, `{"Name":"m","Unless":"a field of tomorrow"}`),
		d.ofTomorrow("remove", tomorrow, `["a","body","of","tomorrow"]`),
		{ID: MutationID{Member: "test", Seq: 1000}, Schema: tomorrow, Op: OpRemove{Name: "m"}},
	} {
		out := d.apply(m)
		d.wantRefused(out, RefusedSchema)
		want := fmt.Sprintf("this needs schema %d, and 1 is in force: aaaaaaaa (version 0.0) knows 1, bbbbbbbb (version 0.1) knows 1; upgrade all members first", tomorrow)
		if out.Detail != want {
			t.Errorf("refused with %q, want %q", out.Detail, want)
		}
	}
	if _, there := d.s.Master("m"); !there {
		t.Error("the master was removed")
	}
}

// TestEntrySchemaIsKept: an entry that says it needs more than can be seen from
// its op says so after a round trip too; others say nothing.
func TestEntrySchemaIsKept(t *testing.T) {
	for schema, want := range map[int]int{-1: 0, 0: 0, 1: 0, 2: 2} {
		m := Mutation{ID: MutationID{Member: alice, Seq: 1}, Op: OpUnknown{Kind: "x", Body: []byte("1")}, Schema: schema}
		text, err := EncodeMutation(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeMutation(text)
		if m.Schema = want; err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("schema %d came back as %+v, %v", schema, got, err)
		}
	}
	text, err := EncodeMutation(Mutation{ID: MutationID{Member: alice, Seq: 1}, Op: OpRemove{Name: "m"}})
	if err != nil || bytes.Contains(text, []byte("Schema")) {
		t.Errorf("an entry of the first schema is written as %s, %v", text, err)
	}
}

// TestUnreadableOp: an op that cannot be read is told by an error, and still has
// an id, so that brokers whose log holds it do with it what a build would that
// never tried.
func TestUnreadableOp(t *testing.T) {
	m, err := DecodeMutation([]byte(`{"ID":{"Member":"test","Seq":9},"At":7,"Kind":"vote","Op":"x"}`))
	want := Mutation{ID: MutationID{Member: "test", Seq: 9}, At: 7, Op: OpUnknown{Kind: "vote", Body: []byte(`"x"`)}}
	if err == nil || !reflect.DeepEqual(m, want) {
		t.Fatalf("it was read as %+v, %v", m, err)
	}
	d := newDoc(t)
	d.wantRefused(d.apply(m), RefusedUnknown)
	d.wantRefused(d.apply(m), RefusedDuplicate)
}

// withOption adds an option of a later schema for one test.
func withOption(t *testing.T, name string, schema int) {
	t.Helper()
	rule := text(func(m *Master) *string { return &m.NotificationScript })
	rule.schema = schema
	optionRules[name] = rule
	t.Cleanup(func() { delete(optionRules, name) })
}

// TestOptionOfTomorrow: an option is refused until all members know it, and a
// master that does not have it set can be added all the same.
func TestOptionOfTomorrow(t *testing.T) {
	withOption(t, "of-tomorrow", tomorrow)
	d := newDoc(t)
	d.must(knowing(alice, 1))
	d.must(monitorM(1))
	set := OpSet{Name: "m", Options: []Option{{Name: "quorum", Values: []string{"2"}}, {Name: "Of-Tomorrow", Values: []string{"x"}}}}
	d.wantRefused(d.do(set), RefusedSchema)
	if m := d.master(); m.Quorum != 1 || m.NotificationScript != "" {
		t.Errorf("a refused SET changed the master: %+v", m)
	}
	other := monitorM(1)
	other.Name, other.Settings.NotificationScript = "n", "x"
	d.wantRefused(d.do(other), RefusedSchema)

	text, err := EncodeMutation(Mutation{ID: MutationID{Member: alice, Seq: 1}, Op: set})
	if err != nil || !bytes.Contains(text, fmt.Appendf(nil, `"Schema":%d`, tomorrow)) {
		t.Errorf("the entry does not say what it needs: %s, %v", text, err)
	}
	d.must(knowing(alice, tomorrow))
	d.must(set)
	d.must(other)
}

// TestDocumentTooNew: a build stops at a document that has more in force than it
// knows, in whichever way it meets it.
func TestDocumentTooNew(t *testing.T) {
	d := newDoc(t)
	if err := d.s.CheckSchema(); err != nil {
		t.Errorf("the empty document: %v", err)
	}
	d.must(knowing(alice, SchemaVersion))
	if err := d.s.CheckSchema(); err != nil {
		t.Errorf("a document of this build: %v", err)
	}
	d.must(knowing(alice, SchemaVersion+1))
	newer := ErrNewerSchema{Found: SchemaVersion + 1, Known: SchemaVersion}
	if err := d.s.CheckSchema(); !errors.Is(err, newer) {
		t.Errorf("a document of a newer build: %v", err)
	}
	if _, err := DecodeState(encoded(t, d.s)); !errors.Is(err, newer) {
		t.Errorf("a snapshot of a newer build: %v", err)
	}
}

// TestSnapshotWithUnknownFields: while the schema is one that this build knows, a
// document that another build wrote can be read, whatever else is in it.
func TestSnapshotWithUnknownFields(t *testing.T) {
	d := withGroup(t)
	plain := encoded(t, d.s)
	more := string(plain)
	for _, place := range []string{`"Schema":`, `"Name":`, `"Addr":`, `"ID":`, `"Seq":`, `"K":`} {
		if !strings.Contains(more, place) {
			t.Fatalf("the document has no %s", place)
		}
		more = strings.ReplaceAll(more, place, `"OfTomorrow":{"A":[1,null,"x"]},`+place)
	}
	got, err := DecodeState([]byte(more))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded(t, got), plain) {
		t.Errorf("it was read as %s, not as %s", encoded(t, got), plain)
	}
}

var rewrite = flag.Bool("rewrite", false, "write the logs of testdata anew; only as long as nothing was released")

// TestLogsOfSchemas: a log of a schema leads to the document that it led to when it
// was written. A difference means that members of two builds would part: what Apply
// does with old entries changes only with the schema in force.
func TestLogsOfSchemas(t *testing.T) {
	for schema, write := range map[int]func(*testing.T) ([]byte, *State){1: logOfSchema1, 2: logOfSchema2} {
		t.Run(fmt.Sprint(schema), func(t *testing.T) { testLog(t, schema, write) })
	}
}

func testLog(t *testing.T, schema int, write func(*testing.T) ([]byte, *State)) {
	folder := filepath.Join("testdata", fmt.Sprintf("schema%d", schema))
	log, document := filepath.Join(folder, "log.jsonl"), filepath.Join(folder, "document.json")
	if *rewrite {
		text, s := write(t)
		for name, data := range map[string][]byte{log: text, document: append(encoded(t, s), '\n')} {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	s, accepted := New(), map[string]bool{}
	for line := range bytes.Lines(entries) {
		m, err := DecodeMutation(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		var out Outcome
		if s, out = Apply(s, s.Index+1, m); !out.Refused() {
			accepted[Kind(m.Op)] = true
		}
	}
	if got := append(encoded(t, s), '\n'); !bytes.Equal(got, want) {
		t.Errorf("the log leads to another document than it did:\n%s\nand not\n%s", got, want)
	}
	for _, typ := range opTypes() {
		op := reflect.Zero(typ).Interface().(Op)
		if opRules[Kind(op)].schema == schema && !accepted[Kind(op)] {
			t.Errorf("no %q of the log was accepted", Kind(op))
		}
	}
	read, err := DecodeState(want)
	if err != nil || !bytes.Equal(encoded(t, read), bytes.TrimSpace(want)) {
		t.Errorf("the document cannot be read: %v", err)
	}
}

// logOfSchema1 is a log with every kind in it, accepted and refused: the life of a
// failover and of a repair, and what the fuzz target's generator makes of some
// bytes.
func logOfSchema1(t *testing.T) ([]byte, *State) {
	t.Helper()
	d, c := at(t, PhaseWait)
	d.must(OpPromoted{Name: "m", Claim: c, RunID: "run-2b", ReplID: "history-2"})
	d.must(OpProgress{Name: "m", Claim: c, Reconf: []Reconf{{Addr: addr(3), Status: ReconfDone}}})
	d.must(OpEnd{Name: "m", Claim: c, BestEffort: []Addr{addr(1)}})
	d.must(OpRepair{Name: "m", Generation: d.master().Generation, Addr: addr(1), Kind: RepairConvert, Member: bob})
	d.must(OpRepaired{Name: "m", Addr: addr(1), Number: uint64(d.s.Index), OK: true, Reason: "it follows"})
	m := d.master()
	c = d.must(OpBegin{Name: "m", Generation: m.Generation, Kind: Manual, Member: bob, After: m.LastAttempt}).Claim
	c = d.must(OpTakeOver{Name: "m", From: c, Member: alice, Reason: "bob is frozen"}).Claim
	d.must(OpAbort{Name: "m", Claim: c, Event: EventAbortNoReplica, Reason: "none"})
	d.must(OpForget{Member: carol})
	d.must(OpMember{Member{ID: carol, RunID: "again", Addr: addr(101), Version: "0.1", Schema: 1, Alive: true}})
	d.must(OpSet{Name: "m", Options: []Option{{Name: "auth-pass", Values: []string{"\x00\xff"}}, {Name: "rename-command", Values: []string{"CONFIG", "c"}}}})
	d.must(OpRemove{Name: "m"})
	d.must(monitorM(1))
	g := &generator{input: randomBytes(6, 1200), s: d.s}
	for g.more() && len(d.log) < 200 {
		d.do(g.op())
		g.s = d.s
	}
	return d.written(), d.s
}

// written is the log of all that was applied.
func (d *doc) written() []byte {
	d.t.Helper()
	var log []byte
	for _, m := range d.log {
		text, err := EncodeMutation(m)
		if err != nil {
			d.t.Fatal(err)
		}
		log = slices.Concat(log, text, []byte("\n"))
	}
	return log
}

// logOfSchema2 is what came with the second schema, before and after it is in
// force.
func logOfSchema2(t *testing.T) ([]byte, *State) {
	t.Helper()
	d := newDoc(t)
	config := OpConfig{Options: []Option{option(ResolveHostnames, "yes"), option(SentinelPass, "\x00\xff")}, Member: alice, Announce: addr(7)}
	d.must(knowing(alice, 1))
	d.wantRefused(d.do(config), RefusedSchema)
	d.must(knowing(alice, 2))
	d.must(config)
	d.must(OpConfig{Seed: true, Options: []Option{option(ResolveHostnames, "no"), option(SentinelUser, "u")}})
	monitor := monitorM(1)
	monitor.Addr, monitor.IP = named("redis-1"), "10.0.0.1"
	d.must(monitor)
	d.must(OpObserve{Name: "m", Generation: d.master().Generation, Replicas: []SeenReplica{{Addr: named("redis-2"), IP: "10.0.0.2"}}})
	d.must(OpResolve{Name: "m", Addr: named("redis-2"), IP: "::2"})
	d.wantRefused(d.do(OpResolve{Name: "m", Addr: named("redis-3"), IP: "::2"}), RefusedStale)
	c := d.must(OpBegin{Name: "m", Generation: d.master().Generation, Kind: Manual, Member: alice}).Claim
	d.must(OpSelect{Name: "m", Claim: c, Candidate: named("redis-2")})
	d.must(OpPromoted{Name: "m", Claim: c})
	d.must(OpConfig{Options: []Option{option(AnnounceHostnames, "yes")}})
	d.must(OpEnd{Name: "m", Claim: c})
	d.must(OpSet{Name: "m", Options: []Option{option("stop-after-failed-failover", "yes")}})
	d.must(OpPause{Name: "m", By: "ann at 10.9.9.9:1", Why: "new disks", For: time.Hour})
	d.must(OpResume{Name: "m", By: "ann at 10.9.9.9:1"})
	return d.written(), d.s
}
