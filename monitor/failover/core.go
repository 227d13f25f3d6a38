// Package failover is the decision core: what to believe of a watched group,
// what to propose to the other nodes, what to order a Redis server to do.
//
// The whole of it is one function, [Step]. It takes the time, the agreed
// document, what this node has observed so far (a [Watch]) and one new input,
// and returns what is to be done. There is no clock, no socket, no goroutine
// and no randomness in this package, so production, the simulator and the
// tests run the same decisions, and the same inputs give the same outputs.
//
// The shape of every decision is "intent before effect": first the intention is
// proposed and committed, then the order goes to Redis, then its effect is
// looked for in INFO, then the next intention is proposed. An order carries a
// [Fence]; whoever sends it asks the fence right before the bytes leave. So a
// node that was paused, cut off or superseded between deciding and sending
// sends nothing.
//
// Rejected: deciding on the reply of an order. A reply can be lost although the
// order took effect, and "+OK" to SLAVEOF says nothing about what the server is
// a second later. Sentinel looks at INFO for the same reason.
//
// What may never happen here: an order under a claim that is known to be over;
// a proposal formed from observations made before a switch; a server judged by
// what it said in another role.
package failover

import (
	"log/slog"
	"time"

	"redis-failover/cluster/state"
)

// Moment is a reading of this node's monotonic clock: nanoseconds since some
// arbitrary start. It is above 0; the zero Moment means "never".
type Moment time.Duration

// Sub is the time from u to t.
func (t Moment) Sub(u Moment) time.Duration { return time.Duration(t - u) }

// Add is the moment d after t.
func (t Moment) Add(d time.Duration) Moment { return t + Moment(d) }

// Env is what a Step may know besides its Watch. The caller fills it anew for
// each Step.
type Env struct {
	Now  Moment
	Self state.MemberID
	// Doc is the newest agreed document that this node has.
	Doc *state.State
	// CanCommit is false while the broker says that proposals would fail.
	CanCommit bool
	Timing    Timing
}

// Input is one thing that happened. Exactly the fields of its Kind are set.
type Input struct {
	Kind InputKind

	// Of Linked, Unlinked, Pong, Info, Ordered, Greeted and Deafened: which
	// server, and when it was read from the socket.
	Addr state.Addr
	At   Moment
	// SentAt is when the request that is answered was written.
	SentAt Moment
	// Valid says that a PING reply counts as life (contract: PONG, LOADING,
	// MASTERDOWN); Loading that it was LOADING.
	Valid, Loading bool
	// Refused says, of Unlinked, that the host answered that nobody listens,
	// and of Ordered and Deafened that the server refused the order or the
	// subscription.
	Refused bool
	// IP says, of Linked and Unlinked, where a server that is known by name was
	// reached, or would have been tried first; "" if that is not known.
	IP string
	// Full marks a complete INFO; Text is its text then, and that of a Pong
	// that is not Valid.
	Full bool
	// Facts name servers as the document does, where it knows them.
	Facts Facts
	Text  string
	// Err is why a link went down (nil: an Order Drop), an INFO or an order
	// failed.
	Err error

	// Of Greeted: what a Sentinel said of itself.
	Hello Hello

	// Of Proposed: which proposal ended, and how.
	Key     string
	Outcome state.Outcome

	// Of Manual: the number by which Output.Answers refers to the request.
	Request uint64

	// Of Paused: how long this process did not run.
	Pause time.Duration
}

// InputKind tells the inputs apart.
type InputKind int8

const (
	// Woken: the time asked for by Output.Wake has come, or the document
	// changed, or the broker's condition changed.
	Woken InputKind = iota
	// Linked: a connection is up and the credentials were accepted.
	Linked
	// Unlinked: a connection was lost or could not be made.
	Unlinked
	// Pong: a reply to PING.
	Pong
	// Info: a reply to INFO.
	Info
	// Ordered: all replies to a reconfiguration are in, or it was not sent.
	Ordered
	// Proposed: a proposal ended.
	Proposed
	// Confirmed: a barrier that Output.Barrier asked for ended well (Err nil)
	// or not; SentAt is when it was begun.
	Confirmed
	// Manual: a person asks for a failover.
	Manual
	// Paused: this process did not run for Pause up to now.
	Paused
	// Greeted: a Sentinel was heard on the master's channel.
	Greeted
	// Deafened: the subscription to that channel ended or did not come about.
	Deafened
)

// Output is what is to be done after a Step.
type Output struct {
	// Proposals go to the broker; each ends in an Input Proposed with its Key.
	Proposals []Proposal
	// Orders go to the servers.
	Orders []Order
	// Barrier asks for one; it ends in an Input Confirmed.
	Barrier bool
	// Events are local: published by this node, part of no journal.
	Events []state.Event
	// Answers end Manual requests.
	Answers []Answer
	// Log holds the decisions in words.
	Log []Line
	// Wake is when Step wants to be called again at the latest; never 0.
	Wake Moment
}

// Proposal is a mutation that this node wants. At most one of each Key is under
// way for a group.
type Proposal struct {
	Key string
	Op  state.Op
}

// OrderKind tells the orders apart.
type OrderKind int8

const (
	// Probe: ask for PING and INFO; connect first if there is no connection.
	Probe OrderKind = iota
	// Drop: close the connection, it is not to be trusted.
	Drop
	// Reconfigure: make the server follow Target, or nobody.
	Reconfigure
	// KillScript: end the script that keeps the server busy, if it may be ended.
	KillScript
	// Listen: subscribe to the channel on which Sentinels greet each other, at
	// this server and no longer at any other of the group, and report what is
	// heard (Greeted) until it ends (Deafened, once).
	Listen
)

// InfoWant says which INFO goes with a probe.
type InfoWant int8

// The kinds of INFO.
const (
	NoInfo InfoWant = iota
	InfoReplication
	InfoAll
)

// Order is something to be sent to one server.
type Order struct {
	Kind OrderKind
	Addr state.Addr
	Ping bool
	Info InfoWant
	// Target is whom to follow; zero: nobody.
	Target state.Addr
	// Fence must hold when a Reconfigure is written.
	Fence Fence
}

// Answer ends a Manual request; nil is "begun".
type Answer struct {
	Request uint64
	Err     error
}

// Line is one line for the log.
type Line struct {
	Level slog.Level
	Text  string
	Attrs []slog.Attr
}

// Step takes one input in and decides. It changes w and nothing else. The
// group's name is w's; when the document no longer has that master, the output
// is empty and the caller drops w.
func Step(env Env, w *Watch, in Input) Output {
	s := &step{env: env, w: w}
	m, ok := env.Doc.Master(w.name)
	if !ok {
		s.forget(in)
		s.out.Wake = env.Now.Add(time.Hour)
		return s.out
	}
	s.m = m
	s.follow()
	s.take(in)
	s.judge()
	if env.CanCommit {
		s.checkQuorum()
		s.endPause()
		s.vote()
		s.learn()
		s.learnNames()
		s.act()
	} else {
		s.because(slog.LevelInfo, "the broker accepts no changes at present") // which it warns of itself, once for all masters
	}
	s.probe()
	s.listen()
	return s.out
}

// step is one run of Step.
type step struct {
	env Env
	w   *Watch
	m   *state.Master
	out Output
	// survey asks probe to read all replicas now.
	survey bool
}

// forget answers what was asked about a master that is gone.
func (s *step) forget(in Input) {
	if in.Kind == Manual {
		s.out.Answers = append(s.out.Answers, Answer{in.Request, ErrNoSuchMaster})
	}
	for _, request := range s.w.requests {
		s.out.Answers = append(s.out.Answers, Answer{request, ErrNoSuchMaster})
	}
	s.w.requests = nil
}

// act takes the part in a failover that is this node's, if any.
func (s *step) act() {
	f := s.m.Failover
	switch {
	case f == nil:
		s.w.claim = state.Claim{}
		s.consider()
		s.repairAll()
	case f.Claim == s.w.claim:
		s.carry(f)
	default:
		s.considerTakeOver(f)
	}
}

// propose puts a proposal out unless one of its key is under way or has failed
// a moment ago.
func (s *step) propose(key string, op state.Op) bool {
	if p, ok := s.w.pending[key]; ok && (p.inFlight || s.env.Now < p.retry) {
		if !p.inFlight {
			s.wake(p.retry)
		}
		return false
	}
	s.w.pending[key] = pending{inFlight: true, since: s.env.Now}
	s.out.Proposals = append(s.out.Proposals, Proposal{key, op})
	return true
}

// wake asks for a Step at t or earlier.
func (s *step) wake(t Moment) {
	if s.out.Wake == 0 || t < s.out.Wake {
		s.out.Wake = t
	}
}

func (s *step) log(level slog.Level, text string, attrs ...slog.Attr) {
	s.out.Log = append(s.out.Log, Line{level, text, append(attrs, slog.String("master", s.m.Name))})
}

// because notes in words why nothing is done at present, and logs it when the
// words change: the reason must be there when somebody asks at night.
func (s *step) because(level slog.Level, reason string) {
	if s.w.why == reason {
		return
	}
	s.w.why = reason
	if reason != "" {
		s.log(level, "waiting: "+reason)
	}
}

// busyAgain ends a time of waiting.
func (s *step) busyAgain() { s.w.why = "" }

func (s *step) event(level state.Level, name, payload string) {
	s.out.Events = append(s.out.Events, state.Event{Name: name, Level: level, Master: s.m.Name, Payload: payload})
}

// details is Sentinel's "@" for a server of the group.
func (s *step) details(a state.Addr) string {
	if a == s.m.Addr {
		return state.MasterDetails(s.m.Name, s.shown(a))
	}
	return state.ReplicaDetails(s.shown(a), s.m.Name, s.shown(s.m.Addr))
}

func (s *step) shown(a state.Addr) state.Addr { return s.env.Doc.Shown(s.m, a) }
