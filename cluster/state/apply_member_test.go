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
