package sim

import (
	"errors"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// The errors that a link reports.
var (
	errDropped     = errors.New("order not sent: no longer valid")
	errDroppedLink = errors.New("connection dropped by us")
	errLost        = errors.New("connection lost")
	errNoAnswer    = errors.New("no answer to the connection attempt")
	errRefused     = errors.New("connection refused")
)

const (
	// connectTimeout is monitor's.
	connectTimeout = 5 * time.Second
	// maxPending is how many unanswered commands silence a link.
	maxPending = 100
)

// link is a node's connection to one server, as monitor's is: it connects when
// there is something to send, reports what comes back, and asks an order's fence
// right before the bytes leave.
type link struct {
	node    *node
	group   string
	links   uint64
	srv     *server
	orders  []*order
	request request
	session *session
	closed  bool
}

type request struct {
	ping bool
	info failover.InfoWant
}

func (r request) none() bool { return r == request{} }

// order is one reconfiguration on its way.
type order struct {
	fence  failover.Fence
	target state.Addr
	group  *watched
}

// session is one connection, from the attempt to make it to its end.
type session struct {
	link    *link
	life    int // the server's process that accepted it
	open    bool
	up      bool // something has been answered
	over    bool
	dropped bool
	// writing: a write is about to happen.
	writing    bool
	unanswered int
	sent       []*order // without an answer
	unsent     []*order // taken out by drop
	there      stream
	back       stream
}

func (n *node) linkTo(g *watched, a state.Addr) *link {
	for _, l := range g.links {
		if l.srv.addr == a {
			return l
		}
	}
	if g.linksID == 0 {
		n.nextLinks++
		g.linksID = n.nextLinks
	}
	l := &link{node: n, group: g.name, links: g.linksID, srv: n.w.byAddr[a]}
	g.links = append(g.links, l)
	return l
}

func (n *node) closeLinks(g *watched) {
	for _, l := range g.links {
		l.close()
	}
	g.links, g.linksID = nil, 0
}

// closeStrayLinks closes links to servers that the document no longer has.
func (n *node) closeStrayLinks(g *watched) {
	if len(g.links) <= len(g.agreed.Replicas)+1 {
		return
	}
	kept := g.links[:0]
	for _, l := range g.links {
		if _, known := g.agreed.Replica(l.srv.addr); known || l.srv.addr == g.agreed.Addr {
			kept = append(kept, l)
		} else {
			l.close()
		}
	}
	g.links = kept
}

func (l *link) send(r request) {
	if l.closed || l.session != nil && l.session.unanswered >= maxPending {
		return
	}
	l.request.ping = l.request.ping || r.ping
	l.request.info = max(l.request.info, r.info)
	l.wake()
}

func (l *link) order(o *order) {
	l.orders = append(l.orders, o)
	l.wake()
}

// drop gives the present connection up; what is sent after it goes over a new
// one.
func (l *link) drop() {
	s := l.session
	if s == nil || s.dropped {
		return
	}
	s.dropped = true
	s.unsent = l.orders
	l.orders, l.request = nil, request{}
	l.node.later(20*time.Microsecond, func() { s.end(errDroppedLink, false) })
}

func (l *link) close() {
	l.closed = true
	if l.session != nil {
		l.session.over = true
		l.session.disconnect()
	}
}

func (l *link) wake() {
	s := l.session
	switch {
	case l.closed:
	case s == nil:
		l.connect()
	case s.open && !s.dropped && !s.writing:
		s.writing = true
		l.node.later(l.node.w.between(time.Microsecond, 200*time.Microsecond), s.flush)
	}
}

func (l *link) connect() {
	w := l.node.w
	s := &session{link: l}
	s.there = stream{w: w, from: l.node.place, to: l.srv.place}
	s.back = stream{w: w, from: l.srv.place, to: l.node.place}
	l.session = s
	for _, again := range []time.Duration{0, time.Second, 3 * time.Second} {
		l.node.later(again, s.knock)
		if w.net.both(l.node.place, l.srv.place) && !l.srv.hostDown {
			break // the first attempt will be answered
		}
	}
	l.node.later(connectTimeout, func() {
		if !s.open {
			s.end(errNoAnswer, false)
		}
	})
}

// knock sends the first packet of a connection.
func (s *session) knock() {
	l := s.link
	w := l.node.w
	if s.open || s.over || l.srv.hostDown || !w.net.both(l.node.place, l.srv.place) {
		return
	}
	d := 2 * w.net.delay()
	if d > 2*w.plan.latency {
		w.check.delayed(l.node.place, l.srv.place, w.now+d)
	}
	l.node.later(d, func() {
		switch {
		case s.open || s.over:
		case !l.srv.running:
			s.end(errRefused, true)
		default:
			s.open, s.life = true, l.srv.life
			l.srv.sessions = append(l.srv.sessions, s)
			s.writing = true
			s.flush()
		}
	})
}

// flush writes what there is to write.
func (s *session) flush() {
	l := s.link
	s.writing = false
	if s.over || s.dropped {
		return
	}
	orders := l.orders[:0:0]
	for _, o := range l.orders {
		if o.fence.Holds(l.node.now(), l.node.doc()) {
			orders = append(orders, o)
			l.node.w.check.orderSent(l.node, l.srv, o)
		} else {
			l.node.say("does not send an order to %s: no longer valid", l.srv.addr)
			l.report(failover.Input{Kind: failover.Ordered, Err: errDropped})
		}
	}
	r := l.request
	l.orders, l.request = nil, request{}
	if len(orders) == 0 && r.none() {
		return
	}
	s.sent = append(s.sent, orders...)
	s.unanswered += len(orders) + 2
	sentAt := l.node.now()
	s.there.send(func() { l.srv.receive(s, orders, r, sentAt) })
}

// reply is what a server answers to one write.
type reply struct {
	sentAt  failover.Moment
	orders  []error
	pong    bool
	valid   bool
	loading bool
	infos   []failover.Facts
	full    bool // the last of infos is a full one
}

// receive takes a reply in.
func (s *session) receive(r reply) {
	l := s.link
	if s.over {
		return
	}
	now := l.node.now()
	if !s.up {
		s.up = true
		l.node.say("link to %s is up", l.srv.name)
		l.report(failover.Input{Kind: failover.Linked, At: now})
	}
	s.sent = s.sent[len(r.orders):]
	s.unanswered -= len(r.orders) + 2
	for _, err := range r.orders {
		l.report(failover.Input{Kind: failover.Ordered, At: now, Err: err, Refused: err != nil})
	}
	if r.pong {
		l.report(failover.Input{Kind: failover.Pong, At: now, SentAt: r.sentAt, Valid: r.valid, Loading: r.loading})
	}
	for i, facts := range r.infos {
		full := r.full && i == len(r.infos)-1
		l.report(failover.Input{Kind: failover.Info, At: now, SentAt: r.sentAt, Full: full, Facts: facts})
	}
}

// end reports a connection's end and what became of its orders.
func (s *session) end(err error, refused bool) {
	l := s.link
	if s.over {
		return
	}
	l.node.say("link to %s ends: %v", l.srv.name, err)
	s.over = true
	s.disconnect()
	l.session = nil
	lost := append(s.sent, s.unsent...)
	if !s.dropped {
		lost = append(lost, l.orders...)
		l.orders, l.request = nil, request{}
	}
	for range lost {
		l.report(failover.Input{Kind: failover.Ordered, At: l.node.now(), Err: errLost})
	}
	cause := err
	if err == errDroppedLink {
		cause = nil // as the monitor has it
	}
	l.report(failover.Input{Kind: failover.Unlinked, At: l.node.now(), Err: cause, Refused: refused})
	if len(l.orders) > 0 || !l.request.none() {
		l.connect()
	}
}

// disconnect closes the socket. The kernel may or may not go on sending what was
// written to it.
func (s *session) disconnect() {
	if s.there.w.chance(0.5) {
		s.there.broken = true
	}
	s.back.broken = true
	s.link.srv.forget(s)
}

// reset is the server's kernel saying that there is no such connection.
func (s *session) reset() {
	s.back.send(func() { s.link.node.run(func() { s.end(errLost, false) }) })
}

func (l *link) report(in failover.Input) {
	if l.closed {
		return
	}
	in.Addr = l.srv.addr
	if in.At == 0 {
		in.At = l.node.now()
	}
	l.node.put(item{group: l.group, links: l.links, input: in})
}
