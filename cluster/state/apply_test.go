package state

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMonitor(t *testing.T) {
	d := newDoc(t)
	out := d.must(OpMonitor{
		Name: "m", Addr: addr(1), Quorum: 2, Settings: DefaultSettings(), ConfigEpoch: 7, Epoch: 9,
		Replicas: []Addr{addr(3), addr(2), addr(3), addr(1), {}},
	})
	d.wantEvents(out, "# +monitor master m 10.0.0.1 6379 quorum 2")
	m := d.master()
	if out.Count != 1 || !slices.Equal(out.Masters, []string{"m"}) || d.s.Epoch != 9 || m.ConfigEpoch != 7 || !m.RetryNow {
		t.Errorf("outcome %+v, epoch %d, master %+v", out, d.s.Epoch, m)
	}
	if len(m.Replicas) != 2 || m.Replicas[0].Addr != addr(2) || m.Replicas[1].Addr != addr(3) {
		t.Errorf("replicas %+v: the master itself, no address, and doubles do not belong there", m.Replicas)
	}

	same := monitorM(2)
	if out := d.must(same); !out.Unchanged || len(out.Events) > 0 || out.Count != 0 {
		t.Errorf("the same again: %+v", out)
	}
	same.Quorum = 3
	d.wantRefused(d.do(same), RefusedExists)
	same.Quorum, same.Addr = 2, addr(5)
	d.wantRefused(d.do(same), RefusedExists)
}

func TestMonitorInvalid(t *testing.T) {
	for name, change := range map[string]func(*OpMonitor){
		"no name":              func(o *OpMonitor) { o.Name = "" },
		"long name":            func(o *OpMonitor) { o.Name = strings.Repeat("x", 256) },
		"line break":           func(o *OpMonitor) { o.Name = "a\nb" },
		"broken UTF-8":         func(o *OpMonitor) { o.Name = "a\xff" },
		"no host":              func(o *OpMonitor) { o.Addr.Host = "" },
		"port 0":               func(o *OpMonitor) { o.Addr.Port = 0 },
		"port 65536":           func(o *OpMonitor) { o.Addr.Port = 65536 },
		"quorum 0":             func(o *OpMonitor) { o.Quorum = 0 },
		"down-after 0":         func(o *OpMonitor) { o.Settings.DownAfter = 0 },
		"failover-timeout 0":   func(o *OpMonitor) { o.Settings.FailoverTimeout = 0 },
		"parallel-syncs 0":     func(o *OpMonitor) { o.Settings.ParallelSyncs = 0 },
		"config epoch too big": func(o *OpMonitor) { o.ConfigEpoch = 1<<64 - 1 },
		"epoch too big":        func(o *OpMonitor) { o.Epoch = 1<<64 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			op := monitorM(1)
			change(&op)
			d := newDoc(t)
			d.wantRefused(d.do(op), RefusedInvalid)
			op.Seed = true
			d.wantRefused(d.do(op), RefusedInvalid)
			if d.s.Seeded(op.Name) {
				t.Error("it counts as seeded")
			}
		})
	}
	for _, name := range []string{"m", "with space", "a,b", "mäster", strings.Repeat("x", 255)} {
		if fault := CheckName(name); fault != "" {
			t.Errorf("the name %q: %s", name, fault)
		}
	}
}

// TestSeed: a configuration file brings a master in once.
func TestSeed(t *testing.T) {
	d := newDoc(t)
	seed := monitorM(1)
	seed.Seed = true
	d.wantEvents(d.must(seed), "# +monitor master m 10.0.0.1 6379 quorum 1")
	seed.Addr, seed.Quorum = addr(9), 5
	if out := d.must(seed); !out.Unchanged || d.master().Addr != addr(1) || d.master().Quorum != 1 {
		t.Errorf("a seed changed a master: %+v, %+v", out, d.master())
	}
	d.must(OpRemove{Name: "m"})
	if !d.s.Seeded("m") || d.s.Seeded("other") {
		t.Error("what was seeded is not remembered over a removal")
	}
	d.must(monitorM(1)) // by a person
	other := OpMonitor{Name: "other", Addr: addr(4), Quorum: 1, Settings: DefaultSettings()}
	d.must(other)
	other.Seed = true
	if out := d.must(other); !out.Unchanged || !d.s.Seeded("other") {
		t.Errorf("a seed of a master that is there: %+v, seeded %t", out, d.s.Seeded("other"))
	}
}

func TestRemove(t *testing.T) {
	d := withGroup(t)
	out := d.must(OpRemove{Name: "m"})
	d.wantEvents(out, "# -monitor master m 10.0.0.1 6379")
	if out.Count != 1 || !slices.Equal(out.Masters, []string{"m"}) || d.s.Len() != 0 {
		t.Errorf("outcome %+v, %d masters left", out, d.s.Len())
	}
	if got := d.s.EventsAfter(out.Events[0].Seq - 1); len(got) != 1 || got[0] != out.Events[0] {
		t.Errorf("a reader that was away finds %+v", got)
	}
	d.wantRefused(d.do(OpRemove{Name: "m"}), RefusedNoMaster)
}

// TestGenerations: facts and votes about an earlier master of the same name, or
// of the same one before a reset, do not count.
func TestGenerations(t *testing.T) {
	d := withGroup(t)
	old := d.master().Generation
	d.must(OpRemove{Name: "m"})
	d.must(monitorM(1))
	middle := d.master().Generation
	d.must(OpReset{Names: []string{"m"}})
	if now := d.master().Generation; middle <= old || now <= middle {
		t.Errorf("generations %d, %d, %d", old, middle, now)
	}
	for _, g := range []uint64{old, middle} {
		d.wantRefused(d.do(OpObserve{Name: "m", Generation: g, RunID: "x"}), RefusedStale)
		d.wantRefused(d.do(OpBegin{Name: "m", Generation: g, Kind: Manual, Member: alice}), RefusedStale)
		d.wantRefused(d.do(OpRepair{Name: "m", Generation: g, Addr: addr(2), Kind: RepairFix, Member: alice}), RefusedStale)
		if out := d.must(OpVote{Member: alice, Votes: []Ballot{{Name: "m", Generation: g, Down: true}}}); !out.Unchanged || d.master().ODown {
			t.Errorf("a vote of generation %d counted: %+v", g, out)
		}
	}
}

func TestSet(t *testing.T) {
	set := func(options ...Option) OpSet { return OpSet{Name: "m", Options: options} }
	opt := func(name string, values ...string) Option { return Option{Name: name, Values: values} }
	d := newDoc(t)
	d.must(monitorM(2))
	out := d.must(set(
		opt("Down-After-Milliseconds", "1500"), opt("auth-pass", "tell nobody"),
		opt("rename-command", "CONFIG", "guarded"), opt("quorum", "3")))
	d.wantEvents(out,
		"# +set master m 10.0.0.1 6379 Down-After-Milliseconds 1500",
		"# +set master m 10.0.0.1 6379 auth-pass ******",
		"# +set master m 10.0.0.1 6379 rename-command CONFIG guarded",
		"# +set master m 10.0.0.1 6379 quorum 3")
	m := d.master()
	if m.DownAfter.Milliseconds() != 1500 || m.AuthPass != "tell nobody" || m.CommandName("CONFIG") != "guarded" || m.Quorum != 3 {
		t.Errorf("master %+v", m)
	}
	d.wantRefused(d.do(set(opt("quorum", "4"), opt("quorum", "0"))), RefusedInvalid) // all or nothing: do checks it
	d.wantRefused(d.do(set(opt("quorum", "4"), opt("no-such-option", "1"))), RefusedInvalid)
	d.wantRefused(d.do(OpSet{Name: "x", Options: []Option{opt("quorum", "1")}}), RefusedNoMaster)
	if out := d.do(set(opt("auth-pass", "tell nobody", "else"))); strings.Contains(fmt.Sprintf("%+v", out), "nobody") {
		t.Errorf("the password is in %+v", out)
	}
}

// TestSetQuorumJudgesODown: votes that stood become enough, or too few.
func TestSetQuorumJudgesODown(t *testing.T) {
	d := withGroup(t)
	quorum := func(n string) Outcome {
		return d.must(OpSet{Name: "m", Options: []Option{{Name: "quorum", Values: []string{n}}}})
	}
	d.must(vote(d, alice, true))
	d.wantEvents(quorum("1"), "# +set master m 10.0.0.1 6379 quorum 1", "# +odown master m 10.0.0.1 6379 #quorum 1/1")
	d.wantEvents(quorum("2"), "# +set master m 10.0.0.1 6379 quorum 2", "# -odown master m 10.0.0.1 6379")
}

func TestReset(t *testing.T) {
	d, _ := at(t, PhaseWait)
	out := d.must(OpReset{Names: []string{"m", "gone", "m"}})
	d.wantEvents(out, "# +reset-master master m 10.0.0.1 6379")
	m := d.master()
	if out.Count != 1 || m.Failover != nil || len(m.Replicas) != 0 || len(m.Votes) != 0 || m.ODown || m.RunID != "" || m.ReplID != "" || m.PastReplIDs != nil || !m.RetryNow {
		t.Errorf("outcome %+v, master %+v", out, m)
	}
	if f := m.History[len(m.History)-1]; f.Outcome != "aborted" || f.EndReason != "SENTINEL RESET" || f.Ended == 0 {
		t.Errorf("the failover that ran is filed as %+v", f)
	}
	if out := d.must(OpReset{}); out.Count != 0 {
		t.Errorf("a reset of nothing: %+v", out)
	}
}

func TestObserve(t *testing.T) {
	d := newDoc(t)
	d.must(monitorM(1))
	observe := func(o OpObserve) Outcome {
		o.Name, o.Generation = "m", d.master().Generation
		return d.must(o)
	}
	d.wantEvents(observe(OpObserve{RunID: "r1", ReplID: "h1", Replicas: []SeenReplica{{Addr: addr(3)}, {Addr: addr(2), RunID: "r2"}, {Addr: addr(1)}, {}}}),
		"* +slave slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.1 6379",
		"* +slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379")
	if out := observe(OpObserve{RunID: "r1", Replicas: []SeenReplica{{Addr: addr(2)}}}); !out.Unchanged {
		t.Errorf("the same facts again: %+v", out)
	}
	if out := observe(OpObserve{Replicas: []SeenReplica{{Addr: addr(2), RunID: "r2b"}}}); out.Unchanged || len(out.Events) > 0 {
		t.Errorf("a replica that restarted: %+v", out)
	}
	r, ok := d.master().Replica(addr(2))
	if !ok || r.RunID != "r2b" || r.FirstSeen == 0 {
		t.Errorf("replica %+v", r)
	}
	if _, ok := d.master().Replica(addr(1)); ok {
		t.Error("the master is its own replica")
	}
	d.wantRefused(d.do(OpObserve{Name: "x"}), RefusedNoMaster)
}

func TestReplIDs(t *testing.T) {
	d := newDoc(t)
	d.must(monitorM(1))
	for _, id := range []ReplID{"h1", "h2", "h1", "h3", "", "h4", "h5", "h6", "h6"} {
		d.must(OpObserve{Name: "m", Generation: d.master().Generation, ReplID: id})
	}
	m := d.master()
	if m.ReplID != "h6" || !slices.Equal(m.PastReplIDs, []ReplID{"h5", "h4", "h3", "h1"}) {
		t.Errorf("history %s after %v", m.ReplID, m.PastReplIDs)
	}
}

func TestVotes(t *testing.T) {
	d := withGroup(t)
	d.wantEvents(d.must(vote(d, alice, true)))
	if out := d.must(vote(d, alice, true)); !out.Unchanged || out.Count != 0 {
		t.Errorf("the same vote again: %+v", out)
	}
	d.wantEvents(d.must(vote(d, "stranger", true))) // no member: does not count
	d.wantEvents(d.must(vote(d, bob, true)), "# +odown master m 10.0.0.1 6379 #quorum 2/2")
	d.wantEvents(d.must(vote(d, carol, true))) // is already
	d.wantEvents(d.must(vote(d, carol, false)))
	d.wantEvents(d.must(vote(d, bob, false)), "# -odown master m 10.0.0.1 6379")
	if m := d.master(); m.ODown || !m.VotedDown(alice) || m.VotedDown(bob) {
		t.Errorf("master %+v", m)
	}
}

// TestVoteBatch: one member has one vote, however often a batch names it.
func TestVoteBatch(t *testing.T) {
	d := withGroup(t)
	g := d.master().Generation
	down := Ballot{Name: "m", Generation: g, Down: true}
	up := Ballot{Name: "m", Generation: g}
	out := d.must(OpVote{Member: alice, Votes: []Ballot{down, down, {Name: "x", Generation: 1, Down: true}, down}})
	if m := d.master(); len(m.Votes) != 1 || m.ODown || out.Count != 1 {
		t.Errorf("three ballots of one member: %+v, votes %+v, odown %t", out, m.Votes, m.ODown)
	}
	d.must(OpVote{Member: alice, Votes: []Ballot{up, down, up}})
	if m := d.master(); len(m.Votes) != 0 {
		t.Errorf("the last of the ballots was to withdraw: %+v", m.Votes)
	}
}

func TestMembers(t *testing.T) {
	d := withGroup(t)
	d.odown()
	d.wantEvents(d.must(OpAlive{Member: bob, Alive: false}), "# -odown master m 10.0.0.1 6379")
	if out := d.must(OpAlive{Member: bob, Alive: false}); !out.Unchanged {
		t.Errorf("the same again: %+v", out)
	}
	d.wantEvents(d.must(OpAlive{Member: bob, Alive: true})) // what it said before it died is history
	bobs := OpVote{Member: bob, Votes: []Ballot{{Name: "m", Generation: d.master().Generation, Down: true}}}
	d.wantEvents(d.must(bobs), "# +odown master m 10.0.0.1 6379 #quorum 2/2")
	d.wantEvents(d.must(OpMember{Member{ID: alice, RunID: "new", Alive: true}}), "# -odown master m 10.0.0.1 6379")
	if m := d.master(); len(m.Votes) != 1 || m.Votes[0].Member != bob {
		t.Errorf("a new process of alice has voted: %+v", m.Votes)
	}
	d.must(OpMember{Member{ID: alice, RunID: "newer", Alive: true}})
	if out := d.must(OpMember{Member{ID: alice, RunID: "newer", Alive: true}}); !out.Unchanged {
		t.Errorf("the same again: %+v", out)
	}
	d.wantRefused(d.do(OpMember{}), RefusedInvalid)
	d.wantRefused(d.do(OpAlive{Member: "stranger"}), RefusedInvalid)
	if m, ok := d.s.Member(alice); !ok || m.RunID != "newer" || d.s.MemberCount() != 3 {
		t.Errorf("member %+v of %d", m, d.s.MemberCount())
	}
	var ids []MemberID
	for m := range d.s.Members() {
		ids = append(ids, m.ID)
	}
	if !slices.Equal(ids, []MemberID{alice, bob, carol}) {
		t.Errorf("members %v", ids)
	}
}

func TestRepair(t *testing.T) {
	d := withGroup(t)
	repair := func(member MemberID, n int, kind RepairKind) OpRepair {
		return OpRepair{Name: "m", Generation: d.master().Generation, Addr: addr(n), Kind: kind, Member: member, Reason: "r"}
	}
	out := d.must(repair(alice, 2, RepairConvert))
	d.wantEvents(out, "* +convert-to-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379")
	first := out.Number
	d.wantRefused(d.do(repair(bob, 2, RepairFix)), RefusedInProgress)
	again := d.must(repair(alice, 2, RepairFix)).Number
	if first == 0 || again <= first {
		t.Errorf("grants %d and %d", first, again)
	}
	d.wantRefused(d.do(OpRepaired{Name: "m", Addr: addr(2), Number: first, OK: true}), RefusedStale)
	d.wantEvents(d.must(OpRepaired{Name: "m", Addr: addr(2), Number: again, OK: true, Reason: "INFO says so"}),
		". repair-end slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379 follows: INFO says so")
	d.wantRefused(d.do(OpRepaired{Name: "m", Addr: addr(2), Number: again, OK: true}), RefusedStale)

	number := d.must(repair(bob, 3, RepairFix)).Number
	d.must(OpAlive{Member: bob, Alive: false})
	d.wantEvents(d.must(repair(alice, 3, RepairFix)), "* +fix-slave-config slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.1 6379")
	d.wantRefused(d.do(OpRepaired{Name: "m", Addr: addr(3), Number: number}), RefusedStale)
	number = d.master().Replicas[1].Repair.Number
	d.wantEvents(d.must(OpRepaired{Name: "m", Addr: addr(3), Number: number, Reason: "no answer"}),
		". repair-end slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.1 6379 given up: no answer")

	d.wantRefused(d.do(repair(alice, 9, RepairFix)), RefusedInvalid)
	d.wantRefused(d.do(OpRepair{Name: "x"}), RefusedNoMaster)
	d.wantRefused(d.do(OpRepaired{Name: "x"}), RefusedNoMaster)
	d.wantRefused(d.do(OpRepaired{Name: "m", Addr: addr(9)}), RefusedStale)

	// A failover takes all grants back, and gives none while it runs.
	d.must(repair(alice, 2, RepairFix))
	d.must(OpAlive{Member: bob, Alive: true})
	d.odown()
	d.begin()
	for _, r := range d.master().Replicas {
		if r.Repair != nil {
			t.Errorf("%s may still be repaired during a failover", r.Addr)
		}
	}
	d.wantRefused(d.do(repair(alice, 2, RepairFix)), RefusedInProgress)
}

func TestUnknownOp(t *testing.T) {
	d := newDoc(t)
	d.wantRefused(d.do(OpUnknown{Kind: "of-tomorrow", Body: []byte("{}")}), RefusedUnknown)
}

func TestIDs(t *testing.T) {
	d := newDoc(t)
	m := Mutation{ID: MutationID{Member: alice, Seq: 5}, Op: monitorM(1)}
	d.apply(m)
	d.must(OpRemove{Name: "m"})
	d.wantRefused(d.apply(m), RefusedDuplicate)
	m.ID.Seq = 4 // an earlier number that comes later is not the same
	if out := d.apply(m); out.Refused() {
		t.Errorf("refused: %+v", out)
	}
	if d.s.LastSeq(alice) != 5 || d.s.LastSeq(bob) != 0 {
		t.Errorf("last numbers %d, %d", d.s.LastSeq(alice), d.s.LastSeq(bob))
	}
	// A refused mutation's id is used up as well.
	refused := Mutation{ID: MutationID{Member: bob, Seq: 1}, Op: OpRemove{Name: "x"}}
	d.wantRefused(d.apply(refused), RefusedNoMaster)
	d.wantRefused(d.apply(refused), RefusedDuplicate)
	for _, id := range []MutationID{{}, {Member: alice}, {Seq: 7}} {
		d.wantRefused(d.apply(Mutation{ID: id, Op: OpRemove{Name: "m"}}), RefusedDuplicate)
	}
}

func TestJournal(t *testing.T) {
	d := newDoc(t)
	d.must(monitorM(1))
	start := d.s.EventSeq
	other := OpMonitor{Name: "other", Addr: addr(2), Quorum: 1, Settings: DefaultSettings()}
	d.must(other)
	var all []Event
	for i := range journalLength + 40 {
		all = append(all, d.must(OpSet{Name: "m", Options: []Option{{Name: "quorum", Values: []string{fmt.Sprint(i + 1)}}}}).Events...)
	}
	if got := d.master().Journal; !slices.Equal(got, all[len(all)-journalLength:]) {
		t.Errorf("the journal holds %d events, from %+v", len(got), got[0])
	}
	got := d.s.EventsAfter(start)
	if len(got) != journalLength+1 || got[0].Master != "other" || !slices.IsSortedFunc(got, func(a, b Event) int { return cmpUint(a.Seq, b.Seq) }) {
		t.Errorf("%d events after %d, the first is %+v", len(got), start, got[0])
	}
	if got := d.s.EventsAfter(d.s.EventSeq); got != nil {
		t.Errorf("after the last: %+v", got)
	}
	for i := range journalLength + 40 { // the journal of those that are gone
		other.Name = fmt.Sprint("gone-", i)
		d.must(other)
		d.must(OpRemove{Name: other.Name})
	}
	if len(d.s.journal) != journalLength {
		t.Errorf("%d events of removed masters", len(d.s.journal))
	}
}
