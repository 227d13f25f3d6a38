package failover

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// council is some members with one document, in virtual time. Each looks every
// 100 ms and asks every 500 ms, as in production; commits take no time.
type council struct {
	t       *testing.T
	now     Moment
	doc     *state.State
	members []*sitter
	// deaths counts, by accused, the proposals that somebody is dead.
	deaths map[state.MemberID]int
}

type sitter struct {
	id    state.MemberID
	peers *Peers
	seq   uint64
	// dead: it does nothing any more. deaf: whom it cannot ask. cutOff: it has
	// no majority. refused: the others' attempts to ask are refused, and not only
	// unanswered.
	dead, cutOff, refused bool
	deaf                  []state.MemberID
}

func convene(t *testing.T, ids ...state.MemberID) *council {
	c := &council{t: t, now: Moment(time.Hour), doc: state.New(), deaths: map[state.MemberID]int{}}
	for _, id := range ids {
		m := &sitter{id: id, peers: NewPeers()}
		c.members = append(c.members, m)
		c.commit(m, state.OpMember{Member: state.Member{ID: id, RunID: "1", Alive: true}})
	}
	return c
}

func (c *council) member(id state.MemberID) *sitter {
	i := slices.IndexFunc(c.members, func(m *sitter) bool { return m.id == id })
	return c.members[i]
}

func (c *council) alive(id state.MemberID) bool {
	m, ok := c.doc.Member(id)
	return ok && m.Alive
}

func (c *council) commit(m *sitter, op state.Op) {
	c.t.Helper()
	m.seq++
	var outcome state.Outcome
	c.doc, outcome = state.Apply(c.doc, c.doc.Index+1, state.Mutation{ID: state.MutationID{Member: m.id, Seq: m.seq}, Op: op})
	if outcome.Refused() {
		c.t.Fatalf("%+v is refused: %s", op, outcome.Detail)
	}
}

// pass lets time pass in turns of 100 ms, with a question every fifth, and in
// every one at an address that refuses.
func (c *council) pass(d time.Duration) {
	for range d / (100 * time.Millisecond) {
		c.now = c.now.Add(100 * time.Millisecond)
		for _, m := range c.members {
			if !m.dead {
				c.turn(m)
			}
		}
	}
}

func (c *council) turn(m *sitter) {
	for _, other := range c.members {
		switch unanswered := other.dead || slices.Contains(m.deaf, other.id); {
		case other == m:
		case unanswered && other.refused:
			m.peers.Refused(other.id, c.now)
		case !unanswered && c.now%Moment(500*time.Millisecond) == 0:
			m.peers.Heard(other.id, c.now)
		}
	}
	out := m.peers.Step(Env{Now: c.now, Self: m.id, Doc: c.doc, CanCommit: !m.cutOff})
	for _, p := range out.Proposals {
		if op := p.Op.(state.OpAlive); !op.Alive {
			c.deaths[op.Member]++
		}
		c.commit(m, p.Op)
		m.peers.Proposed(state.MemberID(p.Key), c.now, nil)
	}
}

// dies returns after how long a member does not count any more.
func (c *council) dies(id state.MemberID) time.Duration {
	c.t.Helper()
	begin := c.now
	c.member(id).dead = true
	for c.alive(id) {
		c.pass(100 * time.Millisecond)
		if c.now.Sub(begin) > time.Minute {
			c.t.Fatalf("%s counts as alive a minute after its death", id)
		}
	}
	return c.now.Sub(begin)
}

func TestVoteOfADeadMemberStopsCounting(t *testing.T) {
	for _, lived := range []time.Duration{0, 100 * time.Millisecond, 10 * time.Second, 10*time.Second + 400*time.Millisecond} {
		c := convene(t, "a", "b", "c")
		c.pass(lived)
		if took := c.dies("c"); took < 3500*time.Millisecond || took > 4500*time.Millisecond {
			t.Errorf("a member that died after %s stopped counting %s later, want about 4 s and less than 5 s", lived, took)
		}
		if c.deaths["c"] > 2 || c.deaths["a"]+c.deaths["b"] > 0 {
			t.Errorf("proposals %v; each of the others says it once at most", c.deaths)
		}
	}
}

func TestProcessThatIsGoneStopsCounting(t *testing.T) {
	c := convene(t, "a", "b", "c")
	c.pass(time.Second)
	c.member("c").refused = true
	if took := c.dies("c"); took < peerAbsence || took > time.Second {
		t.Errorf("a member whose address refuses connections stopped counting after %s", took)
	}
	if c.deaths["c"] > 2 || c.deaths["a"]+c.deaths["b"] > 0 {
		t.Errorf("proposals %v; each of the others says it once at most", c.deaths)
	}
}

func TestQuickRestartIsNoDeath(t *testing.T) {
	c := convene(t, "a", "b")
	c.pass(time.Second)
	b := c.member("b")
	for range 5 {
		b.dead, b.refused = true, true
		c.pass(peerAbsence - 100*time.Millisecond)
		b.dead = false
		c.pass(time.Second)
	}
	if len(c.deaths) > 0 {
		t.Errorf("accused of restarting: %v", c.deaths)
	}
	if took := c.dies("b"); took > time.Second {
		t.Errorf("after quick restarts a dead member counts for %s", took)
	}
}

// A member refused connections while it restarted, and is out of reach since: only
// its silence counts.
func TestOldRefusalSaysNothing(t *testing.T) {
	c := convene(t, "a", "b", "c")
	c.pass(time.Second)
	a, b := c.member("a"), c.member("b")
	a.cutOff, b.dead, b.refused = true, true, true
	c.member("c").dead = true // it is not to speak for a
	c.pass(time.Second)
	b.dead, b.refused, a.deaf = false, false, []state.MemberID{"b"}
	c.pass(time.Second)
	a.cutOff = false
	c.pass(time.Second)
	if c.deaths["b"] > 0 {
		t.Errorf("held for dead by what it refused 2 s ago: %v", c.deaths)
	}
}

// A member that was away before this process was paused, and is refused once
// more after it, may have been there in between.
func TestRefusalsBeforeAPauseSayNothing(t *testing.T) {
	for _, pause := range []time.Duration{600 * time.Millisecond, 10 * time.Second} {
		c := convene(t, "a", "b", "c")
		c.pass(time.Second)
		a, b := c.member("a"), c.member("b")
		c.member("c").dead = true // it is not to speak for a
		b.dead, b.refused = true, true
		c.pass(200 * time.Millisecond)
		c.now = c.now.Add(pause)
		a.peers.Paused(c.now, pause)
		c.pass(200 * time.Millisecond)
		if c.deaths["b"] > 0 {
			t.Errorf("after a pause of %s: held for dead by what it refused before", pause)
		}
		if c.pass(time.Second); c.deaths["b"] == 0 {
			t.Errorf("after a pause of %s: not held for dead, though it refuses", pause)
		}
	}
}

func TestMemberWithoutMajorityIsQuietAndComesBack(t *testing.T) {
	c := convene(t, "a", "b", "c")
	c.pass(2 * time.Second)
	lost := c.member("c")
	lost.cutOff, lost.deaf = true, []state.MemberID{"a", "b"}
	for _, id := range []state.MemberID{"a", "b"} {
		c.member(id).deaf = []state.MemberID{"c"}
	}
	c.pass(time.Minute)
	if c.alive("c") || c.deaths["a"]+c.deaths["b"] > 0 {
		t.Fatalf("c alive: %t, deaths %v", c.alive("c"), c.deaths)
	}
	// The majority is back before the first answer is.
	lost.cutOff = false
	c.pass(2 * time.Second)
	if !c.alive("c") {
		t.Error("c can commit and does not say that it is alive")
	}
	for _, m := range c.members {
		m.deaf = nil
	}
	c.pass(10 * time.Second)
	if c.deaths["a"]+c.deaths["b"] > 0 || !c.alive("c") {
		t.Errorf("whoever comes back accuses the others: deaths %v", c.deaths)
	}
}

func TestDeathOfTheEnginesLeader(t *testing.T) {
	c := convene(t, "a", "b", "c")
	c.pass(5 * time.Second)
	begin := c.now
	c.member("c").dead = true
	for _, id := range []state.MemberID{"a", "b"} {
		c.member(id).cutOff = true
	}
	c.pass(1500 * time.Millisecond)
	for _, id := range []state.MemberID{"a", "b"} {
		c.member(id).cutOff = false
	}
	c.dies("c")
	if took := c.now.Sub(begin); took > 4500*time.Millisecond {
		t.Errorf("the vote of the dead leader counted for %s", took)
	}
}

// Two members that cannot ask each other, both with a majority, must not talk
// each other to death.
func TestDisputeBetweenTwoMembers(t *testing.T) {
	for name, cut := range map[string]struct {
		a, b    []state.MemberID
		refused bool
	}{
		"both ways":           {[]state.MemberID{"b"}, []state.MemberID{"a"}, false},
		"one way":             {[]state.MemberID{"b"}, nil, false},
		"both ways, refusing": {[]state.MemberID{"b"}, []state.MemberID{"a"}, true},
		"one way, refusing":   {[]state.MemberID{"b"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := convene(t, "a", "b", "c")
			c.pass(time.Second)
			for _, m := range c.members {
				m.refused = cut.refused
			}
			c.member("a").deaf, c.member("b").deaf = cut.a, cut.b
			dead := 0
			for range 1200 { // two minutes
				c.pass(100 * time.Millisecond)
				if !c.alive("a") || !c.alive("b") {
					dead++
				}
			}
			if dead > 24 { // 2 %
				t.Errorf("one of two living members did not count for %d of 120 s", dead/10)
			}
			if c.deaths["a"] > 8 || c.deaths["b"] > 8 || c.deaths["c"] > 0 {
				t.Errorf("the dispute fills the log: %v", c.deaths)
			}
			// Who hears it still judges it quickly.
			if took := c.dies("b"); took > 4500*time.Millisecond {
				t.Errorf("b counted for %s after its death", took)
			}
		})
	}
}

func TestPatienceEndsWithAnAnswer(t *testing.T) {
	c := convene(t, "a", "b")
	c.member("a").deaf = []state.MemberID{"b"}
	c.pass(time.Minute)
	c.member("a").deaf = nil
	c.pass(time.Second)
	if took := c.dies("b"); took > 4500*time.Millisecond {
		t.Errorf("b was disputed, then heard, then dead, and counted for %s", took)
	}
}

func TestNewProcessIsNoDenial(t *testing.T) {
	c := convene(t, "a", "b")
	c.pass(time.Second)
	for i := range 3 {
		c.dies("b")
		c.pass(5 * time.Second)
		b := c.member("b")
		c.commit(b, state.OpMember{Member: state.Member{ID: "b", RunID: fmt.Sprint("again", i), Alive: true}})
	}
	if took := c.dies("b"); took > 4500*time.Millisecond {
		t.Errorf("after three restarts a dead member counts for %s", took)
	}
}

func TestRevivalIsSpaced(t *testing.T) {
	c := convene(t, "a", "b")
	a, b := c.member("a"), c.member("b")
	b.dead = true // its logic; it is spoken for here
	c.pass(time.Second)
	revivals := 0
	for range 100 {
		if c.alive("a") {
			c.commit(b, state.OpAlive{Member: "a", Alive: false})
		}
		before := a.seq
		c.pass(100 * time.Millisecond)
		if a.seq > before && c.alive("a") {
			revivals++
		}
	}
	if revivals < 4 || revivals > 6 {
		t.Errorf("accused all the time, a member said %d times in 10 s that it is alive, want one every 2 s", revivals)
	}
}

func TestPauseIsNotHeldAgainstOthers(t *testing.T) {
	c := convene(t, "a", "b", "c")
	c.pass(5 * time.Second)
	a := c.member("a")
	c.member("b").dead, c.member("c").dead = true, true // what a hears is spoken here
	c.now = c.now.Add(10 * time.Minute)
	a.peers.Paused(c.now, 10*time.Minute)
	c.pass(2400 * time.Millisecond)
	if len(c.deaths) > 0 {
		t.Errorf("accused right after a pause: %v", c.deaths)
	}
	a.peers.Heard("b", c.now)
	c.pass(2 * time.Second)
	if c.deaths["b"] > 0 || c.deaths["c"] != 1 {
		t.Errorf("b has answered since the pause, c has not; accused: %v", c.deaths)
	}
}

func TestStarvedProcessStillFindsTheDead(t *testing.T) {
	for _, pause := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond, 1500 * time.Millisecond} {
		c := convene(t, "a", "b")
		c.pass(time.Second)
		begin := c.now
		c.member("b").dead = true
		for c.alive("b") && c.now.Sub(begin) < time.Minute {
			c.now = c.now.Add(pause)
			c.member("a").peers.Paused(c.now, pause)
			c.pass(time.Second)
		}
		if took := c.now.Sub(begin); took > 15*time.Second {
			t.Errorf("with a pause of %s every second it took %s", pause, took)
		}
	}
}

func TestFailedProposalAboutAMember(t *testing.T) {
	c := convene(t, "a", "b")
	a := c.member("a")
	env := func() Env { return Env{Now: c.now, Self: "a", Doc: c.doc, CanCommit: true} }
	a.peers.Step(env())
	c.now = c.now.Add(peerSilence)
	out := a.peers.Step(env())
	if len(out.Proposals) != 1 || out.Proposals[0] != (Proposal{"b", state.OpAlive{Member: "b"}}) {
		t.Fatalf("proposals %+v", out.Proposals)
	}
	c.now = c.now.Add(time.Second)
	if again := a.peers.Step(env()); len(again.Proposals) > 0 {
		t.Errorf("proposed again while the first one is under way: %+v", again.Proposals)
	}
	a.peers.Proposed("b", c.now, fmt.Errorf("no quorum"))
	if again := a.peers.Step(env()); len(again.Proposals) > 0 || again.Wake != c.now.Add(retryAfterFailure) {
		t.Errorf("proposed again at once: %+v", again)
	}
	c.now = c.now.Add(retryAfterFailure)
	if again := a.peers.Step(env()); len(again.Proposals) != 1 {
		t.Error("a proposal that failed is not repeated")
	}
}

func TestMembersComeAndGo(t *testing.T) {
	c := convene(t, "a", "b")
	p := c.member("a").peers
	c.pass(time.Second)
	c.now = c.now.Add(time.Second)
	if view, ok := p.View("b", c.now); !ok || !view.Heard || view.LastHeard > 1500*time.Millisecond {
		t.Errorf("b: %+v, %t", view, ok)
	}
	for _, id := range []state.MemberID{"a", "nobody"} {
		if view, ok := p.View(id, c.now); ok {
			t.Errorf("%s: %+v", id, view)
		}
	}
	without := convene(t, "a", "c")
	p.Step(Env{Now: c.now, Self: "a", Doc: without.doc, CanCommit: true})
	p.Heard("b", c.now) // an answer that was on its way
	if view, ok := p.View("b", c.now); ok {
		t.Errorf("b was removed and is still there: %+v", view)
	}
	c.now = c.now.Add(3 * time.Second)
	if view, ok := p.View("c", c.now); !ok || view.Heard || view.LastHeard != 3*time.Second {
		t.Errorf("c, which never answered: %+v, %t", view, ok)
	}
}
