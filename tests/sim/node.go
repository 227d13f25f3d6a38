package sim

import (
	"slices"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// node is one process of redis-failover. It behaves as monitor.Monitor does: one
// loop with an inbox, one link to each server, proposals and barriers that end
// some time later. Only what is in the document survives a crash.
type node struct {
	w     *world
	id    state.MemberID
	place place
	seq   uint64 // of its mutations; brokers never use a number twice

	up, paused bool
	pausedAt   time.Duration
	awoken     bool // the next turn is the first one after a pause
	// life counts the processes; what a former one planned is void.
	life int
	held []func() // what happens as soon as the pause is over
	// mono is what this process's monotonic clock shows at virtual time 0.
	mono failover.Moment
	skew time.Duration // of the wall clock

	// The broker's part.
	ready    bool
	turnedAt time.Duration // when that changed last
	backAt   time.Duration // when the process began, or was ready again after a while
	applied  int
	waiting  map[uint64]func(state.Outcome, error)
	barriers []*barrier

	// The monitor's part.
	inbox       []item
	spare       []item // the inbox of the turn before, to be used again
	turnPlanned bool
	watched     []*watched // by name
	pauses      failover.PauseDetector
	lastTurn    failover.Moment
	canCommit   bool
	votes       []ballot
	timer       time.Duration // when the loop will wake by itself, 0 never
	nextLinks   uint64

	// peers is nil on a node that is alone.
	peers      *failover.Peers
	peerPauses failover.PauseDetector
}

// item is one thing for the loop. No group: the log's condition has changed.
type item struct {
	group string
	links uint64 // from which set of links it comes, 0: from none
	input failover.Input
	// begun is when the proposal or barrier was begun that this ends.
	begun time.Duration
}

// watched is what the loop keeps for one group.
type watched struct {
	name    string
	watch   *failover.Watch
	agreed  *state.Master
	links   []*link
	linksID uint64
	wake    failover.Moment
	record  watchedRecord
}

type ballot struct {
	group, key string
	op         state.OpVote
}

func newNode(w *world, i int) *node {
	return &node{
		w: w, id: state.MemberID(rune('a' + i)), place: place(i),
		skew: w.between(0, time.Second),
	}
}

// runs reports whether the process gets any processor time.
func (n *node) runs() bool { return n.up && !n.paused }

func (n *node) now() failover.Moment { return n.mono + failover.Moment(n.w.now) }

func (n *node) wall() state.Time {
	const start = 1_700_000_000_000
	return state.Time(start + (n.w.now+n.skew)/time.Millisecond)
}

func (n *node) member() state.Member {
	return state.Member{ID: n.id, RunID: string(n.id) + "/" + string(rune('0'+n.life%10)), Schema: state.SchemaVersion, Alive: true}
}

// run calls do as soon as the process gets processor time.
func (n *node) run(do func()) {
	if n.paused {
		n.held = append(n.held, do)
		return
	}
	do()
}

// later plans do for this process.
func (n *node) later(d time.Duration, do func()) {
	life := n.life
	n.w.after(d, func() {
		if n.up && n.life == life {
			n.run(do)
		}
	})
}

// start begins a new process.
func (n *node) start() {
	w := n.w
	n.up, n.paused, n.awoken = true, false, false
	n.mono = failover.Moment(w.between(time.Second, time.Hour)) - failover.Moment(w.now)
	if n.mono <= -failover.Moment(w.now) {
		n.mono = failover.Moment(time.Second) - failover.Moment(w.now)
	}
	n.waiting = map[uint64]func(state.Outcome, error){}
	n.pauses, n.lastTurn, n.timer = failover.PauseDetector{}, 0, 0
	n.ready = w.log.inTouch(n)
	n.canCommit, n.turnedAt, n.backAt = n.ready, w.now, w.now
	n.say("starts")
	w.changed()
	n.catchUp()
	n.announce()
	for m := range n.doc().Masters() {
		n.step(m.Name, failover.Input{Kind: failover.Woken})
	}
	n.planTurn()
	n.meet()
}

// announce tells the others about the new process until it has worked.
func (n *node) announce() {
	if m, ok := n.doc().Member(n.id); ok && m == n.member() {
		return
	}
	n.propose(state.OpMember{Member: n.member()}, func(state.Outcome, error) {
		n.later(500*ms, n.announce)
	})
}

// crash ends the process. What its kernel holds of it is still sent.
func (n *node) crash() {
	n.say("crashes")
	for _, g := range n.watched {
		n.closeLinks(g)
	}
	n.up, n.paused, n.ready = false, false, false
	n.life++
	n.held, n.inbox, n.spare, n.watched, n.votes, n.barriers, n.waiting = nil, nil, nil, nil, nil, nil, nil
	n.turnPlanned = false
	n.w.changed()
}

// freeze stops the process (SIGSTOP).
func (n *node) freeze() {
	n.say("is paused")
	n.beat()
	n.paused, n.pausedAt = true, n.w.now
	n.w.changed()
}

// thaw lets it go on.
func (n *node) thaw() {
	if !n.paused {
		return
	}
	n.say("goes on")
	n.paused, n.awoken = false, true
	if n.w.now-n.pausedAt >= noticeable {
		for _, g := range n.watched {
			g.record.unconfirmed = true
		}
	}
	n.w.changed()
	held := n.held
	n.held = nil
	// Who gets the processor first, the broker, the loop or the links, is up to
	// the scheduler.
	if n.w.chance(0.5) {
		n.catchUp()
	}
	if n.w.chance(0.5) {
		n.turnPlanned = true
		n.turn()
	} else {
		n.planTurn()
	}
	for _, do := range held {
		do()
	}
}

// noticeable is how long a pause must be for the loop to know of it: two of its
// heartbeats.
const noticeable = 200 * ms

// beat makes up for the turns that do nothing but notice that there was no
// pause.
func (n *node) beat() {
	for n.lastTurn != 0 {
		next := n.pauses.Due(n.lastTurn, n.now())
		if next >= n.now() {
			return
		}
		n.pauses.Tick(next)
		n.lastTurn = next
	}
}

// put hands an item to the loop.
func (n *node) put(i item) {
	n.inbox = append(n.inbox, i)
	n.planTurn()
}

func (n *node) planTurn() {
	if !n.turnPlanned {
		n.turnPlanned = true
		n.later(n.w.between(5*time.Microsecond, 50*time.Microsecond), n.turn)
	}
}

// turn handles all that has come in and all timers that are due.
func (n *node) turn() {
	if !n.turnPlanned {
		return // it came earlier than planned
	}
	n.turnPlanned = false
	items := n.inbox
	n.inbox = n.spare[:0]
	if !n.awoken {
		n.beat()
	}
	n.awoken = false
	n.lastTurn = n.now()
	if pause := n.pauses.Tick(n.now()); pause > 0 {
		n.say("notices a pause of %s", pause)
		for _, g := range slices.Clone(n.watched) {
			n.step(g.name, failover.Input{Kind: failover.Paused, Pause: pause})
		}
	}
	for i := range items {
		n.handle(&items[i])
	}
	for _, g := range slices.Clone(n.watched) {
		if g.wake <= n.now() {
			n.step(g.name, failover.Input{Kind: failover.Woken})
		}
	}
	n.sendVotes()
	n.setTimer()
	clear(items)
	n.spare = items
}

// setTimer plans the next turn by the earliest wish of a group.
func (n *node) setTimer() {
	next := time.Duration(0)
	for _, g := range n.watched {
		at := time.Duration(g.wake - n.mono)
		if next == 0 || at < next {
			next = at
		}
	}
	if next == 0 || next == n.timer {
		return
	}
	n.timer = next
	n.later(next-n.w.now, func() {
		if n.timer == next {
			n.timer = 0
			if !n.turnPlanned {
				n.turnPlanned = true
				n.turn()
			}
		}
	})
}

func (n *node) handle(i *item) {
	if i.group == "" {
		n.healthChanged()
		return
	}
	g := n.find(i.group)
	if i.links != 0 && (g == nil || g.linksID != i.links) {
		return // from a connection that was replaced
	}
	if g != nil && i.input.Err == nil && (i.input.Kind == failover.Proposed || i.input.Kind == failover.Confirmed) {
		g.record.confirmed(i.begun)
	}
	n.step(i.group, i.input)
}

func (n *node) healthChanged() {
	if n.ready == n.canCommit {
		return
	}
	n.canCommit = n.ready
	for _, g := range slices.Clone(n.watched) {
		n.step(g.name, failover.Input{Kind: failover.Woken})
	}
}

func (n *node) find(name string) *watched {
	for _, g := range n.watched {
		if g.name == name {
			return g
		}
	}
	return nil
}

// step runs the core for one group and carries out what it decides.
func (n *node) step(name string, in failover.Input) {
	agreed, exists := n.doc().Master(name)
	g := n.find(name)
	if g == nil {
		g = n.watch(name, agreed)
	}
	g.agreed = agreed
	env := failover.Env{Now: n.now(), Self: n.id, Doc: n.doc(), CanCommit: n.canCommit, Timing: n.w.plan.timing}
	out := failover.Step(env, g.watch, in)
	n.w.stats.Steps++
	n.w.check.stepped(n, g, in, out)
	n.carryOut(g, out)
	if !exists {
		n.unwatch(g)
		return
	}
	n.closeStrayLinks(g)
	g.wake = out.Wake
}

func (n *node) watch(name string, agreed *state.Master) *watched {
	var sinceAttempt time.Duration
	if agreed != nil && agreed.LastAttemptAt != 0 {
		sinceAttempt = time.Duration(n.wall()-agreed.LastAttemptAt) * time.Millisecond
	}
	g := &watched{name: name, watch: failover.NewWatch(name, n.now(), sinceAttempt)}
	g.record.since = n.w.now
	if agreed != nil {
		n.watched = append(n.watched, g)
		slices.SortFunc(n.watched, func(a, b *watched) int { return strings.Compare(a.name, b.name) })
	}
	return g
}

func (n *node) unwatch(g *watched) {
	n.watched = slices.DeleteFunc(n.watched, func(o *watched) bool { return o == g })
	n.closeLinks(g)
}

// carryOut does what the core decided, in the order of the monitor.
func (n *node) carryOut(g *watched, out failover.Output) {
	for _, line := range out.Log {
		n.sayLog(line)
	}
	for _, e := range out.Events {
		n.say("event %s %s", e.Name, e.Payload)
	}
	for _, a := range out.Answers {
		n.w.check.answered(n, g, a)
	}
	for _, o := range out.Orders {
		n.order(g, o)
	}
	for _, p := range out.Proposals {
		if op, ok := p.Op.(state.OpVote); ok {
			n.votes = append(n.votes, ballot{g.name, p.Key, op})
			continue
		}
		n.proposeFor(p.Op, []ballot{{group: g.name, key: p.Key}})
	}
	if out.Barrier {
		begun := n.w.now
		n.barrier(func(err error) {
			n.put(item{group: g.name, begun: begun, input: failover.Input{Kind: failover.Confirmed, SentAt: n.mono + failover.Moment(begun), Err: err}})
		})
	}
}

func (n *node) order(g *watched, o failover.Order) {
	l := n.linkTo(g, o.Addr)
	switch o.Kind {
	case failover.Probe:
		l.send(request{ping: o.Ping, info: o.Info})
	case failover.Drop:
		l.drop()
	case failover.Reconfigure:
		n.say("orders %s to follow %s (epoch %d claim %d repair %d)", o.Addr, targetName(o.Target),
			o.Fence.Claim.Epoch, o.Fence.Claim.Number, o.Fence.Repair)
		l.order(&order{fence: o.Fence, target: o.Target, group: g})
		n.w.aimAtOrder(n, g.name)
	}
}

func targetName(a state.Addr) string {
	if a.IsZero() {
		return "nobody"
	}
	return a.String()
}

func (n *node) sendVotes() {
	if len(n.votes) == 0 {
		return
	}
	votes := n.votes
	n.votes = nil
	op := votes[0].op
	for _, v := range votes[1:] {
		op.Votes = append(slices.Clip(op.Votes), v.op.Votes...)
	}
	n.proposeFor(op, votes)
}

func (n *node) proposeFor(op state.Op, voters []ballot) {
	begun := n.w.now
	n.propose(op, func(outcome state.Outcome, err error) {
		n.later(n.w.between(0, 100*time.Microsecond), func() {
			for _, v := range voters {
				n.put(item{group: v.group, begun: begun, input: failover.Input{Kind: failover.Proposed, Key: v.key, Outcome: outcome, Err: err}})
			}
		})
	})
}

func (n *node) say(format string, args ...any) {
	if n.w.telling {
		n.w.say("node %s: "+format, append([]any{n.id}, args...)...)
	}
}
