package sim

import (
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// This file models how nodes ask each other whether they are there, as
// monitor/peers.go does: a look at what was heard ten times a second, and one
// question at a time to each other node. What follows from the answers is
// decided by the real failover.Peers.

const (
	peerTurn    = 100 * ms
	peerPeriod  = 500 * ms
	peerDoubt   = 100 * ms
	peerTimeout = 2 * time.Second
)

// meet begins to watch the other nodes.
func (n *node) meet() {
	if len(n.w.nodes) == 1 {
		return
	}
	n.peers, n.peerPauses = failover.NewPeers(), failover.PauseDetector{}
	n.lookAtPeers()
	for _, other := range n.w.nodes {
		if other != n {
			n.later(n.w.between(0, 50*ms), func() { n.askPeer(other) })
		}
	}
}

func (n *node) lookAtPeers() {
	if pause := n.peerPauses.Tick(n.now()); pause > 0 {
		n.peers.Paused(n.now(), pause)
	}
	out := n.peers.Step(failover.Env{Now: n.now(), Self: n.id, Doc: n.doc(), CanCommit: n.ready, Timing: n.w.plan.timing})
	for _, line := range out.Log {
		n.sayLog(line)
	}
	for _, p := range out.Proposals {
		n.w.check.checkSlander(n, p.Op.(state.OpAlive))
		n.propose(p.Op, func(_ state.Outcome, err error) { n.peers.Proposed(state.MemberID(p.Key), n.now(), err) })
	}
	n.w.check.checkDead()
	n.later(peerTurn, n.lookAtPeers)
}

// peerQuestion is one question of a node to another.
type peerQuestion struct {
	n, other *node
	begun    time.Duration
	// life is that of the process that was asked: its connections end with it.
	life int
	over bool
}

// peerAnswer is how a question ends.
type peerAnswer int8

const (
	noAnswer peerAnswer = iota
	answered
	refused // nobody listens there, and the host says so
)

// askPeer asks once and plans the next time.
func (n *node) askPeer(other *node) {
	q := &peerQuestion{n: n, other: other, begun: n.w.now, life: other.life}
	q.packet(n.place, other.place, q.arrive)
}

// packet is on its way. One that a cut stops is lost: whoever asks again does so
// over a new connection.
func (q *peerQuestion) packet(from, to place, arrive func()) {
	life := q.n.life
	q.n.w.after(q.n.w.net.delay(), func() {
		switch {
		case q.n.life != life:
		case q.n.w.net.open(from, to):
			arrive()
		default:
			q.timeOut()
		}
	})
}

func (q *peerQuestion) arrive() {
	switch {
	case !q.other.up:
		q.reply(refused)
	case q.other.life != q.life: // the connection was to its former process
		q.reply(noAnswer)
	default:
		if q.other.paused {
			q.timeOut()
		}
		q.other.run(func() { q.reply(answered) })
	}
}

func (q *peerQuestion) reply(a peerAnswer) {
	q.packet(q.other.place, q.n.place, func() { q.n.run(func() { q.end(a) }) })
}

// timeOut ends a question that may get nowhere when its time is over.
func (q *peerQuestion) timeOut() {
	q.n.later(peerTimeout-(q.n.w.now-q.begun), func() { q.end(noAnswer) })
}

func (q *peerQuestion) end(a peerAnswer) {
	if q.over {
		return
	}
	q.over = true
	period := peerPeriod
	switch a {
	case answered:
		q.n.peers.Heard(q.other.id, q.n.now())
	case refused:
		q.n.peers.Refused(q.other.id, q.n.now())
	}
	if member, ok := q.n.doc().Member(q.other.id); a != answered && ok && member.Alive {
		period = peerDoubt
	}
	q.n.later(period-(q.n.w.now-q.begun), func() { q.n.askPeer(q.other) })
}
