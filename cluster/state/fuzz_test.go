package state

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// FuzzDecodeMutation: what can be read can be written, and means the same; no
// mutation whatever makes Apply panic or break a promise.
func FuzzDecodeMutation(f *testing.F) {
	d, c := at(f, PhaseSelect)
	ops := append(steps(c), vote(d, carol, true), monitorM(1), OpSet{Name: "m", Options: []Option{{Name: "auth-pass", Values: []string{"\xff"}}}},
		OpReset{Names: []string{"m"}}, OpTakeOver{Name: "m", From: c}, OpUnknown{Kind: "x", Body: []byte("1")}, OpMember{}, OpAlive{Member: alice}, OpForget{Member: alice},
		OpBegin{Name: "m"}, OpObserve{Name: "m"}, OpRemove{Name: "m"}, OpRepair{Name: "m", Addr: addr(2)}, OpRepaired{Name: "m", Addr: addr(2)})
	f.Add([]byte(`{"ID":{"Member":"m","Seq":1},"At":1,"Kind":"remove","Schema":2,"Op":{"Name":"m"}}`))
	for i, op := range ops {
		text, err := EncodeMutation(Mutation{ID: MutationID{Member: alice, Seq: uint64(i)}, Op: op})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := DecodeMutation(text)
		if err != nil {
			return
		}
		written, err := EncodeMutation(m)
		if err != nil {
			t.Fatalf("%+v was read and cannot be written: %v", m, err)
		}
		again, err := DecodeMutation(written)
		if err != nil || !sameMutation(again, m) {
			t.Fatalf("%s was read as %+v, then as %+v, %v", text, m, again, err)
		}
		m.ID = MutationID{Member: "fuzz", Seq: 1}
		for _, start := range []*State{New(), d.s} {
			next, out := Apply(start, start.Index+1, m)
			check(t, start, next, m, out)
			roundTrip(t, next)
		}
	})
}

// sameMutation allows for the space that an unknown op's body may lose.
func sameMutation(a, b Mutation) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, _ := EncodeMutation(a)
	y, _ := EncodeMutation(b)
	return bytes.Equal(x, y)
}

func roundTrip(t *testing.T, s *State) {
	t.Helper()
	text := encoded(t, s)
	back, err := DecodeState(text)
	if err != nil || !bytes.Equal(encoded(t, back), text) {
		t.Fatalf("the document cannot be read back: %v\n%s", err, text)
	}
}

// FuzzApply drives a document through a sequence of ops that is spelled by the
// input. The values come from small sets, so that sequences meet: most of the
// steps of a failover hit the claim that is in force.
func FuzzApply(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	for seed := range 20 {
		text := make([]byte, 300)
		for i := range text {
			text[i] = byte((i*i + seed*31 + i*seed) % 251)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		drive(t, text, map[string]int{})
	})
}

// drive applies the ops that an input spells, and counts the accepted ones by
// kind.
func drive(t *testing.T, input []byte, met map[string]int) {
	t.Helper()
	d := withGroup(t)
	for _, id := range []MemberID{alice, bob, carol} {
		m, _ := d.s.Member(id)
		m.Schema = SchemaVersion
		d.must(OpMember{m})
	}
	g := &generator{input: input, s: d.s, schema: SchemaVersion}
	promotions := map[Epoch]string{}
	generations := map[string]uint64{} // by name, removed masters included
	var held []*State
	var heldAs [][]byte
	for g.more() {
		g.seq++
		m := Mutation{ID: MutationID{Member: alice, Seq: g.seq}, At: Time(g.seq), Op: g.op()}
		next, out := Apply(g.s, g.s.Index+1, m)
		check(t, g.s, next, m, out)
		if g.s = next; out.Refused() {
			continue
		}
		met[Kind(m.Op)]++
		if p, ok := m.Op.(OpPromoted); ok {
			if who, twice := promotions[p.Claim.Epoch]; twice {
				t.Fatalf("two promotions in epoch %d: %s and %s", p.Claim.Epoch, who, p.Name)
			}
			promotions[p.Claim.Epoch] = p.Name
		}
		for m := range next.Masters() {
			if m.Generation < generations[m.Name] {
				t.Fatalf("%s went from generation %d to %d", m.Name, generations[m.Name], m.Generation)
			}
			generations[m.Name] = m.Generation
		}
		if g.seq%10 == 0 {
			held, heldAs = append(held, next), append(heldAs, encoded(t, next))
		}
	}
	for i, s := range held {
		if !bytes.Equal(encoded(t, s), heldAs[i]) {
			t.Fatalf("the document of index %d was changed later", s.Index)
		}
	}
	roundTrip(t, g.s)
}

// generator spells ops from bytes.
type generator struct {
	input []byte
	s     *State
	seq   uint64
	// schema is the one whose ops are spelled.
	schema int
}

func (g *generator) more() bool { return len(g.input) > 0 && g.seq < 200 }

// n takes a number below limit from the input.
func (g *generator) n(limit int) int {
	if len(g.input) == 0 {
		return 0
	}
	b := g.input[0]
	g.input = g.input[1:]
	return int(b) % limit
}

func (g *generator) name() string     { return []string{"m", "m", "n", "x"}[g.n(4)] }
func (g *generator) member() MemberID { return []MemberID{alice, bob, carol, "stranger"}[g.n(4)] }
func (g *generator) addr() Addr {
	if n := g.n(6); n > 0 {
		return addr(n)
	}
	return Addr{}
}

// generation is the present one of a master, or another.
func (g *generator) generation(name string) uint64 {
	if m, ok := g.s.Master(name); ok && g.n(8) > 0 {
		return m.Generation
	}
	return uint64(g.n(5))
}

// claim is the present one of a master, or another.
func (g *generator) claim(name string) Claim {
	if m, ok := g.s.Master(name); ok && m.Failover != nil && g.n(8) > 0 {
		return m.Failover.Claim
	}
	return Claim{Epoch: Epoch(g.n(5)), Number: uint64(g.n(3)), Holder: g.member()}
}

func (g *generator) op() Op {
	name := g.name()
	if g.schema > firstSchema && g.n(8) == 0 {
		return g.hostOp(name)
	}
	switch g.n(24) {
	case 0:
		if g.n(6) == 0 {
			return OpForget{Member: g.member()}
		}
		return OpMember{Member{ID: g.member(), RunID: fmt.Sprint(g.n(3)), Alive: g.n(3) > 0, Schema: g.schema}}
	case 1:
		return OpAlive{Member: g.member(), Alive: g.n(3) > 0}
	case 2:
		return OpMonitor{Name: name, Addr: g.addr(), Quorum: g.n(4), Settings: DefaultSettings(),
			Replicas: []Addr{g.addr(), g.addr()}, ConfigEpoch: Epoch(g.n(40)), Seed: g.n(2) == 0}
	case 3:
		switch g.n(8) {
		case 0:
			return OpRemove{Name: name}
		case 1, 2: // seldom: it ends the failover that runs
			return OpReset{Names: []string{name, g.name()}}
		}
	case 4, 5:
		option := []Option{{Name: "quorum", Values: []string{fmt.Sprint(g.n(4))}}, {Name: "auth-pass", Values: []string{"p"}}, {Name: "?"}, {Name: "stop-after-failed-failover", Values: []string{"yes"}}}[g.n(4)]
		return OpSet{Name: name, Options: []Option{option, {Name: "quorum", Values: []string{"1"}}}}
	case 6, 7:
		return OpObserve{Name: name, Generation: g.generation(name), ReplID: ReplID(fmt.Sprint(g.n(7))),
			Replicas: []SeenReplica{{Addr: g.addr(), RunID: RunID(fmt.Sprint(g.n(3)))}, {Addr: g.addr()}}}
	case 8, 9, 10, 11:
		other := g.name()
		return OpVote{Member: g.member(), Votes: []Ballot{
			{Name: name, Generation: g.generation(name), Down: g.n(4) > 0}, {Name: other, Generation: g.generation(other), Down: g.n(2) > 0}}}
	}
	return g.failoverOp(name)
}

// hostOp is an op of the second schema.
func (g *generator) hostOp(name string) Op {
	host := []string{"redis-1", "redis-2", "10.0.0.1"}[g.n(3)]
	ip := []string{"10.0.1.1", "10.0.1.2", "?"}[g.n(3)]
	named := Addr{Host: host, Port: 6379}
	switch g.n(5) {
	case 0:
		return OpMonitor{Name: name, Addr: named, IP: ip, Quorum: 1, Settings: DefaultSettings()}
	case 1:
		return OpObserve{Name: name, Generation: g.generation(name), Replicas: []SeenReplica{{Addr: named, IP: ip}}}
	case 2:
		option := []Option{{Name: AnnounceHostnames, Values: []string{"yes"}}, {Name: AnnounceHostnames, Values: []string{"No"}},
			{Name: SentinelPass, Values: []string{"\xff"}}, {Name: ResolveHostnames, Values: []string{"?"}}}[g.n(4)]
		return OpConfig{Options: []Option{option}, Member: []MemberID{"", alice, "stranger"}[g.n(3)], Announce: g.addr(), Seed: g.n(2) == 0}
	}
	return OpResolve{Name: name, Addr: named, IP: ip}
}

func (g *generator) failoverOp(name string) Op {
	c := g.claim(name)
	switch g.n(12) {
	case 0, 1, 2:
		op := OpBegin{Name: name, Generation: g.generation(name), Member: g.member(), Kind: []FailoverKind{Auto, Manual, "?"}[g.n(3)]}
		if m, ok := g.s.Master(name); ok {
			op.After = m.LastAttempt
		}
		return op
	case 3:
		return OpTakeOver{Name: name, From: c, Member: g.member()}
	case 4, 5:
		return OpSelect{Name: name, Claim: c, Candidate: g.addr()}
	case 6:
		return OpWait{Name: name, Claim: c}
	case 7:
		return OpPromoted{Name: name, Claim: c, ReplID: ReplID(fmt.Sprint(g.n(7)))}
	case 8:
		return OpProgress{Name: name, Claim: c, Reconf: []Reconf{{Addr: g.addr(), Status: []ReconfStatus{ReconfSent, ReconfDone, "?"}[g.n(3)], TimedOut: g.n(2) == 0}}}
	case 9:
		return OpEnd{Name: name, Claim: c, Timeout: g.n(2) == 0, BestEffort: []Addr{g.addr()}}
	case 10:
		return OpAbort{Name: name, Claim: c, Event: []string{EventAbortTimeout, NoteAborted}[g.n(2)], RetryNow: g.n(2) == 0}
	}
	switch g.n(6) {
	case 0:
		return OpPause{Name: name, By: "p", For: time.Duration(g.n(3)-1) * time.Second}
	case 1, 2:
		op := OpResume{Name: name, By: "p", Number: uint64(g.n(3))}
		if m, ok := g.s.Master(name); ok && m.Pause != nil && op.Number > 0 {
			op.Number = m.Pause.Number
		}
		return op
	}
	if g.n(2) == 0 {
		return OpRepair{Name: name, Generation: g.generation(name), Addr: g.addr(), Kind: RepairFix, Member: g.member()}
	}
	return OpRepaired{Name: name, Addr: g.addr(), Number: uint64(g.n(50)), OK: g.n(2) == 0}
}

// TestApplySequences runs the fuzz target's generator over random inputs, so
// that an ordinary test run meets long sequences as well.
func TestApplySequences(t *testing.T) {
	met := map[string]int{}
	for seed := range 100 {
		drive(t, randomBytes(seed, 2000), met)
	}
	for _, typ := range opTypes() {
		if kind := Kind(reflect.Zero(typ).Interface().(Op)); met[kind] == 0 && kind != "repaired" {
			t.Errorf("no %q was accepted in any sequence", kind)
		}
	}
}

// randomBytes is always the same for the same seed.
func randomBytes(seed, length int) []byte {
	b := make([]byte, length)
	x := uint64(seed)*0x9E3779B97F4A7C15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return b
}
