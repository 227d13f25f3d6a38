package raft

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// link is the connection for talk from this node to one other.
type link struct {
	m      *mesh
	node   string
	cancel context.CancelFunc

	mu    sync.Mutex
	peer  peer
	alarm chan struct{} // closed and replaced when peer changes
}

// peer is what a link knows of its other end.
type peer struct {
	// Reachable: it answers.
	Reachable bool
	// Serving: see status.
	Serving bool
	// Trouble is why it does not answer, nil while it does or before the first
	// attempt has ended.
	Trouble error
}

const (
	firstPause = 20 * time.Millisecond
	// seekPause is between two rounds over the addresses of the configuration
	// while somebody is missed.
	seekPause = 200 * time.Millisecond
)

// setPeers says which other nodes there are; links begin and end accordingly.
func (m *mesh) setPeers(nodes map[string]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return
	}
	for node, l := range m.links {
		if !nodes[node] {
			l.cancel()
			delete(m.links, node)
		}
	}
	for node := range nodes {
		if m.links[node] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(m.ctx)
		l := &link{m: m, node: node, cancel: cancel, alarm: make(chan struct{})}
		m.links[node] = l
		m.wg.Go(func() { l.run(ctx) })
	}
}

// peers returns what is known of all others, by node.
func (m *mesh) peers() map[string]peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make(map[string]peer, len(m.links))
	for node, l := range m.links {
		all[node], _ = l.get()
	}
	return all
}

// peer returns what is known of one other node and the channel that is closed
// at the next change; both are zero for a node without a link.
func (m *mesh) peer(node string) (peer, <-chan struct{}) {
	m.mu.Lock()
	l := m.links[node]
	m.mu.Unlock()
	if l == nil {
		return peer{}, nil
	}
	return l.get()
}

func (l *link) get() (peer, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peer, l.alarm
}

func (l *link) set(p peer) {
	l.mu.Lock()
	was := l.peer
	l.peer = p
	if p.Reachable != was.Reachable || p.Serving != was.Serving || (p.Trouble == nil) != (was.Trouble == nil) {
		close(l.alarm)
		l.alarm = make(chan struct{})
	}
	l.mu.Unlock()
	l.report(was, p)
}

// report logs what a person should know: who comes and goes, and what time alone
// does not mend.
func (l *link) report(was, now peer) {
	e, _, _ := l.m.book.get(l.node)
	reason := inWords(now.Trouble)
	switch {
	case now.Reachable && !was.Reachable:
		l.m.log.Info("a member of the group is reachable", "member", e.Addr)
	case now.Reachable || reason == inWords(was.Trouble):
	case was.Reachable:
		l.m.log.Warn("a member of the group is unreachable", "member", e.Addr, "reason", reason)
	case !commonplace(now.Trouble):
		l.m.log.Warn("a member of the group cannot be talked to", "member", e.Addr, "reason", reason)
	case was.Trouble == nil:
		l.m.log.Info("a member of the group cannot be reached yet", "member", e.Addr, "reason", reason)
	}
}

// run connects again and again.
func (l *link) run(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		e, _, changed := l.m.book.get(l.node)
		err := errors.New("its address is not known yet")
		if e.Addr != "" {
			err = l.session(ctx, e.Addr)
		}
		if ctx.Err() != nil {
			return
		}
		if p, _ := l.get(); p.Reachable {
			pause = firstPause
		}
		l.set(peer{Trouble: err})
		t := time.NewTimer(pause)
		select {
		case <-t.C:
			pause = min(2*pause, max(l.m.pace, firstPause))
		case <-changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// session exchanges statuses until something fails.
func (l *link) session(ctx context.Context, addr string) error {
	c, _, err := l.m.dial(ctx, purposeTalk, l.node, addr)
	if err != nil {
		return err
	}
	defer l.m.untrack(c.raw)
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	for {
		bell := l.m.bellChan()
		theirs, err := l.m.exchange(c)
		if err != nil {
			return err
		}
		l.set(peer{Reachable: true, Serving: theirs.Serving})
		t := time.NewTimer(l.m.pace)
		select {
		case <-t.C:
		case <-bell:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// exchange tells and hears once.
func (m *mesh) exchange(c *conn) (status, error) {
	if err := c.talk(frameStatus, m.status(), m.patience); err != nil {
		return status{}, err
	}
	var theirs status
	if err := c.hear(frameStatus, &theirs, time.Now().Add(m.patience)); err != nil {
		return status{}, err
	}
	return theirs, m.take(theirs)
}

// visit exchanges statuses once with whoever is at an address.
func (m *mesh) visit(ctx context.Context, addr string) (status, error) {
	c, _, err := m.dial(ctx, purposeTalk, "", addr)
	if err != nil {
		return status{}, err
	}
	defer m.untrack(c.raw)
	return m.exchange(c)
}

// ask exchanges statuses once with a node, on a connection of its own.
func (m *mesh) ask(ctx context.Context, node string) error {
	c, err := m.dialNode(ctx, purposeTalk, node)
	if err != nil {
		return err
	}
	defer m.untrack(c.raw)
	_, err = m.exchange(c)
	return err
}

// suspect makes a node count as unreachable until its link finds otherwise.
func (m *mesh) suspect(node string, trouble error) {
	m.mu.Lock()
	l := m.links[node]
	m.mu.Unlock()
	if l != nil {
		l.set(peer{Trouble: trouble})
	}
}

// seek visits the addresses of the configuration as long as somebody is missed:
// members may have moved there.
func (m *mesh) seek() {
	for m.rest(seekPause) {
		if !m.missing() {
			continue
		}
		for _, addr := range m.seeds {
			if m.strange(addr) && m.ctx.Err() == nil {
				if _, err := m.visit(m.ctx, addr); err != nil {
					m.log.Debug("nobody to talk to at an address of the configuration", "addr", addr, "reason", inWords(err))
				}
			}
		}
	}
}

// missing reports whether some member is unreachable, or none is known.
func (m *mesh) missing() bool {
	peers := m.peers()
	for _, p := range peers {
		if !p.Reachable {
			return true
		}
	}
	return len(peers) == 0
}

// strange reports whether an address is not that of a node with a link.
func (m *mesh) strange(addr string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for node := range m.links {
		if e, _, _ := m.book.get(node); e.Addr == addr {
			return false
		}
	}
	return true
}

// commonplace reports whether an error is what comes of a node that is down,
// starting or cut off.
func commonplace(err error) bool {
	var timeout net.Error
	var r refusal
	return closedByOther(err) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &timeout) || errors.As(err, &r) && r.Code == refusedNotYet
}

func closedByOther(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// inWords is the short reason why a connection did not come about or ended.
//
// It says the same whenever the cause is the same, so that a change of it is news:
// times and the ports of this end are left out.
func inWords(err error) string {
	var timeout net.Error
	var lookup *net.DNSError
	var expired x509.CertificateInvalidError
	var op *net.OpError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, errHungUp):
		return err.Error()
	case closedByOther(err):
		return "connection closed"
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return "the name " + lookup.Name + " is not known"
	case errors.As(err, &lookup):
		return "the name " + lookup.Name + " cannot be looked up"
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return "its certificate has expired or is not valid yet"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer"
	case errors.As(err, &op) && op.Source != nil: // the address of this end
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
