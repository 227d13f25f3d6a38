package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

func TestOptions(t *testing.T) {
	if _, err := New(Options{Addr: "127.0.0.1:0"}); err == nil {
		t.Error("a server without a node")
	}
	if _, err := New(Options{Node: newNode(t, "")}); err == nil {
		t.Error("a server without an address")
	}
	s := start(t, nil)
	if _, err := New(Options{Node: newNode(t, ""), Addr: s.Addr().String()}); err == nil || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second server on the same port: %v", err)
	}
}

// When Close returns nothing of the server is left, whatever its sessions were
// doing.
func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	node := newNode(t, "")
	started := runtime.NumGoroutine()
	s, err := New(Options{Addr: "127.0.0.1:0", Node: node})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()

	idle, partial, listening, paused, stuck := dial(t, s), dial(t, s), dial(t, s), dial(t, s), dial(t, s)
	idle.do("PING", "+PONG|")
	partial.do("PING", "+PONG|")
	partial.send("*2|$4|PI")
	listening.do("PSUBSCRIBE *", "*3|$10|psubscribe|$1|*|:1|")
	stuck.do("SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1|")
	for range 100 {
		s.Publish(event("a", strings.Repeat("x", 50_000))) // more than the network takes
	}
	paused.do("CLIENT PAUSE 1000000", "+OK|")
	paused.send("PING|")

	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	for _, c := range []*conn{idle, partial, paused} {
		c.expectEnd("")
	}
	if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
		c.Close()
		t.Error("the listener is still open")
	}
	procs.Eventually(t, patience, func() error {
		if now := runtime.NumGoroutine(); now > started {
			return fmt.Errorf("%d goroutines, %d before the server, %d at first", now, started, before)
		}
		return nil
	})
	if err := s.Serve(t.Context()); err == nil {
		t.Error("Serve after Close")
	}
	s.Publish(event("a", "to nobody"))
}

func TestCloseWithoutServe(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0", Node: newNode(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.listener.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener after Close: %v", err)
	}
}

// An embedder's listener is used and closed.
func TestOwnListener(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, func(o *Options) { o.Addr, o.Listener = "", l })
	c, err := net.Dial("unix", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "QUIT\r\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); string(got) != "+OK\r\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if port := s.Stats().Port; port != 0 {
		t.Errorf("port %d", port)
	}
}

// failing is a listener whose Accept fails as often as it is told to.
type failing struct {
	net.Listener
	mu   sync.Mutex
	left int
	err  error
}

func (l *failing) Accept() (net.Conn, error) {
	l.mu.Lock()
	fail := l.left > 0
	l.left--
	l.mu.Unlock()
	if fail {
		return nil, l.err
	}
	return l.Listener.Accept()
}

// A full table of open files passes; it is said once when it comes and once
// when it goes.
func TestAcceptErrors(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &logs{}
	s := start(t, func(o *Options) {
		o.Listener = &failing{Listener: inner, left: 5, err: &net.OpError{Op: "accept", Err: syscall.EMFILE}}
		o.Logger = log.logger()
	})
	dial(t, s).do("PING", "+PONG|")
	text := log.String()
	if strings.Count(text, "cannot accept clients") != 1 || strings.Count(text, "accepting clients again") != 1 {
		t.Errorf("the log: %s", text)
	}
}

// The server ends at once even while it waits to try again.
func TestCloseDuringAcceptErrors(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Listener: &failing{Listener: inner, left: 1 << 30, err: syscall.EMFILE}, Node: newNode(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context()) }()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil && !strings.Contains(err.Error(), "after Close") {
		t.Errorf("Serve: %v", err)
	}
}

// Somebody else closing the listener is an error, not a silent end.
func TestListenerLost(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Listener: l, Node: newNode(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(t.Context()) }()
	dial(t, s).do("PING", "+PONG|")
	l.Close()
	select {
	case err := <-served:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Serve goes on without a listener")
	}
}
