package failover

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// roll is a document whose master m is known by name, and one member's watch of it.
type roll struct {
	t   *testing.T
	doc *state.State
	now Moment
	seq uint64
	// watches are by member.
	watches map[state.MemberID]*Watch
}

func newRoll(t *testing.T, schema int, members ...state.MemberID) *roll {
	r := &roll{t: t, doc: state.New(), now: Moment(time.Hour), watches: map[state.MemberID]*Watch{}}
	for _, id := range members {
		r.apply(state.OpMember{Member: state.Member{ID: id, RunID: "1", Schema: schema, Alive: true}})
		r.watches[id] = NewWatch("m", r.now, 0)
	}
	r.apply(state.OpMonitor{Name: "m", Addr: named, Quorum: 1, Settings: state.DefaultSettings()})
	return r
}

var named = state.Addr{Host: "redis-1", Port: 6379}

func (r *roll) apply(op state.Op) {
	r.t.Helper()
	r.seq++
	var outcome state.Outcome
	r.doc, outcome = state.Apply(r.doc, r.doc.Index+1, state.Mutation{ID: state.MutationID{Member: "test", Seq: r.seq}, Op: op})
	if outcome.Refused() {
		r.t.Fatalf("%+v is refused: %s", op, outcome.Detail)
	}
}

// step takes an input in at a member, commits what is proposed, and returns what
// that says of names.
func (r *roll) step(id state.MemberID, in Input) []string {
	r.t.Helper()
	r.now = r.now.Add(time.Second)
	in.At = r.now
	var told []string
	inputs := []Input{in}
	for len(inputs) > 0 {
		env := Env{Now: r.now, Self: id, Doc: r.doc, CanCommit: true, Timing: Timing{CheckInterval: time.Second, InfoPeriod: 10 * time.Second}}
		out := Step(env, r.watches[id], inputs[0])
		inputs = inputs[1:]
		for _, p := range out.Proposals {
			if op, ok := p.Op.(state.OpResolve); ok {
				told = append(told, fmt.Sprintf("%s=%s", op.Addr, op.IP))
			}
			r.apply(p.Op)
			inputs = append(inputs, Input{Kind: Proposed, Key: p.Key})
		}
	}
	return told
}

func (r *roll) wants(got []string, want ...string) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("names told: %v, want %v", got, want)
	}
}

func linkedAt(ip string) Input { return Input{Kind: Linked, Addr: named, IP: ip} }

// TestNamesAreLearned: anybody says what is not known; what has changed, the first
// living member, once it has been there.
func TestNamesAreLearned(t *testing.T) {
	r := newRoll(t, state.SchemaVersion, "a", "b")
	unreached := Input{Kind: Unlinked, Addr: named, IP: "10.0.0.1", Err: errors.New("connection refused")}
	r.wants(r.step("a", Input{Kind: Unlinked, Addr: named, Err: errors.New("no such host")}))
	r.wants(r.step("b", unreached), "redis-1:6379=10.0.0.1")
	r.wants(r.step("a", linkedAt("10.0.0.1")))

	r.wants(r.step("b", linkedAt("10.0.0.2"))) // not the first one
	unreached.IP = "10.0.0.2"
	r.wants(r.step("a", unreached)) // was not there
	r.wants(r.step("a", linkedAt("10.0.0.2")), "redis-1:6379=10.0.0.2")
	r.wants(r.step("a", Input{Kind: Woken}))
	r.wants(r.step("b", linkedAt("10.0.0.1")))

	r.apply(state.OpAlive{Member: "a", Alive: false})
	r.wants(r.step("b", Input{Kind: Woken}), "redis-1:6379=10.0.0.1")
	if m, _ := r.doc.Master("m"); m.IP(named) != "10.0.0.1" {
		t.Errorf("the name stands for %q", m.IP(named))
	}
}

// TestNamesOfOldMembers: nothing is proposed that not all members know.
func TestNamesOfOldMembers(t *testing.T) {
	r := newRoll(t, 1, "a")
	r.wants(r.step("a", linkedAt("10.0.0.1")))
}

// TestListedNames: a replica that is listed by name comes into the document with
// what the name stands for, and events show that.
func TestListedNames(t *testing.T) {
	r := newRoll(t, state.SchemaVersion, "a")
	r.step("a", linkedAt("10.0.0.1"))
	replica := state.Addr{Host: "redis-2", Port: 6379}
	facts := Facts{Role: RoleMaster, Replicas: []state.Addr{replica}, IPs: []state.AddrIP{{Addr: replica, IP: "10.0.0.2"}}}
	r.step("a", Input{Kind: Info, Addr: named, SentAt: r.now, Facts: facts})
	r.step("a", Input{Kind: Pong, Addr: named, Valid: true})
	m, _ := r.doc.Master("m")
	if m.IP(replica) != "10.0.0.2" {
		t.Fatalf("the document has %+v with %v", m.Replicas, m.IPs)
	}
	s := &step{env: Env{Doc: r.doc}, m: m}
	if got, want := s.details(replica), "slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379"; got != want {
		t.Errorf("the replica is %s, want %s", got, want)
	}
}

// TestNobodyFollowsItself: a server that is known twice, by name and by address, is
// not sent to itself.
func TestNobodyFollowsItself(t *testing.T) {
	r := newRoll(t, state.SchemaVersion, "a")
	twin := state.Addr{Host: "10.0.0.1", Port: 6379}
	m, _ := r.doc.Master("m")
	r.apply(state.OpObserve{Name: "m", Generation: m.Generation, Replicas: []state.SeenReplica{{Addr: twin}}})
	id := state.RunID(strings.Repeat("1", 40))
	for _, a := range []state.Addr{named, twin} {
		r.step("a", Input{Kind: Linked, Addr: a})
		r.step("a", Input{Kind: Pong, Addr: a, Valid: true})
		r.step("a", Input{Kind: Info, Addr: a, SentAt: r.now, Full: true, Facts: Facts{Role: RoleMaster, RunID: id}})
	}
	r.step("a", Input{Kind: Woken})
	if m, _ = r.doc.Master("m"); len(m.Replicas) != 1 || m.Replicas[0].Repair != nil {
		t.Errorf("a repair was begun: %+v", m.Replicas)
	}
	// Another process there is repaired, so the test would see a repair.
	other := Facts{Role: RoleMaster, RunID: state.RunID(strings.Repeat("2", 40))}
	r.step("a", Input{Kind: Info, Addr: twin, SentAt: r.now, Full: true, Facts: other})
	if m, _ = r.doc.Master("m"); m.Replicas[0].Repair == nil {
		t.Errorf("no repair was begun: %+v", m.Replicas)
	}
}
