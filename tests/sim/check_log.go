package sim

import (
	"slices"
	"time"

	"redis-failover/cluster/state"
)

// This file checks the document: each entry of the log when it is ordered, and
// each node when it applies one.

// appended checks the newest entry.
func (c *checker) appended(index int) {
	e := c.w.log.entries[index]
	before := c.w.log.entries[index-1].state
	c.checkPosition(before, e)
	c.checkConfiguration(e)
	c.said(e)
	if e.outcome.Refused() {
		return
	}
	for _, name := range e.outcome.Masters {
		c.checkMaster(name, before, e)
	}
	switch op := e.mutation.Op.(type) {
	case state.OpMember:
		c.noteRevival(op.Member.ID, before, e)
	case state.OpAlive:
		c.noteRevival(op.Member, before, e)
		c.checkAlive(op, e)
	case state.OpVote:
		c.checkVotes(op, before, e)
	case state.OpBegin:
		c.checkBegin(op, before, e)
	case state.OpTakeOver:
		c.w.stats.TakeOvers++
		c.noteClaim(e.outcome.Claim, e)
	case state.OpRepair:
		c.w.stats.Repairs++
	case state.OpMonitor:
		c.noteOrigins()
	case state.OpPromoted:
		c.w.stats.Switched++
		c.noteOrigins()
	case state.OpAbort:
		c.w.stats.Aborted++
	case state.OpReset:
		for _, name := range op.Names {
			delete(c.latest, name) // a reset allows the next attempt at once
		}
	}
}

// checkPosition checks the numbers that only grow.
func (c *checker) checkPosition(before *state.State, e entry) {
	if e.state.Index != before.Index+1 || e.state.Epoch < before.Epoch {
		c.w.violated("document", "after position %d epoch %d comes position %d epoch %d", before.Index, before.Epoch, e.state.Index, e.state.Epoch)
	}
	next := before.EventSeq
	for _, event := range e.outcome.Events {
		next++
		if event.Seq != next {
			c.w.violated("event-number", "event %s has number %d, the next one is %d", event.Name, event.Seq, next)
		}
	}
	if e.state.EventSeq != next {
		c.w.violated("event-number", "the document counts %d events, there were %d", e.state.EventSeq, next)
	}
}

// checkMaster compares a master with what it was before the entry.
func (c *checker) checkMaster(name string, before *state.State, e entry) {
	old, existed := before.Master(name)
	m, exists := e.state.Master(name)
	if !existed || !exists {
		return
	}
	if m.ConfigEpoch < old.ConfigEpoch {
		c.w.violated("config-epoch", "%s went from epoch %d back to %d", name, old.ConfigEpoch, m.ConfigEpoch)
	}
	if m.Addr == old.Addr {
		return
	}
	op, isSwitch := e.mutation.Op.(state.OpPromoted)
	switch {
	case !isSwitch:
		c.w.violated("address-changed", "%s changed the address of %s", state.Kind(e.mutation.Op), name)
	case m.ConfigEpoch <= old.ConfigEpoch || m.ConfigEpoch != op.Claim.Epoch:
		c.w.violated("config-epoch", "%s was switched in epoch %d and has config epoch %d after %d", name, op.Claim.Epoch, m.ConfigEpoch, old.ConfigEpoch)
	}
}

// noteRevival keeps when a member began to count as alive, or another process of
// it did.
func (c *checker) noteRevival(id state.MemberID, before *state.State, e entry) {
	old, _ := before.Member(id)
	if m, ok := e.state.Member(id); ok && m.Alive && (!old.Alive || old.RunID != m.RunID) {
		c.revived[id] = e.state.Index
	}
}

// checkVotes: what a vote changes, it was cast for.
func (c *checker) checkVotes(op state.OpVote, before *state.State, e entry) {
	for _, b := range op.Votes {
		old, existed := before.Master(b.Name)
		m, exists := e.state.Master(b.Name)
		if existed && exists && old.VotedDown(op.Member) != m.VotedDown(op.Member) && b.Generation != m.Generation {
			c.w.violated("stale-vote", "node %s's vote on %s in generation %d counts in generation %d", op.Member, b.Name, b.Generation, m.Generation)
		}
		if exists && !old.VotedDown(op.Member) && m.VotedDown(op.Member) {
			if c.cast[b.Name] == nil {
				c.cast[b.Name] = map[state.MemberID]state.Index{}
			}
			c.cast[b.Name][op.Member] = e.state.Index
		}
	}
}

// checkBegin checks a new failover.
func (c *checker) checkBegin(op state.OpBegin, before *state.State, e entry) {
	w := c.w
	w.stats.Begun++
	c.noteClaim(e.outcome.Claim, e)
	m, _ := before.Master(op.Name)
	now := attempt{e.outcome.Claim.Epoch, w.now, m.FailoverTimeout}
	last, any := c.latest[op.Name]
	c.begun[now.epoch], c.latest[op.Name] = now, now
	if op.Kind != state.Auto {
		return
	}
	if m.Pause != nil {
		w.violated("begun-while-paused", "the failover of %s in epoch %d began by itself in a pause %s", op.Name, now.epoch, m.Pause)
	}
	votes := 0
	for _, v := range m.Votes {
		if member, ok := before.Member(v.Member); ok && member.Alive {
			votes++
			if cast, revived := c.cast[op.Name][v.Member], c.revived[v.Member]; cast < revived {
				w.violated("stale-vote", "the failover of %s in epoch %d began on a vote of node %s at %d, which has come to life at %d and not said so since",
					op.Name, now.epoch, v.Member, cast, revived)
			}
		}
	}
	if votes < m.Quorum {
		w.violated("begun-without-odown", "the failover of %s in epoch %d began with %d votes of living members, the quorum is %d", op.Name, now.epoch, votes, m.Quorum)
	}
	c.checkSpurious(op, m)
	if any {
		c.checkDistance(op, m, last, e)
	}
}

// checkSpurious: with nodes that could see the master all along, too few were
// left to make a quorum.
func (c *checker) checkSpurious(op state.OpBegin, m *state.Master) {
	w := c.w
	// A vote is withdrawn after the next probe and a commit, and the commit
	// may get lost and be tried again after its timeout.
	window := m.DownAfter + 4*time.Second
	if w.now < w.plan.warmUp+w.plan.chaos+2*proposeTimeout {
		window += proposeTimeout + 3*time.Second
	}
	well := 0
	for _, n := range w.nodes {
		if c.wellFor(n, w.byAddr[m.Addr]) > window {
			well++
		}
	}
	if len(w.nodes)-well < m.Quorum {
		w.violated("spurious-failover", "%s at %s fails over although %d of %d nodes could see a healthy master for %s; quorum %d",
			op.Name, m.Addr, well, len(w.nodes), window, m.Quorum)
	}
}

// checkDistance: twice the failover-timeout lies between attempts, unless what
// stopped the last one is gone; a second lies between them then. Only a switch
// lets the next one begin at any time: it is about another master. A process that began after the last attempt goes by the wall clock, which may
// have jumped.
func (c *checker) checkDistance(op state.OpBegin, m *state.Master, last attempt, e entry) {
	w := c.w
	if g := w.nodes[op.Member[0]-'a'].find(op.Name); g == nil || g.record.since > last.at {
		return
	}
	least := 2 * min(last.timeout, m.FailoverTimeout)
	switch {
	case m.RetryNow && !lastFailed(m):
		return
	case m.RetryNow || lackedReplica(m):
		least = min(least, time.Second)
	}
	if distance := w.now - last.at; distance < least {
		w.violated("begun-too-soon", "attempt %d on %s comes %s after attempt %d, not before %s", e.outcome.Claim.Epoch, op.Name, distance, last.epoch, least)
	}
}

func lastFailed(m *state.Master) bool {
	return len(m.History) > 0 && m.History[len(m.History)-1].Outcome == "aborted"
}

func lackedReplica(m *state.Master) bool {
	return lastFailed(m) && m.History[len(m.History)-1].Phase == state.PhaseSelect
}

// checkConfiguration keeps books of what people were told is set.
func (c *checker) checkConfiguration(e entry) {
	if !e.outcome.Refused() {
		c.book(e)
	}
	if e.state.Len() != len(c.config) {
		c.w.violated("configuration-lost", "%d masters are in the document, %d were configured", e.state.Len(), len(c.config))
	}
	for _, name := range e.outcome.Masters {
		want, ok := c.config[name]
		if !ok {
			continue
		}
		m, ok := e.state.Master(name)
		if !ok || m.Quorum != want.Quorum || m.DownAfter != want.DownAfter || m.FailoverTimeout != want.FailoverTimeout ||
			m.ParallelSyncs != want.ParallelSyncs || m.WitnessWait != want.WitnessWait || m.RebootDownAfter != want.RebootDownAfter {
			c.w.violated("configuration-lost", "%s of %s lost what was configured", state.Kind(e.mutation.Op), name)
		}
	}
}

func (c *checker) book(e entry) {
	switch op := e.mutation.Op.(type) {
	case state.OpMonitor:
		if !e.outcome.Unchanged {
			c.config[op.Name] = &state.Master{Name: op.Name, Quorum: op.Quorum, Settings: op.Settings}
			delete(c.latest, op.Name)
		}
	case state.OpRemove:
		delete(c.config, op.Name)
	case state.OpSet:
		for _, o := range op.Options {
			if err := c.config[op.Name].Set(o); err != nil {
				c.w.violated("configuration-lost", "an option was accepted that is refused: %s", err)
			}
		}
	}
}

// applied checks a node that has applied one more entry.
func (c *checker) applied(n *node, before *state.State, events []state.Event) {
	after := n.doc()
	next := before.EventSeq
	for _, event := range events {
		next++
		if event.Seq != next {
			c.w.violated("event-number", "node %s publishes event %d after event %d", n.id, event.Seq, next-1)
		}
	}
	if after.Index != before.Index+1 {
		c.w.violated("document", "node %s applies position %d after %d", n.id, after.Index, before.Index)
	}
	c.checkAnswers(n, before, after)
}

// skipped checks a node that has installed a snapshot: what it missed and is
// still in the journals must lead on from what it has published.
func (c *checker) skipped(n *node, before *state.State) {
	after := n.doc()
	last := before.EventSeq
	told := map[uint64]bool{}
	for _, event := range after.EventsAfter(before.EventSeq) {
		if event.Seq <= last || event.Seq > after.EventSeq {
			c.w.violated("event-number", "the journals give node %s event %d after event %d", n.id, event.Seq, last)
		}
		last = event.Seq
		told[last] = true
	}
	for i := before.Index + 1; i <= after.Index; i++ {
		for _, event := range c.w.log.entries[i].outcome.Events {
			if !told[event.Seq] && !forgotten(after, event) {
				c.w.violated("event-lost", "node %s, away from event %d on, is not told of event %d, %s", n.id, before.EventSeq, event.Seq, event.Name)
			}
		}
	}
	c.checkAnswers(n, before, after)
}

// journalLength is how many events of one master are kept.
const journalLength = 128

// forgotten reports whether an event may be missing from the journals: they are
// bounded, and that of a master goes with it.
func forgotten(doc *state.State, e state.Event) bool {
	m, exists := doc.Master(e.Master)
	if !exists {
		return e.Name != state.EventUnmonitor
	}
	if len(m.Journal) >= journalLength && m.Journal[0].Seq > e.Seq {
		return true
	}
	return e.Name != state.EventUnmonitor && slices.ContainsFunc(m.Journal, func(later state.Event) bool {
		return later.Name == state.EventMonitor && later.Seq > e.Seq
	})
}

// checkAnswers compares what a node says now with what it said a moment ago.
func (c *checker) checkAnswers(n *node, before, after *state.State) {
	if after.Index < before.Index || after.Epoch < before.Epoch || after.EventSeq < before.EventSeq {
		c.w.violated("document", "node %s went back from position %d to %d", n.id, before.Index, after.Index)
	}
	for old := range before.Masters() {
		m, ok := after.Master(old.Name)
		if !ok || m == old {
			continue
		}
		// A group that was removed and monitored anew begins anew.
		if m.ConfigEpoch < old.ConfigEpoch && m.Generation == old.Generation ||
			m.Addr != old.Addr && m.ConfigEpoch <= old.ConfigEpoch && m.ConfigEpoch != 0 {
			c.w.violated("older-address", "node %s answers %s for %s (epoch %d) after %s (epoch %d)",
				n.id, m.Addr, m.Name, m.ConfigEpoch, old.Addr, old.ConfigEpoch)
		}
	}
}
