package state

import (
	"fmt"
	"slices"
	"testing"
)

// TestWholeFailover is contract section 2.2, with the switch announced as soon
// as the promotion is confirmed.
func TestWholeFailover(t *testing.T) {
	d := withGroup(t)
	d.must(OpMonitor{Name: "n", Addr: addr(50), Quorum: 1, Settings: DefaultSettings(), ConfigEpoch: 4}) // epochs are shared
	d.wantEvents(d.must(vote(d, alice, true)))
	d.wantEvents(d.must(vote(d, bob, true)), "# +odown master m 10.0.0.1 6379 #quorum 2/2")
	m := d.master()
	out := d.must(OpBegin{Name: "m", Generation: m.Generation, Kind: Auto, Member: carol, Reason: "it is down"})
	d.wantEvents(out,
		"# +new-epoch 5",
		"# +try-failover master m 10.0.0.1 6379",
		"# +vote-for-leader "+string(carol)+" 5",
		"# +elected-leader master m 10.0.0.1 6379",
		"# +failover-state-select-slave master m 10.0.0.1 6379")
	claim := out.Claim
	if claim != (Claim{Epoch: 5, Number: 1, Holder: carol}) || !claim.Same(d.master().Failover.Claim) {
		t.Fatalf("claim %+v", claim)
	}
	if f := d.master().Failover; f.From != addr(1) || f.Phase != PhaseSelect || len(f.Evidence) != 2 || f.Reason != "it is down" || f.Kind != Auto {
		t.Errorf("record %+v", f)
	}
	if m := d.master(); m.LastAttempt != 5 || m.LastAttemptAt == 0 || m.RetryNow {
		t.Errorf("master %+v", m)
	}

	verdicts := []Verdict{{Addr: addr(2), Chosen: true, Reason: "offset 100"}, {Addr: addr(3), Reason: "offset 90"}}
	d.wantEvents(d.must(OpSelect{Name: "m", Claim: claim, Candidate: addr(2), Verdicts: verdicts}),
		"# +selected-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379",
		"* +failover-state-send-slaveof-noone slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379")
	d.wantEvents(d.must(OpWait{Name: "m", Claim: claim}),
		"* +failover-state-wait-promotion slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379")
	d.wantEvents(d.must(OpPromoted{Name: "m", Claim: claim, RunID: "run-2b", ReplID: "history-2"}),
		"# +promoted-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379",
		"# +failover-state-reconf-slaves master m 10.0.0.1 6379",
		"# +switch-master m 10.0.0.1 6379 10.0.0.2 6379",
		"* +slave slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.2 6379",
		"* +slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379")
	m = d.master()
	if m.Addr != addr(2) || m.ConfigEpoch != 5 || m.RunID != "run-2b" || m.ReplID != "history-2" || !slices.Equal(m.PastReplIDs, []ReplID{"history-1"}) {
		t.Errorf("after the switch: %+v", m)
	}
	if m.ODown || len(m.Votes) != 0 || !m.RetryNow || m.Failover.Phase != PhaseReconf || m.Failover.Switched == 0 {
		t.Errorf("after the switch: %+v, %+v", m, m.Failover)
	}
	if r, ok := m.Replica(addr(1)); !ok || r.RunID != "run-1" || len(m.Replicas) != 2 {
		t.Errorf("the old master is the replica %+v of %+v", r, m.Replicas)
	}

	progress := func(n int, s ReconfStatus, timedOut bool) OpProgress {
		return OpProgress{Name: "m", Claim: claim, Reconf: []Reconf{{Addr: addr(n), Status: s, TimedOut: timedOut}}}
	}
	d.wantEvents(d.must(progress(3, ReconfSent, false)), "* +slave-reconf-sent slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.2 6379")
	d.wantEvents(d.must(progress(3, ReconfInProg, false)), "* +slave-reconf-inprog slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.2 6379")
	d.wantEvents(d.must(progress(3, ReconfDone, false)), "* +slave-reconf-done slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.2 6379")
	d.wantEvents(d.must(progress(1, ReconfDone, true)), "* -slave-reconf-sent-timeout slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379")
	f := d.master().Failover
	if f.ReconfOf(addr(3)) != ReconfDone || f.ReconfOf(addr(9)) != "" || len(f.Reconf) != 2 || f.Reconf[0].Addr != addr(1) {
		t.Errorf("progress %+v", f.Reconf)
	}
	d.wantEvents(d.must(OpEnd{Name: "m", Claim: claim}), "# +failover-end master m 10.0.0.2 6379")
	m = d.master()
	if h := m.History[0]; m.Failover != nil || len(m.History) != 1 || h.Outcome != "done" || h.Ended == 0 || h.Candidate != addr(2) || !slices.Equal(h.Verdicts, verdicts) {
		t.Errorf("history %+v", m.History)
	}
}

// TestPromotedWithoutWait: the promotion may be seen before anybody recorded
// that it is waited for; the events keep Sentinel's order.
func TestPromotedWithoutWait(t *testing.T) {
	d, c := at(t, PhaseOrder)
	d.wantEvents(d.must(OpPromoted{Name: "m", Claim: c}),
		"* +failover-state-wait-promotion slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379",
		"# +promoted-slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379",
		"# +failover-state-reconf-slaves master m 10.0.0.1 6379",
		"# +switch-master m 10.0.0.1 6379 10.0.0.2 6379",
		"* +slave slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.2 6379",
		"* +slave slave 10.0.0.1:6379 10.0.0.1 6379 @ m 10.0.0.2 6379")
}

func TestEndForTimeout(t *testing.T) {
	d, c := at(t, PhaseReconf)
	d.wantEvents(d.must(OpEnd{Name: "m", Claim: c, Timeout: true, BestEffort: []Addr{addr(3)}}),
		"# +failover-end-for-timeout master m 10.0.0.2 6379",
		"# +failover-end master m 10.0.0.2 6379",
		"* +slave-reconf-sent-be slave 10.0.0.3:6379 10.0.0.3 6379 @ m 10.0.0.2 6379")
	if h := d.master().History[0]; h.Outcome != "done-timeout" {
		t.Errorf("history %+v", h)
	}
}

func TestAbort(t *testing.T) {
	for _, c := range []struct {
		event, want string
		phase       Phase
	}{
		{EventAbortNoReplica, "# -failover-abort-no-good-slave master m 10.0.0.1 6379", PhaseSelect},
		{EventAbortTimeout, "# -failover-abort-slave-timeout master m 10.0.0.1 6379", PhaseOrder},
		{EventAbortTimeout, "# -failover-abort-slave-timeout master m 10.0.0.1 6379", PhaseWait},
		{NoteAborted, ". failover-aborted master m 10.0.0.1 6379: why", PhaseWait},
	} {
		d, claim := at(t, c.phase)
		verdicts := []Verdict{{Addr: addr(3), Reason: "v"}}
		d.wantEvents(d.must(OpAbort{Name: "m", Claim: claim, Event: c.event, Reason: "why", Verdicts: verdicts, RetryNow: true}), c.want)
		m := d.master()
		if h := m.History[0]; m.Failover != nil || h.Outcome != "aborted" || h.EndReason != "why" || !slices.Equal(h.Verdicts, verdicts) || h.Switched != 0 {
			t.Errorf("history %+v", h)
		}
		if m.Addr != addr(1) || !m.ODown || !m.RetryNow || m.LastAttempt != claim.Epoch {
			t.Errorf("master %+v", m)
		}
		// The next attempt must name the last one.
		again := OpBegin{Name: "m", Generation: m.Generation, Kind: Auto, Member: bob}
		d.wantRefused(d.do(again), RefusedStale)
		again.After = claim.Epoch
		if next := d.must(again).Claim; next.Epoch <= claim.Epoch {
			t.Errorf("claim %+v after %+v", next, claim)
		}
	}
}

func TestBeginRefused(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*doc)
		change  func(*OpBegin)
		want    Refusal
	}{
		"no master":         {nil, func(o *OpBegin) { o.Name = "x" }, RefusedNoMaster},
		"not down":          {func(d *doc) { d.must(vote(d, bob, false)) }, nil, RefusedNotDown},
		"runs":              {func(d *doc) { d.begin() }, nil, RefusedInProgress},
		"another attempt":   {nil, func(o *OpBegin) { o.After = 3 }, RefusedStale},
		"stranger":          {nil, func(o *OpBegin) { o.Member = "stranger" }, RefusedStale},
		"dead member":       {func(d *doc) { d.must(OpAlive{Member: carol, Alive: false}) }, func(o *OpBegin) { o.Member = carol }, RefusedStale},
		"earlier judgement": {nil, func(o *OpBegin) { o.Generation-- }, RefusedStale},
		"no kind":           {nil, func(o *OpBegin) { o.Kind = "" }, RefusedInvalid},
		"unknown kind":      {func(d *doc) { d.must(vote(d, bob, false)) }, func(o *OpBegin) { o.Kind = "forced" }, RefusedInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			d := withGroup(t)
			d.odown()
			op := OpBegin{Name: "m", Generation: d.master().Generation, Kind: Auto, Member: alice}
			if c.prepare != nil {
				c.prepare(d)
			}
			if c.change != nil {
				c.change(&op)
			}
			d.wantRefused(d.do(op), c.want)
		})
	}
}

func TestManual(t *testing.T) {
	d := withGroup(t)
	out := d.must(OpBegin{Name: "m", Generation: d.master().Generation, Kind: Manual, Member: alice, Reason: "asked"})
	if f := d.master().Failover; f.Kind != Manual || out.Claim.Epoch != 1 || len(f.Evidence) != 0 {
		t.Errorf("record %+v", f)
	}
}

func TestTakeOver(t *testing.T) {
	d, first := at(t, PhaseOrder)
	out := d.must(OpTakeOver{Name: "m", From: first, Member: bob, Reason: "holder is dead"})
	d.wantEvents(out, fmt.Sprintf(". failover-taken-over master m 10.0.0.1 6379 epoch %d phase send_slaveof_noone by %s: holder is dead", first.Epoch, bob))
	second := out.Claim
	if second != (Claim{Epoch: first.Epoch, Number: 2, Holder: bob}) {
		t.Fatalf("claim %+v", second)
	}
	if f := d.master().Failover; f.Phase != PhaseOrder || f.Candidate != addr(2) {
		t.Errorf("record %+v", f)
	}
	d.wantRefused(d.do(OpTakeOver{Name: "m", From: first, Member: carol}), RefusedStale)
	d.wantRefused(d.do(OpTakeOver{Name: "x", From: second, Member: carol}), RefusedNoMaster)
	for _, step := range steps(first) {
		d.wantRefused(d.do(step), RefusedStale)
	}
	d.must(OpPromoted{Name: "m", Claim: second})
	d.wantRefused(d.do(OpPromoted{Name: "m", Claim: second}), RefusedStale) // one promotion per epoch
	d.must(OpEnd{Name: "m", Claim: second})
	d.wantRefused(d.do(OpTakeOver{Name: "m", From: second, Member: carol}), RefusedStale)
}

// steps are all ops that a claim entitles to.
func steps(c Claim) []Op {
	return []Op{
		OpSelect{Name: "m", Claim: c, Candidate: addr(2)}, OpWait{Name: "m", Claim: c}, OpPromoted{Name: "m", Claim: c},
		OpProgress{Name: "m", Claim: c}, OpEnd{Name: "m", Claim: c}, OpAbort{Name: "m", Claim: c, Event: NoteAborted},
	}
}

// TestPhaseOrder tries each step in each phase.
func TestPhaseOrder(t *testing.T) {
	allowed := map[Phase][]string{
		PhaseSelect: {"select", "abort"},
		PhaseOrder:  {"wait", "promoted", "abort"},
		PhaseWait:   {"promoted", "abort"},
		PhaseReconf: {"progress", "end"},
	}
	for phase, kinds := range allowed {
		d, c := at(t, phase)
		start := d.s
		for _, op := range steps(c) {
			d.s = start
			out := d.do(op)
			if want := slices.Contains(kinds, Kind(op)); out.Refused() == want {
				t.Errorf("%s in phase %s: %+v", Kind(op), phase, out)
			} else if !want {
				d.wantRefused(out, RefusedStale)
			}
		}
		for _, wrong := range []Claim{{}, {Epoch: c.Epoch, Number: c.Number + 1, Holder: c.Holder}, {Epoch: c.Epoch, Number: c.Number, Holder: bob}} {
			for _, op := range steps(wrong) {
				d.s = start
				d.wantRefused(d.do(op), RefusedStale)
			}
		}
	}
	d := withGroup(t)
	for _, op := range steps(Claim{}) {
		d.wantRefused(d.do(op), RefusedStale)
	}
	d.must(OpRemove{Name: "m"})
	for _, op := range steps(Claim{}) {
		d.wantRefused(d.do(op), RefusedNoMaster)
	}
}

func TestInvalidSteps(t *testing.T) {
	d, c := at(t, PhaseSelect)
	d.wantRefused(d.do(OpSelect{Name: "m", Claim: c, Candidate: addr(9)}), RefusedInvalid)
	d.wantRefused(d.do(OpSelect{Name: "m", Claim: c, Candidate: addr(1)}), RefusedInvalid)
	d, c = at(t, PhaseReconf)
	for _, bad := range []Reconf{{Addr: addr(9), Status: ReconfSent}, {Addr: addr(3), Status: "nonsense"}, {Addr: addr(2), Status: ReconfSent}} {
		d.wantRefused(d.do(OpProgress{Name: "m", Claim: c, Reconf: []Reconf{{Addr: addr(3), Status: ReconfSent}, bad}}), RefusedInvalid)
	}
}

// TestHistoryIsBounded runs more failovers than are kept.
func TestHistoryIsBounded(t *testing.T) {
	d := withGroup(t)
	for range historyLength + 5 {
		d.odown()
		c := d.begin()
		to := d.master().Replicas[0].Addr
		d.must(OpSelect{Name: "m", Claim: c, Candidate: to})
		d.must(OpPromoted{Name: "m", Claim: c})
		d.must(OpEnd{Name: "m", Claim: c})
	}
	h := d.master().History
	if len(h) != historyLength || h[len(h)-1].Epoch != historyLength+5 || h[0].Epoch != 6 {
		t.Errorf("%d failovers, of epochs %d to %d", len(h), h[0].Epoch, h[len(h)-1].Epoch)
	}
}

// TestTakeOverByTheDead: whoever does not count as alive may not carry anything
// out, or two members could take a failover from each other for ever.
func TestTakeOverByTheDead(t *testing.T) {
	d, claim := at(t, PhaseSelect)
	d.must(OpAlive{Member: bob, Alive: false})
	d.wantRefused(d.do(OpTakeOver{Name: "m", From: claim, Member: bob}), RefusedStale)
}

func TestUnknownWords(t *testing.T) {
	d, claim := at(t, PhaseSelect)
	d.wantRefused(d.do(OpAbort{Name: "m", Claim: claim, Event: "+made-up"}), RefusedInvalid)
	d = withGroup(t)
	d.wantRefused(d.do(OpRepair{Name: "m", Generation: d.master().Generation, Addr: addr(2), Kind: "made-up", Member: alice}), RefusedInvalid)
}
