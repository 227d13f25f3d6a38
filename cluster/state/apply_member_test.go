package state

import "testing"

// TestForget: what a member said counts no more, and it can come back as one
// that has said nothing.
func TestForget(t *testing.T) {
	d := withGroup(t)
	d.odown()
	claim := d.begin()
	out := d.must(OpForget{Member: bob})
	d.wantEvents(out, "# -odown master m 10.0.0.1 6379")
	if _, there := d.s.Member(bob); there || d.s.MemberCount() != 2 || d.master().VotedDown(bob) {
		t.Errorf("bob is still there: %d members, votes %+v", d.s.MemberCount(), d.master().Votes)
	}
	if out := d.must(OpForget{Member: bob}); !out.Unchanged {
		t.Errorf("the same again: %+v", out)
	}
	d.wantRefused(d.do(OpAlive{Member: bob, Alive: true}), RefusedInvalid)
	d.wantRefused(d.do(OpTakeOver{Name: "m", From: claim, Member: bob}), RefusedStale)

	d.must(OpForget{Member: claim.Holder})
	d.must(OpTakeOver{Name: "m", From: claim, Member: carol, Reason: "its holder was removed"})

	d.must(OpMember{Member{ID: bob, RunID: "again", Alive: true}})
	if m, ok := d.s.Member(bob); !ok || !m.Alive || d.master().VotedDown(bob) {
		t.Errorf("bob came back as %+v", m)
	}
}

// TestIntroductions: clients learn of members as they learn of Sentinels.
func TestIntroductions(t *testing.T) {
	member := func(id MemberID, n int) OpMember { return OpMember{Member{ID: id, Addr: addr(n), Alive: true}} }
	d := newDoc(t)
	d.wantEvents(d.must(member(alice, 100))) // there is no master yet
	d.wantEvents(d.must(monitorM(1)), "# +monitor master m 10.0.0.1 6379 quorum 1")
	other := OpMonitor{Name: "other", Addr: addr(9), Quorum: 1, Settings: DefaultSettings()}
	d.must(other)

	bobs := "sentinel " + string(bob) + " 10.0.0.101 6379 @ "
	out := d.must(member(bob, 101))
	d.wantEvents(out, "* +sentinel "+bobs+"m 10.0.0.1 6379", "* +sentinel "+bobs+"other 10.0.0.9 6379")
	for _, e := range out.Events {
		if e.Member != bob {
			t.Errorf("%s is about %q", e.Name, e.Member)
		}
	}
	if journal := d.master().Journal; len(journal) != 2 || journal[1].Name != EventSentinel {
		t.Errorf("the journal of m is %+v", journal)
	}
	d.wantEvents(d.must(OpMember{Member{ID: bob, RunID: "again", Addr: addr(101), Alive: true}})) // as before
	d.wantEvents(d.must(OpMember{Member{ID: bob, RunID: "lost its address", Alive: true}}))
	d.wantEvents(d.must(member(bob, 101)), "* +sentinel "+bobs+"m 10.0.0.1 6379", "* +sentinel "+bobs+"other 10.0.0.9 6379")

	d.wantEvents(d.must(member(bob, 102)),
		"* +sentinel-address-switch master m 10.0.0.1 6379 ip 10.0.0.102 port 6379 for "+string(bob),
		"* +sentinel-address-update sentinel "+string(bob)+" 10.0.0.102 6379 @ m 10.0.0.1 6379 1 additional matching instances")
	d.must(OpRemove{Name: "other"})
	d.wantEvents(d.must(member(bob, 103)),
		"* +sentinel-address-switch master m 10.0.0.1 6379 ip 10.0.0.103 port 6379 for "+string(bob))

	d.must(OpMember{Member{ID: carol, Addr: addr(104)}}) // dead
	d.wantEvents(d.must(other), "# +monitor master other 10.0.0.9 6379 quorum 1",
		"* +sentinel sentinel "+string(alice)+" 10.0.0.100 6379 @ other 10.0.0.9 6379",
		"* +sentinel sentinel "+string(bob)+" 10.0.0.103 6379 @ other 10.0.0.9 6379")
	d.must(OpForget{Member: bob})
	d.wantEvents(d.must(member(bob, 103)),
		"* +sentinel sentinel "+string(bob)+" 10.0.0.103 6379 @ m 10.0.0.1 6379",
		"* +sentinel sentinel "+string(bob)+" 10.0.0.103 6379 @ other 10.0.0.9 6379")
}

// TestCredit: the nodes that did not carry a failover out say who did, and all say
// after a reset who watches; but not before every member knows that they do.
func TestCredit(t *testing.T) {
	for schema, want := range map[int][]string{
		1: {
			"# +failover-state-reconf-slaves master m 10.0.0.1 6379",
			"# +switch-master m 10.0.0.1 6379 10.0.0.2 6379", "# +reset-master master m 10.0.0.2 6379",
		},
		2: {
			"# +failover-state-reconf-slaves master m 10.0.0.1 6379",
			"# +config-update-from sentinel " + string(alice) + " 10.0.0.100 6379 @ m 10.0.0.1 6379",
			"# +switch-master m 10.0.0.1 6379 10.0.0.2 6379", "# +reset-master master m 10.0.0.2 6379",
			"* +sentinel sentinel " + string(alice) + " 10.0.0.100 6379 @ m 10.0.0.2 6379",
			"* +sentinel sentinel " + string(bob) + " 10.0.0.101 6379 @ m 10.0.0.2 6379",
		},
	} {
		d := newDoc(t)
		for i, id := range []MemberID{alice, bob} {
			d.must(OpMember{Member{ID: id, Addr: addr(100 + i), Schema: schema, Alive: true}})
		}
		group := monitorM(1)
		group.Replicas = []Addr{addr(2), addr(3)}
		d.must(group)
		m := d.master()
		claim := d.must(OpBegin{Name: "m", Kind: Manual, Generation: m.Generation, After: m.LastAttempt, Member: alice}).Claim
		d.must(OpSelect{Name: "m", Claim: claim, Candidate: addr(2)})
		switched, reset := d.must(OpPromoted{Name: "m", Claim: claim}), d.must(OpReset{Names: []string{"m"}})
		told := Outcome{}
		for _, e := range append(switched.Events, reset.Events...) {
			if e.Name != EventSlave && e.Name != EventWait && e.Name != EventPromoted {
				told.Events = append(told.Events, e)
			}
			if credit := e.Name == EventConfigFrom; credit && e.Member != alice {
				t.Errorf("%s is about %q", e.Name, e.Member)
			}
		}
		d.wantEvents(told, want...)
	}
}

// TestAbortIsPublished: a failover that was begun in public ends in public, as
// soon as every member says so.
func TestAbortIsPublished(t *testing.T) {
	d := newDoc(t)
	d.must(knowing(alice, SchemaVersion))
	group := monitorM(1)
	group.Replicas = []Addr{addr(2)}
	d.must(group)
	m := d.master()
	claim := d.must(OpBegin{Name: "m", Kind: Manual, Generation: m.Generation, After: m.LastAttempt, Member: alice}).Claim
	d.wantEvents(d.must(OpAbort{Name: "m", Claim: claim, Event: NoteAborted, Reason: "the master answers again", RetryNow: true}),
		"# -failover-abort-other master m 10.0.0.1 6379 the master answers again")
}
