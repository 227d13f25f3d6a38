package state

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// doc is a document under test. Each call of do checks what holds for every
// mutation whatever it is: see check.
type doc struct {
	t   testing.TB
	s   *State
	seq uint64
	log []Mutation // all that were applied
}

func newDoc(t testing.TB) *doc { return &doc{t: t, s: New()} }

const (
	alice = MemberID("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	bob   = MemberID("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
	carol = MemberID("cccccccccccccccccccccccccccccccccccccccc")
)

// addr is "10.0.0.n:6379".
func addr(n int) Addr { return Addr{Host: fmt.Sprintf("10.0.0.%d", n), Port: 6379} }

// do applies an op under a new id.
func (d *doc) do(op Op) Outcome {
	d.t.Helper()
	d.seq++
	return d.apply(Mutation{ID: MutationID{Member: "test", Seq: d.seq}, At: Time(1000 * d.seq), Op: op})
}

// must applies an op that must be accepted.
func (d *doc) must(op Op) Outcome {
	d.t.Helper()
	out := d.do(op)
	if out.Refused() {
		d.t.Fatalf("%s was refused: %s: %s", Kind(op), out.Refusal, out.Detail)
	}
	return out
}

func (d *doc) apply(m Mutation) Outcome {
	d.t.Helper()
	before := encoded(d.t, d.s)
	next, out := Apply(d.s, d.s.Index+1, m)
	if !bytes.Equal(encoded(d.t, d.s), before) {
		d.t.Fatalf("%s changed the document that it was given", Kind(m.Op))
	}
	again, outAgain := Apply(d.s, d.s.Index+1, m)
	if !bytes.Equal(encoded(d.t, again), encoded(d.t, next)) || fmt.Sprintf("%+v", outAgain) != fmt.Sprintf("%+v", out) {
		d.t.Fatalf("%s has two results: %+v and %+v", Kind(m.Op), out, outAgain)
	}
	check(d.t, d.s, next, m, out)
	d.s = next
	d.log = append(d.log, m)
	return out
}

func encoded(t testing.TB, s *State) []byte {
	t.Helper()
	text, err := EncodeState(s)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return text
}

// check holds a step against the promises of the document.
func check(t testing.TB, old, s *State, m Mutation, out Outcome) {
	t.Helper()
	op := Kind(m.Op)
	if s.Index != old.Index+1 || s.Epoch < old.Epoch {
		t.Fatalf("%s: index %d after %d, epoch %d after %d", op, s.Index, old.Index, s.Epoch, old.Epoch)
	}
	if s.EventSeq != old.EventSeq+uint64(len(out.Events)) {
		t.Fatalf("%s: event number %d after %d with %d events", op, s.EventSeq, old.EventSeq, len(out.Events))
	}
	for i, e := range out.Events {
		if e.Seq != old.EventSeq+uint64(i)+1 || e.At != m.At || e.Name == "" {
			t.Fatalf("%s: event %d is %+v after number %d", op, i, e, old.EventSeq)
		}
	}
	if out.Refused() {
		checkRefused(t, old, s, out)
	}
	checkEvents(t, s, out)
	if len(s.journal) > journalLength {
		t.Fatalf("%s: %d events belong to no master", op, len(s.journal))
	}
	for m2 := range s.Masters() {
		checkMaster(t, m2)
		if before, ok := old.Master(m2.Name); ok {
			checkMasterStep(t, before, m2, m)
		}
	}
}

// checkRefused: a refusal changes the index and what is remembered of ids.
func checkRefused(t testing.TB, old, s *State, out Outcome) {
	t.Helper()
	if out.Detail == "" || len(out.Events) > 0 || len(out.Masters) > 0 || out.Count != 0 || out.Unchanged || out.Claim != (Claim{}) {
		t.Fatalf("a refusal with effects: %+v", out)
	}
	as := *s
	as.Index, as.seen = old.Index, old.seen
	if !reflect.DeepEqual(as, *old) {
		t.Fatalf("a refusal (%s) changed the document", out.Refusal)
	}
}

// checkEvents: the new events are in the journals, under the master they name.
func checkEvents(t testing.TB, s *State, out Outcome) {
	t.Helper()
	for _, e := range out.Events[max(0, len(out.Events)-journalLength):] {
		journal := s.journal
		if m, ok := s.Master(e.Master); ok {
			journal = m.Journal
		}
		if !slices.Contains(journal, e) {
			t.Fatalf("event %+v is in no journal", e)
		}
	}
}

func checkMaster(t testing.TB, m *Master) {
	t.Helper()
	byAddr := func(a, b Replica) int { return a.Addr.Compare(b.Addr) }
	byMember := func(a, b Vote) int { return strings.Compare(string(a.Member), string(b.Member)) }
	switch {
	case len(m.Journal) > journalLength || len(m.History) > historyLength || len(m.PastReplIDs) > pastReplIDs:
		t.Fatalf("%s: journal %d, history %d, past replication ids %d", m.Name, len(m.Journal), len(m.History), len(m.PastReplIDs))
	case !slices.IsSortedFunc(m.Replicas, byAddr) || len(slices.CompactFunc(slices.Clone(m.Replicas), func(a, b Replica) bool { return a.Addr == b.Addr })) != len(m.Replicas):
		t.Fatalf("%s: replicas are not sorted, or double: %+v", m.Name, m.Replicas)
	case !slices.IsSortedFunc(m.Votes, byMember) || len(slices.CompactFunc(slices.Clone(m.Votes), func(a, b Vote) bool { return a.Member == b.Member })) != len(m.Votes):
		t.Fatalf("%s: votes are not sorted, or double: %+v", m.Name, m.Votes)
	case slices.ContainsFunc(m.Replicas, func(r Replica) bool { return r.Addr == m.Addr || r.Addr.IsZero() }):
		t.Fatalf("%s at %s has the replicas %+v", m.Name, m.Addr, m.Replicas)
	case !slices.IsSortedFunc(m.Journal, func(a, b Event) int { return cmpUint(a.Seq, b.Seq) }):
		t.Fatalf("%s: the journal is not in order", m.Name)
	}
}

// checkMasterStep: what may happen to a master in one mutation. A master that
// was removed and added again does not come here: that takes two.
func checkMasterStep(t testing.TB, old, m *Master, by Mutation) {
	t.Helper()
	switch {
	case m.ConfigEpoch < old.ConfigEpoch || m.LastAttempt < old.LastAttempt || m.Generation < old.Generation:
		t.Fatalf("%s: %s took config epoch from %d to %d, attempt from %d to %d, generation from %d to %d", m.Name, Kind(by.Op),
			old.ConfigEpoch, m.ConfigEpoch, old.LastAttempt, m.LastAttempt, old.Generation, m.Generation)
	case m.Addr != old.Addr && Kind(by.Op) != Kind(OpPromoted{}):
		t.Fatalf("%s: %s moved it from %s to %s", m.Name, Kind(by.Op), old.Addr, m.Addr)
	case m.Addr != old.Addr && (m.ConfigEpoch == old.ConfigEpoch || m.Generation == old.Generation):
		t.Fatalf("%s moved within config epoch %d, generation %d", m.Name, m.ConfigEpoch, m.Generation)
	}
	if old.Pause != nil && old.Failover == nil && m.Failover != nil && m.Failover.Kind == Auto {
		t.Fatalf("%s: a failover began by itself while it was paused %s", m.Name, old.Pause)
	}
	if old.Failover != nil && m.Failover != nil {
		a, b := old.Failover, m.Failover
		if b.Epoch != a.Epoch || b.Number < a.Number || phases[b.Phase] < phases[a.Phase] {
			t.Fatalf("%s: %s took a failover from %+v to %+v", m.Name, Kind(by.Op), a, b)
		}
	}
}

var phases = map[Phase]int{PhaseSelect: 1, PhaseOrder: 2, PhaseWait: 3, PhaseReconf: 4}

// events writes events as "level name payload", level being Sentinel's sign and
// "." for a note.
func events(list []Event) []string {
	var lines []string
	for _, e := range list {
		lines = append(lines, fmt.Sprintf("%c %s %s", ".-*#"[e.Level], e.Name, e.Payload))
	}
	return lines
}

func (d *doc) wantEvents(out Outcome, want ...string) {
	d.t.Helper()
	if got := events(out.Events); !slices.Equal(got, want) {
		d.t.Errorf("events\n %s\nwant\n %s", strings.Join(got, "\n "), strings.Join(want, "\n "))
	}
}

func (d *doc) wantRefused(out Outcome, want Refusal) {
	d.t.Helper()
	if out.Refusal != want {
		d.t.Errorf("refusal %q (%s), want %q", out.Refusal, out.Detail, want)
	}
}

// master returns the master "m".
func (d *doc) master() *Master {
	d.t.Helper()
	m, ok := d.s.Master("m")
	if !ok {
		d.t.Fatal("there is no master m")
	}
	return m
}

func monitorM(quorum int) OpMonitor {
	return OpMonitor{Name: "m", Addr: addr(1), Quorum: quorum, Settings: DefaultSettings()}
}

func vote(d *doc, member MemberID, down bool) OpVote {
	return OpVote{Member: member, Votes: []Ballot{{Name: "m", Generation: d.master().Generation, Down: down}}}
}

// withGroup is a document with three living members and the master m at addr 1,
// quorum 2, with replicas at 2 and 3.
func withGroup(t testing.TB) *doc {
	d := newDoc(t)
	for _, id := range []MemberID{alice, bob, carol} {
		d.must(OpMember{Member{ID: id, RunID: "run", Addr: addr(100), Alive: true}})
	}
	d.must(monitorM(2))
	d.must(OpObserve{Name: "m", Generation: d.master().Generation, RunID: "run-1", ReplID: "history-1",
		Replicas: []SeenReplica{{Addr: addr(2), RunID: "run-2"}, {Addr: addr(3), RunID: "run-3"}}})
	return d
}

// allKnow takes the members of withGroup to builds that know a schema.
func (d *doc) allKnow(schema int) {
	for _, id := range []MemberID{alice, bob, carol} {
		d.must(OpMember{Member{ID: id, RunID: "run", Addr: addr(100), Schema: schema, Alive: true}})
	}
}

// odown votes m down.
func (d *doc) odown() {
	d.t.Helper()
	d.must(vote(d, alice, true))
	d.must(vote(d, bob, true))
}

// begin starts a failover of m that alice carries out.
func (d *doc) begin() Claim {
	d.t.Helper()
	m := d.master()
	return d.must(OpBegin{Name: "m", Generation: m.Generation, Kind: Auto, Member: alice, After: m.LastAttempt, Reason: "down"}).Claim
}

// at brings a failover of m into a phase and returns its claim.
func at(t testing.TB, p Phase) (*doc, Claim) {
	t.Helper()
	d := withGroup(t)
	d.odown()
	c := d.begin()
	if p == PhaseSelect {
		return d, c
	}
	d.must(OpSelect{Name: "m", Claim: c, Candidate: addr(2), Verdicts: []Verdict{{Addr: addr(2), Chosen: true, Reason: "r"}}})
	if p == PhaseWait {
		d.must(OpWait{Name: "m", Claim: c})
	}
	if p == PhaseReconf {
		d.must(OpPromoted{Name: "m", Claim: c, RunID: "run-2b", ReplID: "history-2"})
	}
	return d, c
}
