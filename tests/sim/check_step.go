package sim

import (
	"slices"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// This file checks what the core decides, and what is sent.

const (
	// confirmFor is for how long a confirmed view entitles to orders.
	confirmFor = time.Second
	// surveyTime is how long a choice may rely on what was asked before it.
	surveyTime = 3 * time.Second
	// busySteps is how many steps a second may cost: some for the group, and
	// for each server twenty probes with their replies.
	busySteps, stepsPerServer = 400, 150
)

// stepped checks one step of the core.
func (c *checker) stepped(n *node, g *watched, in failover.Input, out failover.Output) {
	c.checkWake(n, g, in, out)
	g.record.learn(g.agreed, c.w.now)
	for _, o := range out.Orders {
		if o.Kind == failover.Reconfigure && g.record.unconfirmed {
			c.w.violated("unconfirmed-order", "node %s decides on an order to %s after a pause, with nothing confirmed since", n.id, o.Addr)
		}
	}
	for _, p := range out.Proposals {
		switch op := p.Op.(type) {
		case state.OpVote:
			c.checkJudgement(n, g, op)
		case state.OpBegin:
			c.checkOwnEyes(n, g, op)
		case state.OpSelect:
			c.checkChoice(n, g, op)
		case state.OpPromoted:
			c.checkProof(n, g, op)
		}
	}
}

// learn notes what the process knows of its group.
func (r *watchedRecord) learn(m *state.Master, now time.Duration) {
	if m == nil {
		return
	}
	least := m.DownAfter
	if m.RebootDownAfter > 0 {
		least = min(least, m.RebootDownAfter)
	}
	if r.generation != m.Generation {
		r.generation, r.knownSince, r.patience = m.Generation, now, least
	}
	r.patience = min(r.patience, least)
}

// checkJudgement: a master begins with a clean slate. What was seen of the
// server in another role is not held against it.
func (c *checker) checkJudgement(n *node, g *watched, op state.OpVote) {
	if known := c.w.now - g.record.knownSince; op.Votes[0].Down && known < g.record.patience {
		c.w.violated("judged-too-soon", "node %s votes %s down %s after it learned that it is the master", n.id, g.agreed.Addr, known)
	}
}

// checkWake: the core must ask to be woken, and not all the time.
func (c *checker) checkWake(n *node, g *watched, in failover.Input, out failover.Output) {
	r, w := &g.record, c.w
	if out.Wake <= 0 {
		w.violated("wake", "node %s, %s: a step asks for no wake-up", n.id, g.name)
	}
	if out.Wake <= n.now() && in.Kind == failover.Woken {
		if r.instant != w.now {
			r.instant, r.repeats = w.now, 0
		}
		if r.repeats++; r.repeats > 2 {
			w.violated("hot-loop", "node %s, %s: a step asks again and again to be woken now", n.id, g.name)
		}
	}
	second := w.now.Truncate(time.Second)
	if r.second != second {
		r.second, r.steps = second, 0
	}
	r.steps++
	if servers := len(g.links); r.steps > busySteps+stepsPerServer*servers {
		w.violated("hot-loop", "node %s, %s: %d steps in a second for %d servers", n.id, g.name, r.steps, servers)
	}
}

// checkChoice judges a candidate by what it really is. It allows for what the
// node could not know: what has changed since it asked.
func (c *checker) checkChoice(n *node, g *watched, op state.OpSelect) {
	w := c.w
	s := w.byAddr[op.Candidate]
	asked := max(c.claims[op.Claim].at, w.now-surveyTime)
	old := func(since time.Duration) bool { return since < asked }
	switch {
	case s.priority == 0 && old(s.since.priority):
		w.violated("unfit-promoted", "node %s chooses %s, which has priority 0", n.id, s.name)
	case !s.running && old(s.since.life):
		w.violated("unfit-promoted", "node %s chooses %s, which is dead", n.id, s.name)
	case s.isLoading() && old(s.since.life):
		w.violated("unfit-promoted", "node %s chooses %s, which loads its data", n.id, s.name)
	case s.link == linkSyncing && old(s.since.link):
		w.violated("unfit-promoted", "node %s chooses %s in the middle of a full sync", n.id, s.name)
	case g.agreed.ReplID != "" && !s.group.holds(s) && old(s.since.data) && old(s.since.life):
		w.violated("unfit-promoted", "node %s chooses %s, whose data are empty or foreign (data set %d)", n.id, s.name, s.origin)
	}
	for _, r := range g.agreed.Replicas {
		if better := w.byAddr[r.Addr]; c.clearlyBetter(n, g, better, s, asked) {
			w.violated("better-ignored", "node %s chooses %s (priority %d, offset %d), %s has priority %d and offset %d; the verdicts are %+v",
				n.id, s.name, s.priority, s.offset(), better.name, better.priority, better.offset(), op.Verdicts)
		}
	}
}

// holds reports whether a server's data set is, or was, the group's.
func (g *group) holds(s *server) bool { return g.origins[s.origin] }

// disobeyed reports whether a replica was a candidate that answered its order and
// did not obey: the verdict on it was withdrawn, and others are preferred.
func disobeyed(m *state.Master, a state.Addr) bool {
	return slices.ContainsFunc(m.History, func(f state.Failover) bool {
		return f.Candidate == a && f.Outcome == "aborted" &&
			!slices.ContainsFunc(f.Verdicts, func(v state.Verdict) bool { return v.Addr == a && v.Chosen })
	})
}

// clearlyBetter reports whether a replica should have been chosen instead: it
// could be asked all the time, and it is ahead by priority, or by offset in the
// same history.
func (c *checker) clearlyBetter(n *node, g *watched, b, chosen *server, asked time.Duration) bool {
	w, m := c.w, g.agreed
	old := func(s *server) bool {
		return max(s.since.life, s.since.link, s.since.priority, s.since.data, s.since.role) < asked
	}
	inSight := asked - m.DownAfter - 5*time.Second
	switch {
	case b == chosen || b.priority == 0 || !b.works() || b.isLoading() || !old(b) || !old(chosen),
		c.reach(n, b) > inSight || b.since.life > inSight,
		b.link == linkSyncing, b.role != failover.RoleReplica, disobeyed(m, b.addr),
		!w.ofGroup(m, b.replID) || b.replID != chosen.replID:
		return false
	case b.lostAt == 0 && b.link == linkDown, b.link == linkDown && w.now-b.lostAt > 9*m.DownAfter:
		return false
	case b.priority != chosen.priority:
		return b.priority < chosen.priority
	}
	return b.still(asked) && chosen.still(asked) && b.offset() > chosen.offset()
}

// still reports whether nothing has come over a replica's link since then.
func (s *server) still(since time.Duration) bool {
	return s.link == linkDown && s.since.link < since || s.link == linkUp && s.silentSince != 0 && s.silentSince < since
}

// reach is the last moment at which a node could not talk to a server.
func (c *checker) reach(n *node, s *server) time.Duration {
	h := c.contact[n.place][int(s.place)-len(c.w.nodes)]
	if h.bad {
		return c.w.now
	}
	return h.until
}

// checkProof: a promotion is proposed because the candidate was seen to be a
// master, so it must have been one since the order, and be one or have been one
// a moment ago.
func (c *checker) checkProof(n *node, g *watched, op state.OpPromoted) {
	w := c.w
	f := g.agreed.Failover
	if f == nil || f.Claim != op.Claim {
		w.violated("promotion-unproven", "node %s proposes a switch under a claim that it knows to be over", n.id)
	}
	s := w.byAddr[f.Candidate]
	known := w.now - 100*ms - 8*w.plan.latency
	if g.agreed.ReplID != "" && !s.group.holds(s) && s.since.data < known && w.plan.spikes == 0 && !w.storm {
		w.violated("unfit-promoted", "node %s switches to %s, whose data are empty or foreign (data set %d)", n.id, s.name, s.origin)
	}
	if s.role != failover.RoleMaster && s.since.role < w.now-surveyTime-g.agreed.DownAfter {
		w.violated("promotion-unproven", "node %s proposes to switch to %s, which is no master", n.id, s)
	}
}

// orderSent checks an order at the moment at which its bytes leave.
func (c *checker) orderSent(n *node, s *server, o *order) {
	w := c.w
	m, ok := n.doc().Master(o.fence.Master)
	if !ok {
		w.violated("past-claim", "node %s sends an order to %s for a group that it knows to be removed", n.id, s.name)
	}
	if age := w.now - o.group.record.confirmedAt; age > confirmFor {
		w.violated("unconfirmed-order", "node %s sends an order to %s on a view confirmed %s ago", n.id, s.name, age)
	}
	if o.fence.Repair != 0 {
		c.repairSent(n, s, m, o)
		return
	}
	claim := o.fence.Claim
	switch {
	case m.Failover == nil || m.Failover.Claim != claim || claim.Holder != n.id:
		w.violated("past-claim", "node %s sends an order to %s under claim %d of epoch %d, which it knows to be over", n.id, s.name, claim.Number, claim.Epoch)
	case c.claims[claim].life != n.life:
		w.violated("past-claim", "node %s sends an order to %s under a claim of its former process", n.id, s.name)
	}
	if !o.target.IsZero() {
		if m.Failover.Switched == 0 || o.target != m.Addr {
			w.violated("promotion-unproven", "node %s points %s at %s before that is the master", n.id, s.name, o.target)
		}
		return
	}
	if first, sent := c.promoted[claim.Epoch]; sent && first != s.addr {
		w.violated("one-promotion", "in epoch %d both %s and %s are ordered to be masters", claim.Epoch, first, s.addr)
	}
	if s.addr != m.Failover.Candidate {
		w.violated("one-promotion", "in epoch %d %s is ordered to be a master, the candidate is %s", claim.Epoch, s.addr, m.Failover.Candidate)
	}
	c.promoted[claim.Epoch] = s.addr
}

func (c *checker) repairSent(n *node, s *server, m *state.Master, o *order) {
	r, known := m.Replica(s.addr)
	switch {
	case m.Failover != nil:
		c.w.violated("repair-in-failover", "node %s repairs %s while it knows that a failover runs", n.id, s.name)
	case !known || r.Repair == nil || r.Repair.Number != o.fence.Repair || r.Repair.Member != n.id || o.target != m.Addr:
		c.w.violated("past-claim", "node %s repairs %s under grant %d, which it knows to be over", n.id, s.name, o.fence.Repair)
	}
}
