package failover

import (
	"slices"
	"time"

	"redis-failover/cluster/state"
)

// Watch is what this node has observed of one group, and what it has under
// way. It belongs to the goroutine that calls Step. Nothing of it survives a
// restart: observations are made again by looking.
type Watch struct {
	name       string
	generation uint64
	servers    []*server // the document's master and replicas, by address

	// attempt is the last attempt this node knows of and when it learned of
	// it; the wait between attempts counts from there, on the monotonic clock.
	attempt   state.Epoch
	attemptAt Moment
	// canCommit is what the last Step knew, changedAt since when. readyAt is when
	// the log began to take proposals last, and until lookUntil what is out of
	// reach is looked at anew; 0 if it has taken them since the first Step.
	canCommit          bool
	changedAt          Moment
	readyAt, lookUntil Moment
	// vacant is since when this node has known of a reason to take the running
	// failover over; 0: none.
	vacant Moment
	// resetAt is when this node learned of the last RESET; 0: of none.
	resetAt Moment
	// paused is the number of the document's pause, 0 if none stands, and
	// pausedSince when this node learned of it.
	paused      uint64
	pausedSince Moment
	// sighted is when a replica came in sight after an attempt that found none; 0:
	// there was none, or none is in sight.
	sighted Moment
	// odownSince is when this node learned of the present ODOWN.
	odownSince Moment
	// agreed is the master as the last Step saw it: one that has not changed is
	// the same.
	agreed *state.Master
	// agreedReplID is the document's replication history and agreedReplIDAt
	// when this node learned of it; see server.agreedRunID.
	agreedReplID   state.ReplID
	agreedReplIDAt Moment

	// claim is the claim that this process was granted, zero if none. After a
	// restart it is zero although the document may name this member: the
	// record must be taken over first, so that orders of the former process
	// are void.
	claim state.Claim
	// confirmed is the last moment at which this node's view of the document
	// was known to be current: the begin of a commit or barrier that
	// succeeded.
	confirmed Moment
	barrier   pending // the barrier that would confirm it anew

	// phase is the failover step (epoch, claim number, phase) that this node
	// last saw and since when.
	phase      phaseKey
	phaseSince Moment
	// surveyed is when fresh facts were asked for in PhaseSelect, 0 if not.
	surveyed Moment
	// orders are the reconfigurations sent under the present claim or repair,
	// by server.
	orders map[state.Addr]sentOrder
	// repairs are the numbers that this process was granted, by server.
	repairs map[state.Addr]repairing

	pending  map[string]pending
	requests []uint64 // Manual requests whose claim is under way

	// ear is the subscription to the master's channel, foreign are the Sentinels
	// that were heard of late.
	ear     ear
	foreign []foreigner

	why string
	// hopeless is the quorum that was last complained of.
	hopeless int
}

type phaseKey struct {
	claim state.Claim
	phase state.Phase
}

type pending struct {
	inFlight bool
	since    Moment
	retry    Moment // not before, after a failure
}

type sentOrder struct {
	at    Moment
	first Moment // of a row of repeated orders
	lost  bool   // it was not sent, or may have been lost
	// answered is when the first answer of the row came, 0 if none has, and
	// refusal the last error reply, "" if there was none.
	answered Moment
	refusal  string
}

type repairing struct {
	number uint64
	since  Moment
}

// NewWatch begins to observe a group at now. sinceAttempt is how long ago the
// last failover attempt began, as far as the wall clock tells: 0 if unknown,
// which waits the longest.
func NewWatch(name string, now Moment, sinceAttempt time.Duration) *Watch {
	w := &Watch{
		name:      name,
		attemptAt: now.Add(-max(0, sinceAttempt)),
		canCommit: true, changedAt: now,
		orders:  map[state.Addr]sentOrder{},
		repairs: map[state.Addr]repairing{},
		pending: map[string]pending{},
	}
	return w
}

// Why is the reason, in words, why nothing is done at present; "" if none.
func (w *Watch) Why() string { return w.why }

// server is what this node has observed of one Redis server, in the role that
// the document gives it.
type server struct {
	addr state.Addr
	// since is the begin of this observation (a clean slate), expected the
	// role that the document gave the server then.
	since    Moment
	expected Role

	linked   bool
	linkedAt Moment
	refused  bool   // the last connection attempt was refused
	failedAt Moment // when one came to nothing last, 0 never
	dialing  Moment // since when a connection is in the making, 0: it is not

	// doubt: a PING is unanswered, or the link was lost, since then. A valid
	// reply ends it. (Sentinel's act_ping_time, extended to lost links.)
	doubt      bool
	doubtSince Moment
	// trouble is what was seen last of the reason for the doubt, in words.
	trouble    string
	unanswered int
	pingSince  Moment // oldest unanswered PING, 0 if none
	lastOK     Moment
	lastAny    Moment
	// busy: a script keeps it from answering PING. scriptKilled: it was told to end
	// that, in the present SDOWN.
	busy, scriptKilled bool
	// loading: the last valid reply was LOADING. The replication section of
	// INFO, which is all that a survey asks for, does not tell.
	loading bool

	sdown      bool
	sdownSince Moment

	// ip is where it was reached, or would have been tried first, if it is known
	// by name.
	ip string

	nextProbe Moment
	lastProbe Moment

	facts   Facts
	told    bool   // facts came over the present connection
	factsAt Moment // when the request for them was sent; 0 never
	infoAt  Moment // last full INFO
	info    string
	// masterAt is when it last called itself a master, in this observation; 0
	// never. (Not while a restart is held against it.)
	masterAt Moment

	runID   state.RunID
	runIDAt Moment // when the request that told it was sent
	// agreedRunID is what the document holds and agreedRunIDAt when this node
	// learned of it. Only what was asked after that may correct the document:
	// a node that has lost sight of a server would otherwise go on to propose
	// the old run id against those who see the new one, commit after commit.
	agreedRunID   state.RunID
	agreedRunIDAt Moment

	role      Role
	roleSince Moment
	// strayed is since when a replica has followed somebody else; 0: it does not.
	strayed Moment
	// reboot is when a restart was noticed; 0: none, or it has answered PONG.
	reboot Moment

	// mark is the offset that a replica reported first after the master became
	// doubtful, witness when it was last seen to have advanced beyond it.
	mark    int64
	markAt  Moment
	witness Moment
}

// server returns what is known of a server, nil if it is none of the group. A
// group has a handful: looking at each is faster than halving.
func (w *Watch) server(a state.Addr) *server {
	for _, v := range w.servers {
		if v.addr == a {
			return v
		}
	}
	return nil
}

// follow brings the watch in line with the document: servers that come and go,
// a switch (clean slate for whoever changed its role), a new attempt, a new
// phase.
func (s *step) follow() {
	w, m, now := s.w, s.m, s.env.Now
	if w.generation != m.Generation || len(w.servers) != len(m.Replicas)+1 {
		s.followServers()
	}
	if w.generation != m.Generation && w.agreed != nil && w.agreed.Addr == m.Addr {
		w.resetAt = now // a switch changes the address too
	}
	if first := w.generation == 0; w.attempt != m.LastAttempt {
		w.attempt = m.LastAttempt
		if !first { // NewWatch set the time of an attempt before its start
			w.attemptAt = now
		}
	}
	w.generation = m.Generation
	if w.agreed != m {
		w.agreed = m
		s.followIDs()
	}
	if !m.ODown {
		w.odownSince = 0
	} else if w.odownSince == 0 {
		w.odownSince = now
	}
	s.followPause()
	key := phaseKey{}
	if f := m.Failover; f != nil {
		key = phaseKey{f.Claim, f.Phase}
	}
	s.followLog()
	if key != w.phase {
		w.vacant = 0
		if w.phase.claim != key.claim || key.phase != state.PhaseWait {
			clear(w.orders) // PhaseWait waits for the order of the phase before
		}
		w.phase, w.phaseSince = key, now
		w.surveyed = 0
	}
}

// followLog notes when the log begins to take proposals. What is out of reach is
// tried at once then.
func (s *step) followLog() {
	w, now := s.w, s.env.Now
	if s.env.CanCommit == w.canCommit {
		return
	}
	suspended := now.Sub(w.changedAt)
	w.canCommit, w.changedAt = s.env.CanCommit, now
	if w.canCommit {
		w.readyAt, w.lookUntil = now, now.Add(min(freshLook, suspended/freshLookShare))
		for _, v := range w.servers {
			if !v.linked {
				s.tryAtOnce(v)
			}
		}
	}
}

// tryAtOnce asks a server now, over a new connection if one is in the making.
func (s *step) tryAtOnce(v *server) {
	v.nextProbe = s.env.Now
	if v.dialing != 0 { // its kernel has got used to long pauses
		v.dialing = 0
		s.out.Orders = append(s.out.Orders, Order{Kind: Drop, Addr: v.addr})
	}
}

func (s *step) followServers() {
	w, m := s.w, s.m
	fresh := w.generation != m.Generation
	want := make([]state.Addr, 0, len(m.Replicas)+1)
	want = append(want, m.Addr)
	for _, r := range m.Replicas {
		want = append(want, r.Addr)
	}
	slices.SortFunc(want, state.Addr.Compare)
	servers := make([]*server, 0, len(want))
	for _, a := range want {
		old := w.server(a)
		switch {
		case old == nil:
			servers = append(servers, s.newServer(a))
		case fresh && s.changedRole(old):
			servers = append(servers, s.cleanSlate(old))
		default:
			servers = append(servers, old)
			if fresh && old.sdown {
				// +slave has just told of it as if it were well.
				s.event(state.Warning, state.EventSDown, s.details(a))
			}
		}
	}
	w.servers = servers
	if fresh {
		clear(w.repairs)
	}
}

// followIDs notes when the document's run ids and history change.
func (s *step) followIDs() {
	w, m, now := s.w, s.m, s.env.Now
	if w.agreedReplID != m.ReplID {
		w.agreedReplID, w.agreedReplIDAt = m.ReplID, now
	}
	note := func(a state.Addr, id state.RunID) {
		if v := w.server(a); v.agreedRunID != id {
			v.agreedRunID, v.agreedRunIDAt = id, now
		}
	}
	note(m.Addr, m.RunID)
	for _, r := range m.Replicas {
		note(r.Addr, r.RunID)
	}
}

func (s *step) newServer(a state.Addr) *server {
	now := s.env.Now
	return &server{
		addr: a, since: now, doubt: true, doubtSince: now, trouble: "it was never reached", lastOK: now, lastAny: now,
		nextProbe: now, expected: s.expected(a), role: s.expected(a), roleSince: now,
	}
}

// changedRole reports whether a server was observed in another role, or another
// reign, than the document now gives it. What was seen of a replica says nothing of it as a
// master: Sentinel, which keeps its clocks over a switch, goes on to fail over
// from the new, healthy master. A master that is one in the new generation too
// was reset or monitored anew, or was replaced and has come back while this node
// did not look.
func (s *step) changedRole(old *server) bool {
	return old.expected != s.expected(old.addr) || old.addr == s.m.Addr
}

// cleanSlate begins the observation anew; only the link's own condition and
// who the server is stay. That it is what the document now says is taken for
// granted, as Sentinel does: a new master is no news, and an old one that still
// calls itself a master is.
func (s *step) cleanSlate(old *server) *server {
	fresh := s.newServer(old.addr)
	fresh.linked, fresh.linkedAt, fresh.refused = old.linked, old.linkedAt, old.refused
	fresh.trouble, fresh.ip = old.trouble, old.ip
	fresh.runID, fresh.runIDAt = old.runID, old.runIDAt
	fresh.info, fresh.infoAt = old.info, old.infoAt
	return fresh
}

// expected is the role that the document gives a server.
func (s *step) expected(a state.Addr) Role {
	if a == s.m.Addr {
		return RoleMaster
	}
	return RoleReplica
}
