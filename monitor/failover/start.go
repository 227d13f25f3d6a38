package failover

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"redis-failover/cluster/state"
)

const (
	keyBegin    = "begin"
	keyManual   = "manual"
	keyTakeOver = "take-over"
)

const (
	// minSpacing lies between two attempts in any case, so that attempts which
	// fail at once do not follow each other in a loop.
	minSpacing = time.Second
	// poorView is how long a node that sees no good replica leaves the claim
	// to nodes that may see one.
	poorView = 500 * time.Millisecond
	// overdue is when a living holder that does not get on may be replaced;
	// the phases that wait for Redis get failover-timeout on top.
	overdue = 5 * time.Second
	// A node whose log was suspended looks at a master anew before it says that
	// it is down: what kept the node from the other members may have kept it from
	// the servers, and the way to the members is often back first. It takes a
	// share of the time for which it was suspended, at most freshLook, so the loss
	// of the engine's leader costs next to nothing.
	freshLook      = time.Second
	freshLookShare = 8
)

// consider decides whether this node asks for the claim on an automatic
// failover. When it does not, the reason is kept in words.
func (s *step) consider() {
	if !s.m.ODown {
		s.because(slog.LevelWarn, s.votesMissing())
		return
	}
	if _, under := s.w.pending[keyManual]; under {
		return
	}
	if reason := s.pausedReason(); reason != "" {
		s.because(slog.LevelWarn, reason)
		return
	}
	if reason := s.mayNotClaim(); reason != "" {
		s.because(slog.LevelInfo, reason)
		return
	}
	_, good := s.look()
	for _, wait := range []func(good bool) string{s.backFirst, s.coolingDown, s.poorlyPlaced, s.witnessed} {
		if reason := wait(good); reason != "" {
			s.because(slog.LevelWarn, reason)
			return
		}
	}
	master := s.w.server(s.m.Addr)
	reason := fmt.Sprintf("objectively down, %d of %d votes", s.standing(), s.m.Quorum)
	if master.sdown {
		reason += fmt.Sprintf("; silent here for %s", s.env.Now.Sub(master.doubtSince).Round(time.Millisecond))
	}
	if s.propose(keyBegin, s.opBegin(state.Auto, reason)) {
		s.busyAgain()
		s.log(slog.LevelInfo, "asking for the claim on a failover", slog.String("reason", reason))
	}
}

// mayNotClaim says why the claim is none of this node's business, "" if it may
// be. A node that gets answers from the master leaves it alone, whatever the
// others say: for them it is down, and they can see whether anything better is
// in their reach.
func (s *step) mayNotClaim() string {
	switch master := s.w.server(s.m.Addr); {
	case !s.counts():
		return "this node does not count as alive and says so first"
	case !master.sdown && s.m.VotedDown(s.env.Self):
		// The vote was committed after the master had answered again.
		return "the master answers again; this node's vote is being withdrawn"
	case !master.sdown:
		return "the master is not down for this node; the claim is left to those for whom it is"
	case s.looksAnew(master):
		return "the log was suspended; looking at the master anew"
	}
	return ""
}

// counts reports whether this member counts as alive: the document refuses its
// claims otherwise.
func (s *step) counts() bool {
	member, ok := s.env.Doc.Member(s.env.Self)
	return ok && member.Alive
}

// looksAnew reports whether a server is still to be looked at since the log has
// been ready: no attempt to reach it has failed and it has not had its time.
func (s *step) looksAnew(v *server) bool {
	if s.env.Now >= s.w.lookUntil || v.failedAt >= s.w.readyAt {
		return false
	}
	s.wake(s.w.lookUntil)
	return true
}

// votesMissing says why a master that is down for this node is not objectively
// down.
func (s *step) votesMissing() string {
	if !s.m.VotedDown(s.env.Self) {
		return ""
	}
	text := fmt.Sprintf("the master is down for this node, but only %d of the %d votes of the quorum stand", s.standing(), s.m.Quorum)
	if s.w.hopeless != 0 {
		text += "; " + s.tooFew()
	}
	return text
}

// standing is how many votes count: those of living members.
func (s *step) standing() int {
	votes := 0
	for _, v := range s.m.Votes {
		if member, ok := s.env.Doc.Member(v.Member); ok && member.Alive {
			votes++
		}
	}
	return votes
}

// checkQuorum complains, once, of a quorum that cannot be reached: better on the
// day it is set than in the night it is needed.
func (s *step) checkQuorum() {
	if members := s.env.Doc.MemberCount(); members == 0 || s.m.Quorum <= members {
		s.w.hopeless = 0
		return
	}
	if s.w.hopeless == s.m.Quorum {
		return
	}
	s.w.hopeless = s.m.Quorum
	s.log(slog.LevelWarn, "no failover will begin by itself: "+s.tooFew())
}

func (s *step) tooFew() string {
	members := s.env.Doc.MemberCount()
	return fmt.Sprintf("a quorum of %d cannot be reached by %d member(s); see SENTINEL SET %s quorum %d", s.m.Quorum, members, s.m.Name, members/2+1)
}

func (s *step) opBegin(kind state.FailoverKind, reason string) state.OpBegin {
	return state.OpBegin{
		Name: s.m.Name, Generation: s.m.Generation, Kind: kind, Member: s.env.Self,
		After: s.m.LastAttempt, Reason: reason,
	}
}

// coolingDown: 2 x failover-timeout lies between attempts, as in Sentinel; but
// not when what stopped the last attempt is gone.
func (s *step) coolingDown(good bool) string {
	if s.m.RetryNow && !s.lastFailed() {
		return "" // a switch: the new master has its own clock
	}
	since := s.env.Now.Sub(s.w.attemptAt)
	wait := 2 * s.m.FailoverTimeout
	if s.m.RetryNow || (good && s.lackedReplica()) {
		wait = min(wait, minSpacing)
	}
	if s.m.LastAttempt == 0 || since >= wait {
		return ""
	}
	s.wake(s.w.attemptAt.Add(wait))
	if wait <= minSpacing {
		return fmt.Sprintf("%s; the next one begins %s after it did", s.lastAttempt(), wait)
	}
	return fmt.Sprintf("%s; the next one begins %s after it did (2 x failover-timeout), or as soon as a replica can be promoted",
		s.lastAttempt(), wait)
}

// lastAttempt is how the last attempt ended, in words.
func (s *step) lastAttempt() string {
	text := fmt.Sprintf("the last attempt, of epoch %d", s.m.LastAttempt)
	if n := len(s.m.History); n > 0 && s.m.History[n-1].Epoch == s.m.LastAttempt {
		text += ", ended: " + s.m.History[n-1].EndReason
	}
	return text
}

// lastFailed reports whether the last attempt was given up.
func (s *step) lastFailed() bool {
	n := len(s.m.History)
	return n > 0 && s.m.History[n-1].Epoch == s.m.LastAttempt && s.m.History[n-1].Outcome == "aborted"
}

// backFirst: a replica has come back after an attempt found none. What kept it away
// may have kept the master away too, and be over for both: the master is looked at
// anew, until an attempt to reach it fails, or for freshLook.
func (s *step) backFirst(good bool) string {
	if !good || !s.lackedReplica() {
		s.w.sighted = 0
		return ""
	}
	master := s.w.server(s.m.Addr)
	if s.w.sighted == 0 {
		s.w.sighted = s.env.Now
		s.tryAtOnce(master)
	}
	if until := s.w.sighted.Add(freshLook); master.failedAt < s.w.sighted && s.env.Now < until {
		s.wake(until)
		return "a replica that could be promoted has just come in sight; looking at the master anew"
	}
	return ""
}

// lackedReplica reports whether the last attempt ended for want of a replica.
func (s *step) lackedReplica() bool {
	return s.lastFailed() && s.m.History[len(s.m.History)-1].Phase == state.PhaseSelect
}

// poorlyPlaced: a node that sees no good replica lets the others go first. It
// tries all the same in the end, so that the attempt and its failure are on
// record.
func (s *step) poorlyPlaced(good bool) string {
	if good || s.env.Now.Sub(s.w.odownSince) >= poorView {
		return ""
	}
	s.wake(s.w.odownSince.Add(poorView))
	if s.env.Doc.MemberCount() < 2 {
		return "no replica that could be promoted is in sight; looking again"
	}
	return "no replica that could be promoted is in sight; leaving the claim for a moment to nodes that see one"
}

// witnessed: a replica whose replication stream from the "dead" master goes on
// proves that the master lives and that we are the ones cut off. The wait is
// bounded by replica-witness-wait.
func (s *step) witnessed(bool) string {
	limit := s.m.WitnessWait
	if limit == 0 || s.env.Now.Sub(s.w.odownSince) >= limit {
		return ""
	}
	for _, r := range s.m.Replicas {
		v := s.w.server(r.Addr)
		if v.witness != 0 && s.env.Now.Sub(v.witness) < max(s.m.DownAfter, s.env.Timing.CheckInterval) {
			s.wake(s.env.Now.Add(fastProbe))
			return fmt.Sprintf("replica %s still receives the master's stream; at most replica-witness-wait %s", r.Addr, limit)
		}
	}
	return ""
}

// manual answers SENTINEL FAILOVER, or begins it.
func (s *step) manual(request uint64) {
	answer := func(err error) { s.out.Answers = append(s.out.Answers, Answer{request, err}) }
	if _, under := s.w.pending[keyManual]; s.m.Failover != nil || under {
		answer(ErrInProgress)
		return
	}
	if verdicts, good := s.look(); !good {
		s.log(slog.LevelWarn, "SENTINEL FAILOVER is refused: no replica can be promoted", slog.String("verdicts", words(verdicts)))
		answer(fmt.Errorf("%w: %s", ErrNoGoodReplica, words(verdicts)))
		return
	}
	delete(s.w.pending, keyManual)
	s.propose(keyManual, s.opBegin(state.Manual, "SENTINEL FAILOVER"))
	s.w.requests = append(s.w.requests, request)
	s.log(slog.LevelInfo, "asking for the claim on a failover", slog.String("reason", "SENTINEL FAILOVER"))
}

func words(verdicts []state.Verdict) string {
	text := "no replica is known"
	for i, v := range verdicts {
		if i == 0 {
			text = ""
		} else {
			text += "; "
		}
		text += v.Addr.String() + ": " + v.Reason
	}
	return text
}

// errRefused is what a manual request ends in when the document refused it.
var errRefused = errors.New("the failover was refused")

// claimed takes the outcome of a proposal for a claim.
func (s *step) claimed(in Input) {
	var err error
	switch {
	case in.Err != nil:
		err = in.Err
	case in.Outcome.Refusal == state.RefusedInProgress:
		err = ErrInProgress
	case in.Outcome.Refused():
		err = fmt.Errorf("%w: %s", errRefused, in.Outcome.Detail)
	default:
		s.w.claim = in.Outcome.Claim
		clear(s.w.orders)
		s.log(slog.LevelInfo, "carrying out the failover", slog.Uint64("epoch", uint64(s.w.claim.Epoch)),
			slog.Uint64("claim", s.w.claim.Number))
	}
	if in.Key != keyManual {
		return
	}
	delete(s.w.pending, keyManual) // a person's next request need not wait
	for _, request := range s.w.requests {
		s.out.Answers = append(s.out.Answers, Answer{request, err})
	}
	s.w.requests = nil
}

// considerTakeOver decides whether this node takes over a failover that it does
// not carry out: its own from before a restart, that of a dead member, or one
// that does not get on.
func (s *step) considerTakeOver(f *state.Failover) {
	s.w.claim = state.Claim{}
	reason := s.takeOverReason(f)
	switch {
	case reason == "":
		s.w.vacant = 0
		s.because(slog.LevelInfo, fmt.Sprintf("failover of epoch %d is carried out by %s", f.Epoch, s.nameOf(f.Holder)))
		return
	case !s.counts():
		s.because(slog.LevelInfo, "this node does not count as alive and says so first")
		return
	case s.w.vacant == 0:
		s.w.vacant = s.env.Now
	}
	if f.Holder != s.env.Self && s.env.Now.Sub(s.w.vacant) < poorView && !s.wellPlaced(f) {
		s.wake(s.w.vacant.Add(poorView))
		s.because(slog.LevelInfo, fmt.Sprintf("failover of epoch %d: %s; leaving it for a moment to nodes that see more", f.Epoch, reason))
		return
	}
	op := state.OpTakeOver{Name: s.m.Name, From: f.Claim, Member: s.env.Self, Reason: reason}
	if s.propose(keyTakeOver, op) {
		s.log(slog.LevelWarn, "taking the failover over", slog.Uint64("epoch", uint64(f.Epoch)),
			slog.String("phase", string(f.Phase)), slog.String("reason", reason))
	}
}

// wellPlaced reports whether this node sees the servers with which a failover
// goes on. One that does not lets the others go first.
func (s *step) wellPlaced(f *state.Failover) bool {
	needed := f.Candidate
	switch f.Phase {
	case state.PhaseSelect:
		_, good := s.look()
		return good
	case state.PhaseReconf:
		needed = s.m.Addr
	}
	v := s.w.server(needed)
	return v != nil && v.linked && !v.sdown
}

func (s *step) nameOf(id state.MemberID) string {
	if id == s.env.Self {
		return "this node"
	}
	return string(id)
}

func (s *step) takeOverReason(f *state.Failover) string {
	if f.Holder == s.env.Self {
		if s.w.pending[keyBegin].inFlight || s.w.pending[keyManual].inFlight {
			return "" // the answer to our own proposal is on its way
		}
		return "this member held it before its restart"
	}
	if holder, ok := s.env.Doc.Member(f.Holder); !ok || !holder.Alive {
		return fmt.Sprintf("its holder %s is not alive", f.Holder)
	}
	limit := overdue
	if f.Phase != state.PhaseSelect {
		limit += s.m.FailoverTimeout
	}
	if since := s.env.Now.Sub(s.w.phaseSince); since >= limit {
		return fmt.Sprintf("phase %s stands for %s", f.Phase, since.Round(time.Millisecond))
	}
	s.wake(s.w.phaseSince.Add(limit))
	return ""
}
