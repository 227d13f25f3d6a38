package failover

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// take folds one input into the watch.
func (s *step) take(in Input) {
	switch in.Kind {
	case Proposed:
		s.proposed(in)
		return
	case Confirmed:
		s.w.barrier = pending{}
		if in.Err != nil {
			s.w.barrier.retry = s.env.Now.Add(retryAfterFailure)
			return
		}
		s.w.confirmed = max(s.w.confirmed, in.SentAt)
		return
	case Manual:
		s.manual(in.Request)
		return
	case Paused:
		s.paused(in.Pause)
		return
	}
	server := s.w.server(in.Addr)
	if server == nil {
		return // woken, or a server that the document no longer has
	}
	switch in.Kind {
	case Linked:
		s.linked(server, in)
	case Unlinked:
		s.unlinked(server, in)
	case Pong:
		s.pong(server, in)
	case Info:
		s.informed(server, in)
	case Ordered:
		s.ordered(server, in)
	case Greeted:
		s.greeted(in)
	case Deafened:
		s.deafened(in)
	}
}

// retryAfterFailure is how long a proposal that failed or was refused is put
// off. Long enough not to hammer a broker without a quorum, short enough to go on
// soon after it is back.
const retryAfterFailure = 200 * time.Millisecond

func (s *step) proposed(in Input) {
	if p := s.w.pending[in.Key]; in.Err == nil {
		s.w.confirmed = max(s.w.confirmed, p.since)
	}
	delete(s.w.pending, in.Key)
	if in.Err != nil || in.Outcome.Refused() {
		// Refused: somebody else was faster, and this node knows it by now. If
		// it still wants the same, it must not fill the log with it.
		s.w.pending[in.Key] = pending{retry: s.env.Now.Add(retryAfterFailure)}
		s.wake(s.env.Now.Add(retryAfterFailure))
	}
	switch {
	case in.Key == keyBegin || in.Key == keyManual || in.Key == keyTakeOver:
		s.claimed(in)
	case isRepairKey(in.Key):
		s.repairGranted(in)
	}
	if in.Err == nil && in.Outcome.Refused() {
		s.log(slog.LevelDebug, "proposal refused", slog.String("proposal", in.Key),
			slog.String("refusal", string(in.Outcome.Refusal)), slog.String("detail", in.Outcome.Detail))
	}
}

func (s *step) linked(v *server, in Input) {
	v.linked, v.linkedAt, v.refused, v.dialing = true, in.At, false, 0
	v.ip = in.IP
	v.unanswered, v.pingSince, v.told = 0, 0, false
	if order, ok := s.w.orders[v.addr]; ok {
		order.lost = true // perhaps, with the former connection
		s.w.orders[v.addr] = order
	}
	v.trouble = "connected, but PING is not answered"
}

// unlinked starts the down clock unless it runs already: a lost connection is
// a doubt from that moment on, not from the next tick.
func (s *step) unlinked(v *server, in Input) {
	wasLinked := v.linked
	if in.Err != nil {
		v.trouble = in.Err.Error()
		if !wasLinked {
			v.failedAt = in.At
		}
	}
	v.linked, v.refused = false, in.Refused
	v.ip = in.IP
	v.unanswered, v.pingSince, v.dialing = 0, 0, 0
	v.strayed = 0
	if !v.doubt {
		v.doubt, v.doubtSince = true, max(in.At, v.since)
	}
	if wasLinked {
		// At once, but not in a row if it closes each connection again.
		v.nextProbe = max(s.env.Now, v.linkedAt.Add(fastProbe))
	}
}

func (s *step) pong(v *server, in Input) {
	// Any reply proves that the connection lives. What was asked before it and
	// is still open does not count: replies may lag behind the questions, and
	// the link merges questions.
	v.unanswered, v.pingSince, v.lastAny = 0, 0, in.At
	if !in.Valid {
		v.trouble = fmt.Sprintf("PING is answered with %q", in.Text)
		v.busy = strings.HasPrefix(in.Text, "BUSY")
		return
	}
	v.lastOK, v.doubt, v.busy = in.At, false, false
	v.loading = in.Loading
	if !in.Loading {
		v.reboot = 0
	}
}

func (s *step) informed(v *server, in Input) {
	if in.Err != nil || in.Facts.Role == "" {
		return // NOPERM, LOADING of an old engine, or no such section
	}
	f := in.Facts
	if in.Full {
		v.info, v.infoAt = in.Text, in.At
		s.sawRunID(v, f.RunID, in.SentAt)
	}
	if in.SentAt < v.since {
		return // read before the slate was wiped
	}
	v.facts, v.factsAt, v.told = f, in.SentAt, true
	if f.Role == RoleMaster && v.reboot == 0 {
		v.masterAt = in.SentAt // the reply may have lain in a buffer
	}
	s.sawRole(v, f.Role)
	s.sawOffset(v, f)
	s.sawUpstream(v, f)
}

func (s *step) sawRunID(v *server, id state.RunID, asked Moment) {
	if id == "" {
		return
	}
	if v.runID != "" && v.runID != id {
		s.event(state.Notice, state.EventReboot, s.details(v.addr))
		if v.addr == s.m.Addr && s.m.RebootDownAfter > 0 && !v.ready() {
			v.reboot = s.env.Now
		}
	}
	v.runID, v.runIDAt = id, asked
}

// ready reports whether the server's present process has answered PING, and not
// with LOADING: a connection is always to one process.
func (v *server) ready() bool { return v.linked && v.lastOK >= v.linkedAt && !v.loading }

func (s *step) sawRole(v *server, role Role) {
	if v.role == role {
		return
	}
	v.role, v.roleSince = role, s.env.Now
	name := state.EventRoleDisagrees
	if role == s.expected(v.addr) {
		name = state.EventRoleAgrees
	}
	s.event(state.Verbose, name, fmt.Sprintf("%s new reported role is %s", s.details(v.addr), role))
}

// sawOffset keeps the evidence that the master's replication stream still
// advances although we lost sight of the master: the replicas are witnesses.
func (s *step) sawOffset(v *server, f Facts) {
	master := s.w.server(s.m.Addr)
	if v == master || !master.doubt || !f.LinkUp || !s.followsMaster(f) {
		v.markAt, v.witness = 0, 0
		return
	}
	if v.markAt < master.doubtSince {
		// What is still on its way must not count: the mark is set by the
		// first reply to a question asked after the doubt began.
		if v.factsAt > master.doubtSince {
			v.mark, v.markAt = f.Offset, v.factsAt
		}
		return
	}
	if f.Offset > v.mark {
		v.mark, v.witness = f.Offset, v.factsAt
	}
}

func (s *step) followsMaster(f Facts) bool {
	return f.Role == RoleReplica && f.MasterHost == s.m.Addr.Host && f.MasterPort == s.m.Addr.Port
}

func (s *step) sawUpstream(v *server, f Facts) {
	switch {
	case v.addr == s.m.Addr || f.Role != RoleReplica || s.followsMaster(f):
		v.strayed = 0
	case v.strayed == 0:
		v.strayed = s.env.Now
	}
}

func (s *step) ordered(v *server, in Input) {
	order, ok := s.w.orders[v.addr]
	if !ok {
		return
	}
	if order.answered == 0 && (in.Err == nil || in.Refused) {
		order.answered = in.At
	}
	if in.Refused {
		order.refusal = in.Err.Error()
	}
	order.lost = in.Err != nil && !in.Refused
	s.w.orders[v.addr] = order
	if in.Err == nil {
		return
	}
	s.log(slog.LevelWarn, "order failed", slog.String("server", v.addr.String()), slog.String("error", in.Err.Error()))
}

// paused takes a pause of this process out of the observations: what a server did
// not answer meanwhile is not held against it, and it gets a moment to answer
// now. What was observed before the pause still counts, or a process that is
// starved, and so pauses again and again, would never call anybody down. Per
// server, and only where the pause was a fair part of down-after; Sentinel's
// TILT instead stops everything for 30 s.
func (s *step) paused(length time.Duration) {
	s.w.confirmed = 0 // the document may have moved on
	s.excuseForeign(length)
	if length < s.m.DownAfter/4 {
		return
	}
	grace := min(fastProbe, s.m.DownAfter/4)
	for _, v := range s.w.servers {
		if v.doubt && !v.sdown {
			v.doubtSince = min(s.env.Now, max(v.doubtSince.Add(length), s.env.Now.Add(grace-s.m.DownAfter)))
		}
		if !v.sdown {
			v.roleSince = min(s.env.Now, v.roleSince.Add(length))
			if v.reboot != 0 {
				v.reboot = min(s.env.Now, v.reboot.Add(length))
			}
		}
		v.nextProbe = s.env.Now
	}
}
