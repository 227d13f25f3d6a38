package sim

import (
	"errors"
	"time"

	"redis-failover/cluster/state"
)

// The errors of a proposal, after the classes of package cluster.
var (
	errNoQuorum = errors.New("no quorum")
	errUnknown  = errors.New("outcome unknown")
)

// proposeTimeout is monitor's.
const proposeTimeout = 5 * time.Second

// entry is one position of the agreed log.
type entry struct {
	mutation state.Mutation
	outcome  state.Outcome
	state    *state.State // the document right after it
	// life is that of the proposer when it proposed.
	life int
	at   time.Duration
}

// ledger models the ordered log below the document. With one node it is a file;
// with more it is replicated: one node leads, a majority must be in touch with
// it, and each node applies the entries in order at its own pace. What was
// ordered is never lost. (That brokers keep this promise is tested elsewhere.)
type ledger struct {
	w       *world
	entries []entry // entries[i] has index i; the first one is the empty document
	// leader orders the entries; nil while there is none.
	leader   *node
	electing bool
	// full: the single node's disk is full.
	full bool
}

func newLedger(w *world) *ledger {
	return &ledger{w: w, entries: []entry{{state: state.New()}}}
}

// newest is the document as it will be everywhere, once.
func (l *ledger) newest() *state.State { return l.entries[len(l.entries)-1].state }

// bootstrap makes the members and the masters known, as a first start would.
func (l *ledger) bootstrap() {
	w := l.w
	for _, n := range w.nodes {
		n.up = true
		l.append(n.mutation(state.OpMember{Member: n.member()}), n.life)
	}
	for _, g := range w.groups {
		op := state.OpMonitor{Name: g.name, Addr: g.servers[0].addr, Quorum: g.plan.quorum, Settings: g.plan.settings, Seed: true}
		l.append(w.nodes[0].mutation(op), 0)
	}
	for _, n := range w.nodes {
		n.up = false
		n.applied = len(l.entries) - 1
	}
	l.leader = w.nodes[0]
}

// works reports whether a node could order entries: it runs, and a majority is
// in touch with it.
func (l *ledger) works(leader *node) bool {
	if leader == nil || !leader.runs() {
		return false
	}
	followers := 0
	for _, n := range l.w.nodes {
		if n == leader || n.runs() && l.w.net.both(n.place, leader.place) {
			followers++
		}
	}
	return 2*followers > len(l.w.nodes)
}

// inTouch reports whether a node's proposals can be ordered at this moment.
func (l *ledger) inTouch(n *node) bool {
	if len(l.w.nodes) == 1 {
		return n.up && !l.full
	}
	return l.works(l.leader) && (n == l.leader || l.w.net.both(n.place, l.leader.place))
}

// review finds out what a change of the world means for the log: whether
// another leader must be found, who is cut off, who can catch up.
func (l *ledger) review() {
	w := l.w
	if len(w.nodes) > 1 && !l.works(l.leader) && !l.electing {
		l.electing = true
		w.after(w.between(150*ms, 1500*ms), l.elect)
	}
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		if l.inTouch(n) != n.ready {
			n.later(w.between(50*ms, time.Second), n.reviewHealth)
		}
		n.later(w.between(ms, 200*ms), n.catchUp)
	}
}

func (l *ledger) elect() {
	l.electing = false
	if l.works(l.leader) {
		return
	}
	var able []*node
	for _, n := range l.w.nodes {
		if l.works(n) {
			able = append(able, n)
		}
	}
	l.leader = nil
	if len(able) > 0 {
		l.leader = pick(l.w, able)
		l.w.say("log: node %s leads now", l.leader.id)
		l.review()
	}
}

// commitTime is how long an entry takes to be safe.
func (l *ledger) commitTime() time.Duration {
	w := l.w
	d := w.between(100*time.Microsecond, 2*ms)
	if len(w.nodes) > 1 {
		d += 2 * w.net.delay()
	}
	if w.chaos && w.chance(0.01) {
		d += w.between(50*ms, time.Second) // a slow disk
	}
	return d
}

// submit brings a mutation on its way. It may arrive, get lost, or arrive when
// nobody waits for it any more; the proposer finds out by applying it, or does
// not.
func (l *ledger) submit(n *node, m state.Mutation) {
	w, life := l.w, n.life
	w.after(l.commitTime(), func() {
		gone := n.life != life && w.chance(0.5)
		switch {
		case gone:
			w.say("log: %s of node %s died with it", state.Kind(m.Op), n.id)
		case !l.inTouch(n) || w.chaos && w.chance(w.plan.lossy):
			l.late(m, life)
		default:
			l.append(m, life)
			l.applyEverywhere()
		}
	})
}

// late decides what becomes of a mutation that got stuck on its way.
func (l *ledger) late(m state.Mutation, life int) {
	w := l.w
	if len(w.nodes) == 1 || w.chance(0.6) {
		w.say("log: lost %s/%d (%s)", m.ID.Member, m.ID.Seq, state.Kind(m.Op))
		return
	}
	w.after(w.between(100*ms, 8*time.Second), func() {
		if l.works(l.leader) {
			w.say("log: %s/%d turns up late", m.ID.Member, m.ID.Seq)
			l.append(m, life)
			l.applyEverywhere()
		}
	})
}

// append orders a mutation and finds the document after it.
func (l *ledger) append(m state.Mutation, life int) {
	w := l.w
	after, outcome := state.Apply(l.newest(), state.Index(len(l.entries)), m)
	l.entries = append(l.entries, entry{m, outcome, after, life, w.now})
	w.stats.Entries++
	w.sayEntry(len(l.entries)-1, m, outcome)
	w.check.appended(len(l.entries) - 1)
	w.aim(l.entries[len(l.entries)-1])
	if w.chaos && w.chance(0.005) { // an engine that sends again what it thinks is lost
		w.after(w.between(0, 500*ms), func() {
			if l.works(l.leader) {
				l.append(m, life)
				l.applyEverywhere()
			}
		})
	}
}

// applyEverywhere lets all nodes that can apply what is new.
func (l *ledger) applyEverywhere() {
	w := l.w
	for _, n := range w.nodes {
		if !n.up {
			continue
		}
		lag := w.between(20*time.Microsecond, w.plan.latency)
		if w.chaos && n != l.leader && w.chance(0.01) {
			lag += w.between(50*ms, 2*time.Second) // a slow follower
		}
		n.later(lag, n.catchUp)
	}
}

// mutation gives an op the id that its broker would.
func (n *node) mutation(op state.Op) state.Mutation {
	n.seq++
	return state.Mutation{ID: state.MutationID{Member: n.id, Seq: n.seq}, At: n.wall(), Op: op}
}

// propose puts a mutation to the log. done is called once, on this node and
// unless it crashes before: with a nil error after this node has applied it.
func (n *node) propose(op state.Op, done func(state.Outcome, error)) {
	if !n.ready {
		n.later(n.w.between(0, 20*ms), func() { done(state.Outcome{}, errNoQuorum) })
		return
	}
	m := n.mutation(op)
	n.waiting[m.ID.Seq] = done
	n.w.log.submit(n, m)
	n.later(proposeTimeout, func() {
		if done, ok := n.waiting[m.ID.Seq]; ok {
			delete(n.waiting, m.ID.Seq)
			done(state.Outcome{}, errUnknown)
		}
	})
}

// barrier is a wait for all that was ordered before it.
type barrier struct {
	index int
	done  func(error)
	over  bool
}

// barrier calls done once, as propose does.
func (n *node) barrier(done func(error)) {
	w := n.w
	if !n.ready {
		n.later(w.between(0, 20*ms), func() { done(errNoQuorum) })
		return
	}
	b := &barrier{index: -1, done: done}
	n.later(w.log.commitTime(), func() {
		if !w.log.inTouch(n) || w.chaos && w.chance(w.plan.lossy) {
			return
		}
		b.index = len(w.log.entries) - 1
		n.barriers = append(n.barriers, b)
		n.catchUp()
	})
	n.later(proposeTimeout, func() {
		if !b.over {
			b.over = true
			done(errUnknown)
		}
	})
}

// catchUp applies what was ordered and reaches this node.
func (n *node) catchUp() {
	w := n.w
	last := len(w.log.entries) - 1
	if len(w.nodes) == 1 || w.log.inTouch(n) {
		if last-n.applied > 3+w.rng.IntN(30) && w.chance(0.5) {
			n.installSnapshot(last)
		}
		for n.applied < last {
			n.apply(n.applied + 1)
		}
	}
	barriers := n.barriers
	n.barriers = nil
	for _, b := range barriers {
		switch {
		case b.over:
		case b.index > n.applied:
			n.barriers = append(n.barriers, b)
		default:
			b.over = true
			b.done(nil)
		}
	}
}

// apply makes one entry this node's newest and tells the loop.
func (n *node) apply(index int) {
	e := n.w.log.entries[index]
	before := n.doc()
	n.applied = index
	n.w.check.applied(n, before, e.outcome.Events)
	for _, name := range e.outcome.Masters {
		n.put(item{group: name})
	}
	if e.mutation.ID.Member != n.id {
		return
	}
	if done, ok := n.waiting[e.mutation.ID.Seq]; ok {
		delete(n.waiting, e.mutation.ID.Seq)
		done(e.outcome, nil)
	}
}

// installSnapshot jumps to a position. What was skipped is read from the
// journals.
func (n *node) installSnapshot(index int) {
	before := n.doc()
	n.applied = index
	n.w.say("node %s installs a snapshot at %d", n.id, index)
	n.w.check.skipped(n, before)
	for _, g := range n.w.groups {
		n.put(item{group: g.name})
	}
}

// doc is the document as this node knows it.
func (n *node) doc() *state.State { return n.w.log.entries[n.applied].state }

// reviewHealth is the broker finding out that it has lost or found its majority.
func (n *node) reviewHealth() {
	if now := n.w.log.inTouch(n); now != n.ready {
		if now && n.w.now-n.turnedAt > 2*peerTurn { // or else it may not have noticed
			n.backAt = n.w.now
		}
		n.ready, n.turnedAt = now, n.w.now
		n.w.say("node %s: the log is %s", n.id, map[bool]string{true: "ready", false: "suspended"}[now])
		n.put(item{})
	}
}
