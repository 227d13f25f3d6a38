package raft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"redis-failover/cluster/state"
)

// mesh is the network of the members: one listener for everything, a connection
// for talk from each node to each other, and the engine's connections. It is
// there before raft is and works without it.
type mesh struct {
	book    *book
	log     *slog.Logger
	network network
	tls     TLS
	secret  state.Secret
	seeds   []string

	// status is what this node tells; heard is told what others say. Both are
	// called from several goroutines at a time and do not block.
	status func() status
	heard  func(status)
	// inForce is the schema of the document: whoever knows less may not take
	// part. It never falls.
	inForce func() int

	// pace is the time between two exchanges, and patience how long an answer
	// may take. A node that has not answered for so long counts as
	// unreachable.
	pace, patience time.Duration

	listener net.Listener
	ctx      context.Context // ends when the mesh closes
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	engine   atomic.Pointer[receiver]
	unproved chan struct{} // has room for the handshakes that may go on
	// admitting is held while a card is held against the book and noted there, so
	// that of two with one id only one gets in.
	admitting sync.Mutex

	mu      sync.Mutex
	links   map[string]*link    // by node
	conns   map[net.Conn]string // open connections and the nodes at their ends
	removed map[uint64]bool     // replicas that are no members any more
	bell    chan struct{}       // closed to make all links exchange at once
}

// leastPatience is how long a node that answers nothing still counts as reachable
// whatever the timing: a busy machine takes as long now and then.
const leastPatience = 500 * time.Millisecond

// maxUnproved is how many connections may be in the handshake that were accepted. A
// member has a few at a time; more than these wait to be accepted, so that strangers
// cost neither memory nor all file descriptors.
const maxUnproved = 128

// shake bounds the handshake of a connection.
func (m *mesh) shake() time.Duration { return max(m.patience, time.Second) }

// open listens. Until start is called, connections wait.
func (m *mesh) open(listen string) error {
	if m.tls.enabled() { // say what is wrong with the files now
		if _, err := m.tls.server(); err != nil {
			return err
		}
	}
	l, err := m.network.Listen(listen)
	if err != nil {
		return fmt.Errorf("listen on the raft address %s: %w", listen, err)
	}
	m.listener = l
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.links, m.conns, m.removed = map[string]*link{}, map[net.Conn]string{}, map[uint64]bool{}
	m.bell = make(chan struct{})
	m.unproved = make(chan struct{}, maxUnproved)
	return nil
}

// start begins to accept, and to look for members at the addresses of old.
func (m *mesh) start() {
	m.wg.Go(m.accept)
	m.wg.Go(m.seek)
}

func (m *mesh) close() {
	m.cancel()
	_ = m.listener.Close()
	m.mu.Lock()
	for c := range m.conns {
		_ = c.Close()
	}
	m.mu.Unlock()
	m.wg.Wait()
}

// track registers a connection so that close ends it. It closes it at once if
// the mesh is closed.
func (m *mesh) track(c net.Conn, node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns[c] = node
	if m.ctx.Err() != nil {
		_ = c.Close()
	}
}

func (m *mesh) untrack(c net.Conn) {
	_ = c.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.conns, c)
}

// running reports whether the engine takes messages.
func (m *mesh) running() bool { return m.engine.Load() != nil }

func (m *mesh) isRemoved(replica uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.removed[replica]
}

// setRemoved says which replicas are no members any more.
func (m *mesh) setRemoved(replicas map[uint64]struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r := range replicas {
		m.removed[r] = true
	}
}

// kick makes all links exchange what there is to tell now.
func (m *mesh) kick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.bell)
	m.bell = make(chan struct{})
}

func (m *mesh) bellChan() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bell
}

func (m *mesh) accept() {
	for {
		select {
		case m.unproved <- struct{}{}:
		case <-m.ctx.Done():
			return
		}
		c, err := m.listener.Accept()
		if err != nil {
			<-m.unproved
			if m.ctx.Err() != nil {
				return
			}
			// Out of file descriptors, or the like: others may close some.
			m.log.Warn("the raft port cannot accept connections for now", "error", err)
			if !m.rest(m.pace) {
				return
			}
			continue
		}
		m.wg.Go(func() { m.serve(c) })
	}
}

// rest waits, and returns false if the mesh closes meanwhile.
func (m *mesh) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-m.ctx.Done():
		return false
	}
}

// serve handles a connection that was accepted, and gives its place among the
// unproved back.
func (m *mesh) serve(raw net.Conn) {
	m.track(raw, "")
	defer m.untrack(raw)
	c, h, err := m.welcome(raw)
	if err != nil {
		m.untrack(raw) // before another takes its place
	}
	<-m.unproved
	if err == nil {
		switch h.Purpose {
		case purposeTalk:
			err = m.serveTalk(c)
		case purposeRaft:
			err = m.serveRaft(c)
		case purposeSnapshot:
			err = m.serveSnapshot(c)
		default:
			err = fmt.Errorf("the purpose %q is not known here", h.Purpose)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		m.log.Debug("a connection to the raft port ended", "from", raw.RemoteAddr(), "member", h.Card.Addr, "purpose", h.Purpose, "error", err)
	}
}

// welcome is the acceptor's side of the handshake.
func (m *mesh) welcome(raw net.Conn) (*conn, hello, error) {
	deadline := time.Now().Add(m.shake())
	if err := raw.SetDeadline(deadline); err != nil {
		return nil, hello{}, err
	}
	secured, err := m.tls.accept(raw)
	if err != nil {
		return nil, hello{}, err
	}
	c, err := prove(secured, m.secret, false)
	if err != nil {
		return nil, hello{}, err
	}
	var h hello
	if err := c.hear(frameHello, &h, deadline); err != nil {
		return nil, hello{}, err
	}
	self := m.status()
	a := answer{Card: self.Card, Book: self.Book}
	a.Refusal = m.judge(h, self.Card, h.Card, h.Book)
	if err := c.talk(frameAnswer, a, m.shake()); err != nil {
		return nil, h, err
	}
	if a.Refusal.Code != "" {
		return nil, h, a.Refusal
	}
	c.raw = raw
	m.track(raw, h.Card.Node)
	return c, h, raw.SetDeadline(time.Time{})
}

// dial connects to a node, or with node "" to whoever is at the address. A
// refusal by either side is an error of that type.
func (m *mesh) dial(ctx context.Context, p purpose, node, addr string) (*conn, card, error) {
	ctx, cancel := context.WithTimeout(ctx, m.shake())
	defer cancel()
	raw, err := m.network.Dial(ctx, addr)
	if err != nil {
		return nil, card{}, err
	}
	m.track(raw, node)
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Now()) })
	c, other, err := m.greet(raw, p, node, addr)
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		m.untrack(raw)
		return nil, other, err
	}
	c.raw = raw
	return c, other, nil
}

// greet is the dialler's side of the handshake.
func (m *mesh) greet(raw net.Conn, p purpose, node, addr string) (*conn, card, error) {
	secured, err := m.tls.dial(raw, addr)
	if err != nil {
		return nil, card{}, err
	}
	c, err := prove(secured, m.secret, true)
	if err != nil {
		return nil, card{}, err
	}
	self := m.status()
	if err := c.talk(frameHello, hello{Purpose: p, To: node, Card: self.Card, Book: self.Book}, m.shake()); err != nil {
		return nil, card{}, err
	}
	var a answer
	if err := c.hear(frameAnswer, &a, time.Now().Add(m.shake())); err != nil {
		return nil, card{}, err
	}
	if a.Refusal.Code != "" {
		return nil, a.Card, a.Refusal
	}
	if r := m.judge(hello{Purpose: p}, self.Card, a.Card, a.Book); r.Code != "" {
		return nil, a.Card, r.asSeenByDialler()
	}
	return c, a.Card, nil
}

// asSeenByDialler keeps what concerns the acceptor from being taken for the
// dialler's own fault.
func (r refusal) asSeenByDialler() refusal {
	if r.forGood() {
		r.Code = refusedNotYet
	}
	return r
}

// serveTalk answers each status with one's own.
func (m *mesh) serveTalk(c *conn) error {
	for {
		var theirs status
		if err := c.hear(frameStatus, &theirs, time.Now().Add(4*m.patience)); err != nil {
			return err
		}
		if err := m.take(theirs); err != nil {
			return err
		}
		if err := c.talk(frameStatus, m.status(), m.patience); err != nil {
			return err
		}
	}
}

// take files what another node tells. It ends the conversation with one that was
// removed meanwhile, which will hear why when it comes back.
func (m *mesh) take(theirs status) error {
	if m.isRemoved(theirs.Card.Replica) {
		return refused(refusedRemoved, "the member at %s was removed from the group", theirs.Card.Addr)
	}
	if err := m.book.learn(append([]entry{theirs.Card.entry()}, theirs.Book...)); err != nil {
		if lives := (contradiction{}); errors.As(err, &lives) {
			m.cut(theirs.Card.Node)
			return refused(refusedConflict, "this node and %s do not agree on who is in the group: %s", theirs.Card.Addr, lives)
		}
		return err
	}
	m.heard(theirs)
	return nil
}

// cut ends all connections with a node.
func (m *mesh) cut(node string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for c, n := range m.conns {
		if n == node {
			_ = c.Close()
		}
	}
}
