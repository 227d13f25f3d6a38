package monitor

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// A link is the connection to one watched server.
//
// It decides nothing. When to probe, when to connect again and when to give a
// silent connection up is the decision core's business, so a link has no ticker
// and never tries anything twice by itself. It connects because something is to
// be sent; it says what came back and when; it says when the connection ended.
//
// Ten thousand masters with their replicas mean thirty thousand links, so an
// idle one must cost next to nothing: one goroutine, blocked in a read, which
// therefore sees a FIN or RST the moment it arrives. Writing is done by a
// second goroutine that exists only while there is something to write. redigo
// encodes and decodes, but its 8 KB of buffers are borrowed from a pool for the
// length of one reply or one write (link_wire.go).
//
// Requests are pipelined without waiting for replies, AUTH and CLIENT SETNAME
// included, as Sentinel does; replies come back in order and are matched with
// the queue of what was sent. A reply that nobody asked for, an unreadable one
// and an oversized one end the connection.
//
// What may never happen: a method that blocks; a report of an older connection
// after one of a newer; an order that gets no report, or two; an order that is
// written without its Valid having said yes right before; a password in a
// report.

// Section says which INFO to ask for. A higher one includes the lower.
type Section int8

const (
	// NoInfo asks for none.
	NoInfo Section = iota
	// InfoReplication is "INFO replication".
	InfoReplication
	// InfoAll is plain "INFO".
	InfoAll
)

// Request is what to ask a server: SCRIPT KILL, PING, INFO, in this order. What
// SCRIPT KILL is answered with is not reported; the next PONG tells.
type Request struct {
	KillScript bool
	Ping       bool
	Info       Section
}

// merge makes r ask for all that either asks for.
func (r *Request) merge(other Request) {
	r.KillScript = r.KillScript || other.KillScript
	r.Ping = r.Ping || other.Ping
	r.Info = max(r.Info, other.Info)
}

// Reconfigure is the order to follow another server, or none.
type Reconfigure struct {
	// ID comes back in the report.
	ID uint64
	// Target is the server to follow; zero is SLAVEOF NO ONE.
	Target state.Addr
	// Valid is asked right before the bytes are written, on a goroutine of the
	// link; false drops the order (ErrDropped). It may be asked again, because a
	// server that refuses a part of the transaction gets it without that. It must
	// not call the link. Never nil.
	Valid func() bool
	// Probe asks for INFO replication right behind the order, in one write.
	Probe bool
}

// ReportKind says which fields of a Report count.
type ReportKind int8

const (
	// ReportUp: connected, and the server takes our commands. It comes with the
	// first reply, so a server that accepts connections and never answers is
	// not up. No fields.
	ReportUp ReportKind = iota + 1
	// ReportDown: the connection was lost or could not be made; the last report
	// of each attempt to connect. Err, Refused.
	ReportDown
	// ReportPong: a reply to PING of any kind. SentAt, Valid, Text.
	ReportPong
	// ReportInfo: a reply to INFO. SentAt, Full, and Text with Facts or Err.
	ReportInfo
	// ReportOrdered: an order is answered or lost. ID, Err, Text.
	ReportOrdered
	// ReportAuth: the server does not let us in, or not fully: a wrong
	// password, one that it does not want, missing permissions, protected mode.
	// At most once per connection, for the log. The connection stays, but if
	// this is why no ReportUp comes, only a new one (Drop, then Send) can mend
	// it. Err.
	ReportAuth
)

// Report is one thing that a link saw. Which fields count depends on Kind, the
// others are zero.
type Report struct {
	Kind ReportKind
	Addr state.Addr
	// At is when the reply was read or the event noticed (monotonic).
	At time.Time
	// SentAt is when the request was written (monotonic).
	SentAt time.Time

	// IP says, of ReportUp and ReportDown, where a server that is known by name
	// was reached, or would have been tried first; "" if that is not known.
	IP string

	// Err says what went wrong, nil if nothing did.
	//
	// Of ReportInfo: the server's error reply. Of ReportOrdered: ErrDropped,
	// the server's refusal, or why it is unknown whether the order was carried
	// out. Of ReportDown: ErrDroppedLink if Drop was called.
	Err error
	// Refused: no connection could be made, and not for lack of an answer: the
	// host says that nobody listens.
	Refused bool

	// Valid: the reply to PING is one of a server that lives (PONG, LOADING or
	// MASTERDOWN, as a status or as an error).
	Valid bool
	// Full: the answer to plain INFO, not to INFO replication.
	Full bool
	// Text is what PING or INFO was answered with. Of a ReportOrdered without Err:
	// why a part of the order was left out (the clients were not dropped, or the
	// configuration not rewritten), "" if none was.
	Text  string
	Facts failover.Facts

	// ID is that of the order.
	ID uint64
}

var (
	// ErrDropped: the order was not sent because it was no longer valid.
	ErrDropped = errors.New("order not sent: no longer valid")
	// ErrDroppedLink: the connection ended because Drop was called.
	ErrDroppedLink = errors.New("connection dropped by us")

	errClosed = errors.New("link closed")
)

// maxPending is how many unanswered commands silence further requests, as in
// Sentinel. Orders are not counted against it: each is given once.
const maxPending = 100

// linkConfig is what a link needs to know. Only Pass, User and Name may be
// empty.
type linkConfig struct {
	Addr state.Addr
	// IP is what Addr's host was last known to stand for, if it is a name; "" if
	// nothing is known. It serves until the resolver answers.
	IP string
	// User and Pass: both give AUTH user pass, Pass alone AUTH pass, User alone
	// nothing.
	User string
	Pass state.Secret
	// Rename returns what the server calls a command (upper case).
	Rename func(command string) string
	// Name is announced with CLIENT SETNAME.
	Name string
	// Dial connects to "ip:port" and honours ctx; see dialTCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Resolve returns the IP addresses of a host name, the best one first; see
	// net.Resolver.LookupHost.
	Resolve func(ctx context.Context, host string) ([]string, error)
	// ConnectTimeout limits name resolution and connecting together.
	ConnectTimeout time.Duration
	// WriteTimeout is how long a write may wait for room in the socket.
	WriteTimeout time.Duration
}

// link is the connection to one server. Its methods may be called from any
// goroutine and never block.
type link struct {
	cfg    linkConfig
	report func(Report)
	names  names

	mu     sync.Mutex
	closed bool
	// running: the goroutine in run is there.
	running bool
	// session is the present connection or attempt to connect, nil if none.
	session *session
	// out is what is still to be written.
	out outbox
}

// outbox is what is to be sent with the next write. Orders come first: an INFO
// then shows what is after them.
type outbox struct {
	orders  []*order
	request Request
}

func (o *outbox) empty() bool { return len(o.orders) == 0 && o.request == Request{} }

// newLink returns a link that is not connected yet. report is called from
// goroutines of the link, in the order of what is seen; it must not block and
// may call the link's methods.
func newLink(cfg linkConfig, report func(Report)) *link {
	l := &link{cfg: cfg, report: report, names: newNames(cfg.Addr.Host, cfg.Resolve)}
	l.names.remember(cfg.IP)
	return l
}

// Send asks the server. It connects first if there is no connection; a request
// given while that goes on is sent with the handshake. Requests that are not
// yet written are merged, and dropped if the connection ends. With maxPending
// commands unanswered nothing is sent.
func (l *link) Send(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || r == (Request{}) || l.pending() >= maxPending {
		return
	}
	l.out.request.merge(r)
	l.wake()
}

// Order tells the server whom to follow, connecting first if need be. One
// ReportOrdered follows, unless the link is closed before.
func (l *link) Order(r Reconfigure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.out.orders = append(l.out.orders, &order{Reconfigure: r})
	l.wake()
}

// Drop gives the present connection, or the attempt to make one, up;
// ReportDown with ErrDroppedLink follows. What is sent after it goes over a new
// connection. Without a connection it does nothing.
func (l *link) Drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.session
	if s == nil || l.closed {
		return
	}
	s.unsent = append(s.unsent, l.out.orders...)
	l.out = outbox{}
	s.interrupt(ErrDroppedLink)
}

// Close ends the connection for good. Reports stop at once, except for one that
// is being made at this moment.
func (l *link) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.out = outbox{}
	if l.session != nil {
		l.session.interrupt(errClosed)
	}
	l.names.close()
}

// Pending returns how many commands have been written and not answered.
func (l *link) Pending() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pending()
}

// connectedTo is the IP address that the link is connected to, "" if it is not, or
// if the server is known by its address.
func (l *link) connectedTo() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session == nil || l.session.conn == nil {
		return ""
	}
	return l.names.reached()
}

// pending is Pending under l.mu.
func (l *link) pending() int {
	if l.session == nil {
		return 0
	}
	return len(l.session.unanswered)
}

// wake sees to it that somebody sends what is in the outbox. The caller holds
// l.mu.
func (l *link) wake() {
	if !l.running {
		l.running = true
		go l.run()
		return
	}
	if s := l.session; s != nil && s.conn != nil && !s.writing && s.cause == nil {
		s.writing = true
		go s.flush()
	}
}

// run carries out one connection after the other, as long as there is something
// to send when one ends. That one goroutine does so is what keeps the reports
// of two connections apart.
func (l *link) run() {
	for {
		s, ctx := l.begin()
		if s == nil {
			return
		}
		l.end(s, s.serve(ctx))
	}
}

// begin returns nil if there is nothing to connect for.
func (l *link) begin() (*session, context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.out.empty() {
		l.running = false
		return nil, nil
	}
	s, ctx := newSession(l)
	l.session = s
	return s, ctx
}

// end reports a connection's end and what became of its orders.
func (l *link) end(s *session, err error) {
	l.mu.Lock()
	s.settle()
	l.session = nil
	sent, unsent := s.lostOrders(), s.unsent
	if s.cause != nil {
		err = s.cause
	}
	if !errors.Is(s.cause, ErrDroppedLink) {
		// Nobody dropped it and then sent something new: what is left was meant
		// for this connection.
		unsent = append(unsent, l.out.orders...)
		l.out = outbox{}
	}
	conn := s.conn
	if conn == nil {
		s.stop()
	}
	l.mu.Unlock()

	for _, o := range sent {
		l.emit(Report{Kind: ReportOrdered, ID: o.ID, Err: lost(err)})
	}
	for _, o := range unsent {
		l.emit(Report{Kind: ReportOrdered, ID: o.ID, Err: notSent(err)})
	}
	l.emit(Report{Kind: ReportDown, Err: s.explain(err), Refused: conn == nil && isRefused(err)})
	if conn != nil {
		conn.Close()
	}
}

// emit completes a report and hands it over.
func (l *link) emit(r Report) {
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return
	}
	r.Addr = l.cfg.Addr
	switch r.Kind {
	case ReportUp:
		r.IP = l.names.reached()
	case ReportDown:
		r.IP = l.names.first()
	}
	if r.At.IsZero() {
		r.At = time.Now()
	}
	l.report(r)
}
