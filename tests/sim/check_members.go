package sim

import (
	"slices"
	"time"

	"redis-failover/cluster/state"
)

// This file checks what the members believe of each other.

// membersRecord is what the checker knows of one node as a member.
type membersRecord struct {
	// goneSince is since when it has been dead, paused, or out of reach of all
	// others; 0: it is there.
	goneSince time.Duration
	// wellSince is since when it could commit; 0: it cannot.
	wellSince time.Duration
	// saidAt is when the last of its mutations was ordered.
	saidAt time.Duration
	// heardBy tells, for each other node, when that one could hear it.
	heardBy []spell
	// deaths are the times at which it was recorded as dead although it could
	// commit.
	deaths []time.Duration
}

// spell is a time in which something was so. It goes on while on is set.
type spell struct {
	on          bool
	since, till time.Duration
}

func (s *spell) note(on bool, now time.Duration) {
	switch {
	case on && !s.on:
		s.since = now
	case !on && s.on:
		s.till = now
	}
	s.on = on
}

// reviewMembers finds out who can hear whom, whenever something has changed.
func (c *checker) reviewMembers() {
	w := c.w
	since := func(t time.Duration, is bool) time.Duration {
		switch {
		case !is:
			return 0
		case t == 0:
			return max(1, w.now)
		}
		return t
	}
	for i, n := range w.nodes {
		r := &c.members[i]
		heard := false
		for k, other := range w.nodes {
			if k == i {
				continue
			}
			hears := n.runs() && other.runs() && w.net.both(n.place, other.place)
			heard = heard || hears
			r.heardBy[k].note(hears && !w.storm, w.now)
		}
		r.goneSince = since(r.goneSince, !n.runs() || !heard)
		r.wellSince = since(r.wellSince, n.runs() && !w.storm && w.log.inTouch(n))
	}
}

// said notes that a member has put something into the log.
func (c *checker) said(e entry) {
	c.members[e.mutation.ID.Member[0]-'a'].saidAt = c.w.now
}

// checkDeadEvery lies between two looks at who is dead.
const checkDeadEvery = 500 * ms

// checkDead: who is dead or cut off must not count for long. How exactly the
// five seconds of the design are kept is tested elsewhere; here it may take
// longer, for all that may hold up an observer and a commit.
func (c *checker) checkDead() {
	w := c.w
	if w.now-c.checkedDead < checkDeadEvery || w.plan.lossy > 0 || w.storm {
		return
	}
	c.checkedDead = w.now
	slack := 4 * time.Second
	if w.plan.spikes > 0 {
		slack += 4 * time.Second
	}
	for i := range c.members {
		r := &c.members[i]
		member, ok := w.log.newest().Member(w.nodes[i].id)
		if !ok || !member.Alive || r.goneSince == 0 || r.saidAt > r.goneSince+time.Second {
			continue
		}
		for k := range c.members {
			heard, well := r.heardBy[k], c.members[k].wellSince
			if k == i || well == 0 || heard.till-heard.since < 5*time.Second || r.goneSince-heard.till > 500*ms {
				continue
			}
			if by := max(r.goneSince, well) + 5*time.Second + slack; w.now > by {
				w.violated("dead-counts", "node %s is gone for %s and counts as alive, although node %s could have said so for %s",
					w.nodes[i].id, w.now-r.goneSince, w.nodes[k].id, w.now-well)
			}
		}
	}
}

const (
	// So many deaths of one living member within so long a time are a dispute
	// that nobody ends.
	disputeDeaths = 4
	disputeTime   = 10 * time.Second
)

// checkAlive: members must not go on recording the death of one that can commit.
func (c *checker) checkAlive(op state.OpAlive, e entry) {
	w := c.w
	i := int(op.Member[0] - 'a')
	if op.Alive || e.outcome.Unchanged || !w.log.inTouch(w.nodes[i]) || !w.nodes[i].runs() {
		return
	}
	r := &c.members[i]
	r.deaths = append(slices.DeleteFunc(r.deaths, func(at time.Duration) bool { return w.now-at > disputeTime }), w.now)
	if len(r.deaths) > disputeDeaths {
		w.violated("dispute", "node %s, which can commit, was recorded as dead %d times in %s", op.Member, len(r.deaths), disputeTime)
	}
}

// noteClaim keeps who was granted a claim. A claim is granted once: its number
// is what tells its orders from those of a former holder.
func (c *checker) noteClaim(claim state.Claim, e entry) {
	for old := range c.claims {
		if old.Epoch == claim.Epoch && old.Number >= claim.Number {
			c.w.violated("claim-twice", "claim %d of epoch %d is granted to %s after claim %d to %s",
				claim.Number, claim.Epoch, claim.Holder, old.Number, old.Holder)
		}
	}
	if holder, ok := e.state.Member(claim.Holder); !ok || !holder.Alive {
		c.w.violated("dead-claims", "claim %d of epoch %d is granted to %s, which does not count as alive", claim.Number, claim.Epoch, claim.Holder)
	}
	c.claims[claim] = granted{e.life, c.w.now}
}

// slanderTime is for how long a node that had no majority must hold its tongue:
// the others may have been as well as ever.
const slanderTime = 2 * time.Second

// checkSlander checks what a node is about to say of another.
func (c *checker) checkSlander(n *node, op state.OpAlive) {
	other := c.w.nodes[op.Member[0]-'a']
	if op.Alive || !other.up || c.w.now-other.backAt < slanderTime {
		return // its process is, or was, gone for all to see
	}
	if since := c.w.now - n.backAt; since < slanderTime {
		c.w.violated("slander", "node %s, which could not commit until %s ago, holds %s for dead", n.id, since, op.Member)
	}
}

// ownEyesTime is how long a node may take to find that a master is well.
const ownEyesTime = 5 * time.Second

// checkOwnEyes: a node that can see a healthy master all the time asks for no
// failover of it, whatever the others say.
func (c *checker) checkOwnEyes(n *node, g *watched, op state.OpBegin) {
	if op.Kind != state.Auto {
		return
	}
	if well := c.wellFor(n, c.w.byAddr[g.agreed.Addr]); well > ownEyesTime {
		c.w.violated("own-eyes", "node %s asks for a failover of %s although it could see a healthy master for %s", n.id, g.name, well)
	}
}
