package state

import (
	"fmt"
	"slices"
)

// This file holds the life of a failover in the document. Each step names the
// claim it was taken under; Apply takes it only if that is still the claim and
// the phase is the one the step leads out of. Whoever was superseded gets a
// refusal and learns by it.
//
// What may never happen here: two promotions in one epoch, a config epoch that
// goes back, a change of the master's address other than by OpPromoted.

func (d *draft) begin(op OpBegin) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	switch {
	case op.Kind != Auto && op.Kind != Manual:
		d.refuse(RefusedInvalid, "a failover is %q or %q, not %q", Auto, Manual, op.Kind)
	case m.Failover != nil:
		d.refuse(RefusedInProgress, "failover of epoch %d runs since its claim by %s", m.Failover.Epoch, m.Failover.Holder)
	case m.Generation != op.Generation:
		d.refuse(RefusedStale, "proposed for generation %d, now %d", op.Generation, m.Generation)
	case m.LastAttempt != op.After:
		d.refuse(RefusedStale, "proposed after the attempt of epoch %d, the last one is %d", op.After, m.LastAttempt)
	case op.Kind == Auto && m.Pause != nil:
		d.refuse(RefusedPaused, "master %q is paused %s", op.Name, m.Pause)
	case op.Kind == Auto && !m.ODown:
		d.refuse(RefusedNotDown, "master %q is not objectively down", op.Name)
	case !d.isAlive(op.Member):
		d.refuse(RefusedStale, "member %s does not count as alive", op.Member)
	default:
		d.grant(m, op)
	}
}

func (d *draft) grant(m *Master, op OpBegin) {
	d.Epoch++
	claim := Claim{Epoch: d.Epoch, Number: 1, Holder: op.Member}
	m.Failover = &Failover{
		Claim: claim, Kind: op.Kind, Reason: op.Reason, From: m.Addr, Evidence: m.Votes,
		Started: d.at,
	}
	d.enter(m, PhaseSelect)
	m.LastAttempt, m.LastAttemptAt, m.RetryNow = d.Epoch, d.at, false
	// A repair that was granted before must not be sent from now on.
	m.dropRepairs()
	d.out.Claim = claim
	d.emit(Warning, EventNewEpoch, m.Name, fmt.Sprint(d.Epoch))
	d.emitMaster(Warning, EventTryFailover, m)
	d.emit(Warning, EventVote, m.Name, fmt.Sprintf("%s %d", op.Member, d.Epoch))
	d.emitMaster(Warning, EventElected, m)
	d.emitMaster(Warning, EventSelect, m)
}

func (m *Master) dropRepairs() {
	m.Replicas = slices.Clone(m.Replicas)
	for i := range m.Replicas {
		m.Replicas[i].Repair = nil
	}
}

func (d *draft) takeOver(op OpTakeOver) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	if m.Failover == nil || m.Failover.Claim != op.From {
		d.refuse(RefusedStale, "claim %d of epoch %d is not in force", op.From.Number, op.From.Epoch)
		return
	}
	if !d.isAlive(op.Member) {
		d.refuse(RefusedStale, "member %s does not count as alive", op.Member)
		return
	}
	m.Failover.Claim = Claim{Epoch: op.From.Epoch, Number: op.From.Number + 1, Holder: op.Member}
	d.out.Claim = m.Failover.Claim
	d.emit(Note, NoteTakeOver, m.Name, fmt.Sprintf("%s epoch %d phase %s by %s: %s",
		d.details(m), op.From.Epoch, m.Failover.Phase, op.Member, op.Reason))
}

// step returns the draft's master if the claim is in force and the failover is
// in one of the phases; otherwise it refuses and returns nil.
func (d *draft) step(name string, c Claim, phases ...Phase) *Master {
	m := d.edit(name)
	if m == nil {
		return nil
	}
	if m.Failover == nil || m.Failover.Claim != c {
		d.refuse(RefusedStale, "claim %d of epoch %d is not in force", c.Number, c.Epoch)
		return nil
	}
	if !slices.Contains(phases, m.Failover.Phase) {
		d.refuse(RefusedStale, "the failover of epoch %d is in phase %s", c.Epoch, m.Failover.Phase)
		return nil
	}
	return m
}

func (d *draft) enter(m *Master, p Phase) {
	f := m.Failover
	f.Phase, f.PhaseSince = p, d.at
	if d.Schema >= 2 {
		f.Phases = append(slices.Clone(f.Phases), PhaseTime{p, d.at})
	}
}

func (d *draft) selectCandidate(op OpSelect) {
	m := d.step(op.Name, op.Claim, PhaseSelect)
	if m == nil {
		return
	}
	if _, ok := m.Replica(op.Candidate); !ok {
		d.refuse(RefusedInvalid, "%s is no replica of %q", op.Candidate, op.Name)
		return
	}
	m.Failover.Candidate, m.Failover.Verdicts = op.Candidate, op.Verdicts
	d.enter(m, PhaseOrder)
	d.emitReplica(Warning, EventSelected, m, op.Candidate)
	d.emitReplica(Notice, EventOrder, m, op.Candidate)
}

func (d *draft) wait(op OpWait) {
	if m := d.step(op.Name, op.Claim, PhaseOrder); m != nil {
		d.enter(m, PhaseWait)
		d.emitReplica(Notice, EventWait, m, m.Failover.Candidate)
	}
}

// promoted is the switch: from here on clients are told the new address. It
// comes as soon as the promotion is confirmed, not, as in Sentinel, after the
// other replicas have moved; the events keep their relative order otherwise.
func (d *draft) promoted(op OpPromoted) {
	m := d.step(op.Name, op.Claim, PhaseOrder, PhaseWait)
	if m == nil {
		return
	}
	f := m.Failover
	if f.Phase == PhaseOrder {
		d.emitReplica(Notice, EventWait, m, f.Candidate)
	}
	d.emitReplica(Warning, EventPromoted, m, f.Candidate)
	d.emitMaster(Warning, EventReconf, m)
	d.tellSource(m)
	old := m.Addr
	d.switchTo(m, f.Candidate, op)
	f.Switched = d.at
	d.enter(m, PhaseReconf)
	from, to := d.Shown(m, old), d.Shown(m, m.Addr)
	d.emit(Warning, EventSwitch, m.Name, fmt.Sprintf("%s %s %d %s %d", m.Name, from.Host, from.Port, to.Host, to.Port))
	for _, r := range m.Replicas {
		if r.Addr != old {
			d.emitReplica(Notice, EventSlave, m, r.Addr)
		}
	}
	d.emitReplica(Notice, EventSlave, m, old)
}

func (d *draft) switchTo(m *Master, to Addr, op OpPromoted) {
	old := Replica{Addr: m.Addr, RunID: m.RunID, FirstSeen: d.at}
	m.Addr, m.RunID = to, op.RunID
	m.setReplID(op.ReplID)
	m.ConfigEpoch = op.Claim.Epoch
	m.Generation = uint64(d.Index)
	m.Votes, m.ODown = nil, false
	m.RetryNow = true // as in Sentinel: a switch allows the next attempt at once
	m.Replicas = slices.DeleteFunc(slices.Clone(m.Replicas), func(r Replica) bool { return r.Addr == to || r.Addr == old.Addr })
	m.Replicas = append(m.Replicas, old)
	slices.SortFunc(m.Replicas, func(a, b Replica) int { return a.Addr.Compare(b.Addr) })
}

var reconfEvents = map[ReconfStatus]string{
	ReconfSent: EventReconfSent, ReconfInProg: EventReconfInProg, ReconfDone: EventReconfDone,
}

func (d *draft) progress(op OpProgress) {
	m := d.step(op.Name, op.Claim, PhaseReconf)
	if m == nil {
		return
	}
	f := m.Failover
	f.Reconf = slices.Clone(f.Reconf)
	for _, r := range op.Reconf {
		if _, known := m.Replica(r.Addr); !known || reconfEvents[r.Status] == "" {
			d.refuse(RefusedInvalid, "%s with status %q is no progress of %q", r.Addr, r.Status, op.Name)
			return
		}
		i, found := slices.BinarySearchFunc(f.Reconf, r.Addr, func(k Reconf, a Addr) int { return k.Addr.Compare(a) })
		if found {
			f.Reconf[i] = r
		} else {
			f.Reconf = slices.Insert(f.Reconf, i, r)
		}
		name := reconfEvents[r.Status]
		if r.TimedOut {
			name = EventReconfTimeout
		}
		d.emitReplica(Notice, name, m, r.Addr)
	}
}

func (d *draft) end(op OpEnd) {
	m := d.step(op.Name, op.Claim, PhaseReconf)
	if m == nil {
		return
	}
	outcome, reason := "done", "every reachable replica follows the new master"
	if op.Timeout {
		outcome, reason = "done-timeout", "some replicas were not seen to follow in time"
		d.emitMaster(Warning, EventEndTimeout, m)
	}
	d.emitMaster(Warning, EventEnd, m)
	for _, a := range op.BestEffort {
		d.emitReplica(Notice, EventReconfBestEff, m, a)
	}
	d.finish(m, outcome, reason)
}

// abortEvents are the events that a failover may be given up with.
var abortEvents = []string{EventAbortNoReplica, EventAbortTimeout, NoteAborted}

func (d *draft) abort(op OpAbort) {
	m := d.step(op.Name, op.Claim, PhaseSelect, PhaseOrder, PhaseWait)
	if m == nil {
		return
	}
	if !slices.Contains(abortEvents, op.Event) {
		d.refuse(RefusedInvalid, "a failover is given up with one of %v, not with %q", abortEvents, op.Event)
		return
	}
	if len(op.Verdicts) > 0 {
		m.Failover.Verdicts = op.Verdicts
	}
	m.RetryNow = op.RetryNow
	failed := m.Failover
	switch {
	case op.Event != NoteAborted:
		d.emitMaster(Warning, op.Event, m)
	case d.Schema >= 2: // what was begun in public ends in public
		d.emit(Warning, EventAbortOther, m.Name, d.details(m)+" "+op.Reason)
	default:
		d.emit(Note, NoteAborted, m.Name, d.details(m)+": "+op.Reason)
	}
	d.finish(m, "aborted", op.Reason)
	if !op.RetryNow {
		d.stop(m, failed, op.Reason)
	}
}

// finish moves the running failover, if any, into the history.
func (d *draft) finish(m *Master, outcome, reason string) {
	if m.Failover == nil {
		return
	}
	f := *m.Failover
	f.Ended, f.Outcome, f.EndReason = d.at, outcome, reason
	m.History = appendBounded(m.History, []Failover{f}, historyLength)
	m.Failover = nil
}

func (d *draft) repair(op OpRepair) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	i := slices.IndexFunc(m.Replicas, func(r Replica) bool { return r.Addr == op.Addr })
	switch {
	case op.Kind != RepairConvert && op.Kind != RepairFix:
		d.refuse(RefusedInvalid, "a repair is %q or %q, not %q", RepairConvert, RepairFix, op.Kind)
	case m.Failover != nil:
		d.refuse(RefusedInProgress, "failover of epoch %d runs", m.Failover.Epoch)
	case m.Pause != nil:
		d.refuse(RefusedPaused, "master %q is paused %s", op.Name, m.Pause)
	case m.Generation != op.Generation:
		d.refuse(RefusedStale, "proposed for generation %d, now %d", op.Generation, m.Generation)
	case i < 0:
		d.refuse(RefusedInvalid, "%s is no replica of %q", op.Addr, op.Name)
	case d.repairedByOther(m.Replicas[i].Repair, op.Member):
		d.refuse(RefusedInProgress, "member %s repairs %s", m.Replicas[i].Repair.Member, op.Addr)
	default:
		m.Replicas = slices.Clone(m.Replicas)
		m.Replicas[i].Repair = &Repair{Kind: op.Kind, Member: op.Member, Number: uint64(d.Index)}
		d.out.Number = uint64(d.Index)
		event := EventConvert
		if op.Kind == RepairFix {
			event = EventFix
		}
		d.emitReplica(Notice, event, m, op.Addr)
	}
}

func (d *draft) repairedByOther(r *Repair, self MemberID) bool {
	return r != nil && r.Member != self && d.isAlive(r.Member)
}

func (d *draft) repaired(op OpRepaired) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	i := slices.IndexFunc(m.Replicas, func(r Replica) bool { return r.Addr == op.Addr })
	if i < 0 || m.Replicas[i].Repair == nil || m.Replicas[i].Repair.Number != op.Number {
		d.refuse(RefusedStale, "repair %d of %s is not in force", op.Number, op.Addr)
		return
	}
	m.Replicas = slices.Clone(m.Replicas)
	m.Replicas[i].Repair = nil
	verdict := "follows"
	if !op.OK {
		verdict = "given up"
	}
	d.emit(Note, NoteRepairEnd, m.Name, fmt.Sprintf("%s %s: %s", d.replicaDetails(m, op.Addr), verdict, op.Reason))
}
