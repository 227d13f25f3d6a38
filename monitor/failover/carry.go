package failover

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"redis-failover/cluster/state"
)

// This file carries a claimed failover through its phases. Each phase is one
// function that looks at what is recorded and what is observed and does the
// one thing that is next; called again, it does nothing twice. So a node that
// takes over in any phase just goes on.

const keyStep = "step"

const (
	// surveyLimit is how long PhaseSelect waits for replicas that may still
	// answer. Replicas that are known to be silent are not waited for.
	surveyLimit = time.Second
	// surveyStale is when answers are too old to choose by: the choice could not
	// be committed meanwhile, and all is asked anew.
	surveyStale = 2 * surveyLimit
	// A candidate that has been silent for down-after, but at least and at most
	// this long, is lost and another one is tried, in a new epoch. (CONFIG
	// REWRITE waits for the candidate's disk: a second is not much.) One whose
	// host refuses connections is lost after refusedLimit.
	candidateLeast = time.Second
	candidateMost  = 2 * time.Second
	refusedLimit   = 100 * time.Millisecond
	// unwillingLimit is how long a candidate that answers may go on being a
	// replica after it was ordered not to be, if there is another one. It may
	// have reasons that pass (a script that runs, data to load), so it gets a
	// little more than one that is silent.
	unwillingLimit = 3 * time.Second
)

func (s *step) carry(f *state.Failover) {
	s.busyAgain()
	switch f.Phase {
	case state.PhaseSelect:
		s.selectCandidate(f)
	case state.PhaseOrder, state.PhaseWait:
		s.promote(f)
	case state.PhaseReconf:
		s.reconfigure(f)
	}
}

// inPhase is how long this node has seen the present phase.
func (s *step) inPhase() time.Duration { return s.env.Now.Sub(s.w.phaseSince) }

// selectCandidate asks all replicas at once and chooses when all that can
// answer have.
func (s *step) selectCandidate(f *state.Failover) {
	if f.Kind == state.Auto && !s.m.ODown && s.masterAnswers() {
		s.abort(f, state.NoteAborted, "the master answers again", nil, true)
		return
	}
	if s.w.surveyed == 0 || s.sinceSurvey() >= surveyStale {
		s.w.surveyed = s.env.Now
		s.survey = true
	}
	if s.sinceSurvey() < surveyLimit && s.awaitsAnswers() {
		s.wake(s.w.surveyed.Add(surveyLimit))
		return
	}
	verdicts, good := Choose(s.candidates(s.w.surveyed))
	if !good {
		s.abort(f, state.EventAbortNoReplica, "no replica can be promoted: "+words(verdicts), verdicts, false)
		return
	}
	op := state.OpSelect{Name: s.m.Name, Claim: f.Claim, Candidate: verdicts[0].Addr, Verdicts: verdicts}
	if s.propose(keyStep, op) {
		s.log(slog.LevelInfo, "chose the replica to promote", slog.String("replica", verdicts[0].Addr.String()),
			slog.String("reason", verdicts[0].Reason), slog.String("verdicts", words(verdicts)))
	}
}

// masterAnswers reports whether the master that was down is seen to be well.
func (s *step) masterAnswers() bool {
	v := s.w.server(s.m.Addr)
	return v.linked && !v.sdown && !v.doubt && v.told && v.facts.Role == RoleMaster
}

func (s *step) sinceSurvey() time.Duration { return s.env.Now.Sub(s.w.surveyed) }

// awaitsAnswers reports whether a replica that is likely to answer has not.
func (s *step) awaitsAnswers() bool {
	return slices.ContainsFunc(s.m.Replicas, func(r state.Replica) bool {
		v := s.w.server(r.Addr)
		silent := v.sdown || (!v.linked && (v.refused || s.sinceSurvey() >= surveyLimit/2)) ||
			(v.doubt && v.doubtSince < s.w.surveyed && s.env.Now.Sub(v.doubtSince) >= surveyLimit/2)
		return !silent && v.factsAt < s.w.surveyed
	})
}

// abort gives the failover up before a promotion was confirmed.
func (s *step) abort(f *state.Failover, event, reason string, verdicts []state.Verdict, retryNow bool) {
	op := state.OpAbort{Name: s.m.Name, Claim: f.Claim, Event: event, Reason: reason, Verdicts: verdicts, RetryNow: retryNow}
	if s.propose(keyStep, op) {
		s.log(slog.LevelWarn, "giving the failover up", slog.Uint64("epoch", uint64(f.Epoch)), slog.String("reason", reason))
	}
}

// promote orders the candidate to be a master and waits until it says that it
// is one.
func (s *step) promote(f *state.Failover) {
	v := s.w.server(f.Candidate)
	if v == nil { // SENTINEL RESET ends failovers, so this is a damaged record
		s.abort(f, state.NoteAborted, "the candidate is no replica of this group", nil, true)
		return
	}
	// It may have restarted since it was chosen, without its data. So over a new
	// connection it is asked before it is ordered.
	told := v.linked && v.told
	if told && s.group().history(v.facts) < 0 {
		s.abort(f, state.EventAbortTimeout, fmt.Sprintf("candidate %s has come back with other data", v.addr), nil, true)
		return
	}
	// After a take-over somebody else may have sent the order: what counts is
	// what the candidate says, read since this node has known the phase.
	if s.isMasterNow(v) {
		s.switchOver(f, v)
		return
	}
	if s.givesUp(f, v) {
		return
	}
	sent, ordered := s.w.orders[v.addr]
	switch {
	case !told:
	case f.Number == 1 || v.factsAt >= s.w.phaseSince:
		s.order(v, state.Addr{})
	case v.lastProbe < s.w.phaseSince:
		// Whoever held the claim before may have sent the order, and a second
		// one would drop the clients that the new master has by now: ask first.
		v.nextProbe = s.env.Now
	}
	if f.Phase == state.PhaseOrder && ordered && s.env.Now.Sub(sent.first) >= 2*fastProbe {
		s.propose(keyStep, state.OpWait{Name: s.m.Name, Claim: f.Claim})
	}
}

// givesUp ends the attempt if the candidate is not to be waited for any longer.
func (s *step) givesUp(f *state.Failover, v *server) bool {
	if s.inPhase() >= s.m.FailoverTimeout {
		reason := "the candidate did not become a master within failover-timeout"
		s.abort(f, state.EventAbortTimeout, reason, s.withdraw(f, v, reason), false)
		return true
	}
	s.wake(s.w.phaseSince.Add(s.m.FailoverTimeout))
	if reason := s.lost(v); reason != "" {
		s.abort(f, state.EventAbortTimeout, fmt.Sprintf("candidate %s is lost: %s", v.addr, reason), nil, true)
		return true
	}
	reason := s.unwilling(v)
	if reason != "" {
		s.abort(f, state.EventAbortTimeout, fmt.Sprintf("candidate %s is lost: %s", v.addr, reason), s.withdraw(f, v, reason), true)
	}
	return reason != ""
}

// isMasterNow reports whether the candidate says that it is a master, in answer
// to a question of this phase. The answer must also be young: one that lay in a
// buffer while this process was frozen proves nothing, for another node may have
// sent the candidate back meanwhile. It is asked again then.
func (s *step) isMasterNow(v *server) bool {
	return v.linked && v.told && v.facts.Role == RoleMaster &&
		v.factsAt >= s.w.phaseSince && s.env.Now.Sub(v.factsAt) < s.candidateLimit()
}

// candidateLimit is how long a candidate is waited for.
func (s *step) candidateLimit() time.Duration {
	return clamp(s.m.DownAfter, candidateLeast, candidateMost)
}

// lost says why a candidate is not worth waiting for, "" if it is. The wait is
// short: the master is down and every second counts. If the order took effect
// nevertheless, the candidate is sent back later, because the document does not
// know it as a master.
func (s *step) lost(v *server) string {
	if !v.doubt {
		return ""
	}
	limit := s.candidateLimit()
	if !v.linked && v.refused {
		limit = refusedLimit
	}
	since := max(v.doubtSince, s.w.phaseSince)
	if silent := s.env.Now.Sub(since); silent >= limit {
		return fmt.Sprintf("it has not answered for %s", silent.Round(time.Millisecond))
	}
	s.wake(since.Add(limit))
	return ""
}

// obeysNot reports whether the candidate has answered the order and says since
// that it is still a replica. Of one that is silent, or that the order may not
// have reached, it is not known.
func (s *step) obeysNot(v *server) bool {
	sent := s.w.orders[v.addr]
	return sent.answered != 0 && v.linked && v.told && v.factsAt > sent.answered && v.facts.Role == RoleReplica
}

// unwilling says why a candidate that answers will not become a master, "" if it
// may, or if there is no other that has not refused more often: the last one in
// the row gets failover-timeout, and the next row comes after the usual wait. A
// server that lacks a permission or a command refuses for ever, and one that says
// +OK and does nothing is no better; without this rule it would be chosen again and
// again.
func (s *step) unwilling(v *server) string {
	if !s.obeysNot(v) {
		return ""
	}
	sent := s.w.orders[v.addr]
	since := s.env.Now.Sub(sent.answered)
	if since < unwillingLimit {
		s.wake(sent.answered.Add(unwillingLimit))
		return ""
	}
	if !s.hasRival(v.addr) {
		return ""
	}
	reason := fmt.Sprintf("it has answered the order for %s and is still a replica", since.Round(time.Millisecond))
	if sent.refusal != "" {
		reason += fmt.Sprintf(" (%s)", sent.refusal)
	}
	return reason
}

// withdraw takes the verdict on a candidate back that does not obey: the record
// then has a candidate that was not chosen, and the next attempts, of whichever
// node, prefer the others (see refusals). One that was lost keeps its place.
func (s *step) withdraw(f *state.Failover, v *server, reason string) []state.Verdict {
	if !s.obeysNot(v) {
		return nil
	}
	verdicts := slices.Clone(f.Verdicts)
	for i := range verdicts {
		if verdicts[i].Addr == v.addr {
			verdicts[i] = state.Verdict{Addr: v.addr, Reason: reason}
		}
	}
	return verdicts
}

func (s *step) switchOver(f *state.Failover, v *server) {
	op := state.OpPromoted{Name: s.m.Name, Claim: f.Claim, RunID: v.runID, ReplID: v.facts.ReplID}
	if s.propose(keyStep, op) {
		s.log(slog.LevelInfo, "promotion confirmed, switching", slog.String("from", s.m.Addr.String()),
			slog.String("to", v.addr.String()), slog.Int64("offset", v.facts.Offset))
	}
}

// reconfigure re-points the replicas, parallel-syncs at a time, and the old
// master as soon as it can be reached.
func (s *step) reconfigure(f *state.Failover) {
	if s.m.ODown {
		if s.propose(keyStep, state.OpEnd{Name: s.m.Name, Claim: f.Claim, Timeout: true}) {
			s.log(slog.LevelWarn, "the new master is down, ending this failover", slog.Uint64("epoch", uint64(f.Epoch)))
		}
		return
	}
	if s.inPhase() >= s.m.FailoverTimeout {
		s.endLate(f)
		return
	}
	s.wake(s.w.phaseSince.Add(s.m.FailoverTimeout))
	s.survey = s.env.Now == s.w.phaseSince // all are asked at once
	progress := s.progress(f)
	if len(progress) > 0 {
		s.propose(keyStep, state.OpProgress{Name: s.m.Name, Claim: f.Claim, Reconf: progress})
	}
	for _, r := range f.Reconf {
		if v := s.w.server(r.Addr); r.Status == state.ReconfSent && v != nil && v.linked && !s.seenFollowing(v) && !s.isMaster(v) {
			s.order(v, s.m.Addr)
		}
	}
	if len(progress) == 0 && s.allDone(f) {
		s.propose(keyStep, state.OpEnd{Name: s.m.Name, Claim: f.Claim})
	}
}

// progress compares the record with what is observed.
func (s *step) progress(f *state.Failover) []state.Reconf {
	var news []state.Reconf
	busy := 0
	for _, r := range f.Reconf {
		v := s.w.server(r.Addr)
		if r.Status != state.ReconfDone && r.Addr != f.From && v != nil && !s.absent(f, v) {
			busy++
		}
	}
	for _, r := range s.m.Replicas {
		v := s.w.server(r.Addr)
		if s.isMaster(v) {
			continue
		}
		status := f.ReconfOf(r.Addr)
		next, timedOut := s.advance(v, status)
		if status == "" {
			// The old master goes first and takes nobody's turn: until it is
			// a replica it accepts writes that will be lost.
			free := r.Addr == f.From || busy < s.m.ParallelSyncs
			if next == "" && v.linked && v.factsAt >= s.w.phaseSince && free {
				next = state.ReconfSent
			}
			if next == state.ReconfSent && r.Addr != f.From {
				busy++
			}
		}
		if next == state.ReconfDone && status == state.ReconfSent && !timedOut {
			// Both were seen in one look; clients are told of each step.
			news = append(news, state.Reconf{Addr: r.Addr, Status: state.ReconfInProg})
		}
		if next != "" {
			news = append(news, state.Reconf{Addr: r.Addr, Status: next, TimedOut: timedOut})
		}
	}
	return news
}

// advance returns the next status that the observations of a replica allow, ""
// for none.
func (s *step) advance(v *server, status state.ReconfStatus) (next state.ReconfStatus, timedOut bool) {
	follows := s.seenFollowing(v)
	switch {
	case status == state.ReconfDone:
		return "", false
	case follows && v.facts.LinkUp:
		return state.ReconfDone, false
	case status == state.ReconfSent && follows:
		return state.ReconfInProg, false
	case status == state.ReconfSent:
		if order, ok := s.w.orders[v.addr]; ok && s.env.Now.Sub(order.first) >= s.env.Timing.WithDefaults().ReconfLimit {
			return state.ReconfDone, true
		}
	}
	return "", false
}

// seenFollowing reports whether a replica was seen to follow the present master
// since this node has known this phase.
func (s *step) seenFollowing(v *server) bool {
	return v.linked && v.factsAt >= s.w.phaseSince && s.followsMaster(v.facts)
}

// allDone reports whether every replica that can be reached follows.
func (s *step) allDone(f *state.Failover) bool {
	return !slices.ContainsFunc(s.m.Replicas, func(r state.Replica) bool {
		return f.ReconfOf(r.Addr) != state.ReconfDone && !s.absent(f, s.w.server(r.Addr))
	})
}

// absent reports whether a replica need not be waited for. The old master, which
// is usually dead, is waited for only if it answers soon; when it comes back
// later it is repaired.
func (s *step) absent(f *state.Failover, v *server) bool {
	if v.sdown || (!v.linked && v.refused) || s.isMaster(v) {
		return true
	}
	switch {
	case v.addr != f.From || v.factsAt >= s.w.phaseSince:
		return false
	case s.inPhase() >= surveyLimit/2:
		return true
	}
	s.wake(s.w.phaseSince.Add(surveyLimit / 2))
	return false
}

// endLate ends a failover whose replicas were not seen to follow within
// failover-timeout, and orders them once more without waiting, as Sentinel does.
// Whoever that order does not reach is repaired afterwards.
func (s *step) endLate(f *state.Failover) {
	if _, ready := s.fence(s.m.Addr); !ready && s.inPhase() < s.m.FailoverTimeout+confirmFor {
		return // a barrier is asked for; without its answer it ends all the same
	}
	var late []state.Addr
	for _, r := range s.m.Replicas {
		if v := s.w.server(r.Addr); v.linked && f.ReconfOf(r.Addr) == "" && !s.followsMaster(v.facts) && !s.isMaster(v) {
			if s.order(v, s.m.Addr) {
				late = append(late, r.Addr)
			}
		}
	}
	s.propose(keyStep, state.OpEnd{Name: s.m.Name, Claim: f.Claim, Timeout: true, BestEffort: late})
}
