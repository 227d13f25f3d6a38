package state

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// withPauses is a group whose members know the schema that brought pauses in.
func withPauses(t *testing.T) *doc {
	d := withGroup(t)
	d.allKnow(2)
	return d
}

// TestPause: no failover begins by itself and no replica is repaired; all else
// goes on.
func TestPause(t *testing.T) {
	d := withPauses(t)
	d.wantEvents(d.must(OpPause{Name: "m", By: "ann at 10.9.9.9:1", Why: "new disks", For: time.Hour}),
		"# +pause master m 10.0.0.1 6379 by ann at 10.9.9.9:1 for 1h0m0s: new disks")
	first := d.master().Pause.Number
	d.must(vote(d, alice, true))
	d.must(vote(d, bob, true))
	m := d.master()
	if !m.ODown {
		t.Fatal("votes do not count in a pause")
	}
	begin := OpBegin{Name: "m", Generation: m.Generation, Kind: Auto, Member: bob}
	out := d.do(begin)
	d.wantRefused(out, RefusedPaused)
	if !strings.Contains(out.Detail, "new disks") {
		t.Errorf("the refusal does not say why: %s", out.Detail)
	}
	d.wantRefused(d.do(OpRepair{Name: "m", Generation: m.Generation, Addr: addr(2), Kind: RepairFix, Member: bob}), RefusedPaused)

	begin.Kind = Manual
	claim := d.must(begin).Claim
	d.must(OpAbort{Name: "m", Claim: claim, Event: NoteAborted, Reason: "for the test"})
	d.wantRefused(d.do(OpResume{Name: "m", Number: first + 1, By: "x"}), RefusedStale)
	d.wantEvents(d.must(OpPause{Name: "m", By: "bob"}), "# +pause master m 10.0.0.1 6379 by bob until resumed")
	d.wantRefused(d.do(OpResume{Name: "m", Number: first, By: "x"}), RefusedStale)
	d.wantEvents(d.must(OpResume{Name: "m", Number: d.master().Pause.Number, By: "its time is over"}),
		"# +resume master m 10.0.0.1 6379 by its time is over")
	if out := d.must(OpResume{Name: "m", By: "ann"}); !out.Unchanged || len(out.Events) > 0 {
		t.Errorf("resuming what is not paused: %+v", out)
	}
	begin.Kind, begin.After = Auto, d.master().LastAttempt
	d.must(begin)
}

// TestPauseEndsRepairs: an order that was granted before is not sent any more.
func TestPauseEndsRepairs(t *testing.T) {
	d := withPauses(t)
	d.must(OpRepair{Name: "m", Generation: d.master().Generation, Addr: addr(2), Kind: RepairFix, Member: bob})
	number := uint64(d.s.Index)
	d.must(OpPause{Name: "m", By: "ann"})
	if r, _ := d.master().Replica(addr(2)); r.Repair != nil {
		t.Errorf("the grant %+v stands", r.Repair)
	}
	d.wantRefused(d.do(OpRepaired{Name: "m", Addr: addr(2), Number: number}), RefusedStale)
}

// TestPauseKeepsFailover: one that runs is finished.
func TestPauseKeepsFailover(t *testing.T) {
	d, c := at(t, PhaseWait)
	d.allKnow(2)
	d.must(OpPause{Name: "m", By: "ann"})
	d.must(OpPromoted{Name: "m", Claim: c})
	d.must(OpEnd{Name: "m", Claim: c})
	if m := d.master(); m.Addr != addr(2) || m.Pause == nil {
		t.Errorf("master %+v", m)
	}
}

func TestPauseRefused(t *testing.T) {
	d := withPauses(t)
	d.wantRefused(d.do(OpPause{Name: "x", By: "ann"}), RefusedNoMaster)
	d.wantRefused(d.do(OpResume{Name: "x", By: "ann"}), RefusedNoMaster)
	for _, op := range []OpPause{
		{For: -time.Second}, {For: MaxPause + time.Millisecond}, {For: time.Microsecond}, {Why: "a\nb"}, {By: "\xff"}, {Why: strings.Repeat("x", maxPauseText+1)},
	} {
		op.Name = "m"
		d.wantRefused(d.do(op), RefusedInvalid)
	}
	d.must(OpPause{Name: "m", By: strings.Repeat("x", maxPauseText), For: MaxPause})
	d.wantRefused(d.do(OpResume{Name: "m", By: "a\x7f"}), RefusedInvalid)
}

// TestStopAfterFailure: the pause after a failed failover, which an attempt that
// goes on with another candidate is not.
func TestStopAfterFailure(t *testing.T) {
	for _, kind := range []FailoverKind{Auto, Manual} {
		d := withPauses(t)
		d.must(OpSet{Name: "m", Options: []Option{{Name: "stop-after-failed-failover", Values: []string{"YES"}}}})
		d.must(vote(d, alice, true))
		d.must(vote(d, bob, true))
		begin := OpBegin{Name: "m", Generation: d.master().Generation, Kind: kind, Member: bob}
		c := d.must(begin).Claim
		d.must(OpAbort{Name: "m", Claim: c, Event: EventAbortTimeout, Reason: "lost", RetryNow: true})
		if d.master().Pause != nil {
			t.Fatal("it stopped although the next candidate is to be tried")
		}
		begin.After = c.Epoch
		c = d.must(begin).Claim
		reason := strings.Repeat("é", 200)
		events := events(d.must(OpAbort{Name: "m", Claim: c, Event: EventAbortNoReplica, Reason: reason}).Events)
		if kind == Manual {
			if d.master().Pause != nil {
				t.Error("it stopped after a failover that a person asked for")
			}
			continue
		}
		p := d.master().Pause
		if p == nil || p.Failed != c.Epoch || p.By != "redis-failover" || p.For != 0 || len(p.Why) > maxPauseText || !strings.HasSuffix(p.Why, "…") {
			t.Fatalf("pause %+v", p)
		}
		if !slices.ContainsFunc(events, func(e string) bool { return strings.HasPrefix(e, "# +pause master m 10.0.0.1 6379 by ") }) {
			t.Errorf("events %q", events)
		}
		begin.After = c.Epoch
		d.wantRefused(d.do(begin), RefusedPaused)
		d.must(OpResume{Name: "m", By: "ann"})
		if !d.master().RetryNow {
			t.Error("the person who resumed it has to wait")
		}
		d.must(begin)
	}
	d := withPauses(t)
	d.wantRefused(d.do(OpSet{Name: "m", Options: []Option{{Name: "stop-after-failed-failover", Values: []string{"maybe"}}}}), RefusedInvalid)
}

// TestPhaseTimes: the record tells when each phase was entered, as soon as all
// members know that it may.
func TestPhaseTimes(t *testing.T) {
	d, _ := at(t, PhaseWait)
	if p := d.master().Failover.Phases; p != nil {
		t.Errorf("while schema 1 is in force: %v", p)
	}
	d = withPauses(t)
	d.odown()
	c := d.begin()
	d.must(OpSelect{Name: "m", Claim: c, Candidate: addr(2)})
	d.must(OpWait{Name: "m", Claim: c})
	d.must(OpPromoted{Name: "m", Claim: c})
	var got []Phase
	for _, p := range d.master().Failover.Phases {
		if got = append(got, p.Phase); p.At == 0 {
			t.Errorf("%s was entered at no time", p.Phase)
		}
	}
	if want := []Phase{PhaseSelect, PhaseOrder, PhaseWait, PhaseReconf}; !slices.Equal(got, want) {
		t.Errorf("phases %v", got)
	}
}
