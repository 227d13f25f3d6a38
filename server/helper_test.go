package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/commands"
	"redis-failover/monitor/failover"
	"redis-failover/monitor/scripts"
)

// patience bounds every wait of these tests; a healthy server needs
// milliseconds.
const patience = 20 * time.Second

// blind is a Watcher that sees nothing.
type blind struct{}

func (blind) View(string) (failover.View, bool) { return failover.View{}, false }
func (blind) Member(state.MemberID) (failover.MemberView, bool) {
	return failover.MemberView{}, false
}
func (blind) Failover(context.Context, string) error {
	return failover.ErrNoGoodReplica
}
func (blind) TiltSeconds() int                { return -1 }
func (blind) SimulateFailure(...string) error { return nil }
func (blind) SimulatedFailures() int          { return 0 }
func (blind) Timing() failover.Timing         { return failover.Timing{} }
func (blind) SetTiming(failover.Timing)       {}

// noScripts runs nothing.
type noScripts struct{}

func (noScripts) Pending() []scripts.Script { return nil }
func (noScripts) Runnable(string) error     { return errors.ErrUnsupported }
func (noScripts) Times() scripts.Times      { return scripts.Times{} }
func (noScripts) SetTimes(scripts.Times)    {}

// newNode is a node with a document of its own that knows one master,
// "mymaster" at 127.0.0.1:6379.
func newNode(t testing.TB, password state.Secret) *commands.Node {
	t.Helper()
	broker, err := standalone.Open(standalone.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	_, _, err = broker.Propose(t.Context(), state.Mutation{Op: state.OpMonitor{
		Name: "mymaster", Addr: state.Addr{Host: "127.0.0.1", Port: 6379}, Quorum: 1, Settings: state.DefaultSettings(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	lookUps := commands.NewLookUps(commands.LookUpOptions{Broker: broker, IsolatedAnswers: true, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { lookUps.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return &commands.Node{
		Broker: broker, Watcher: blind{}, Scripts: noScripts{}, LookUps: lookUps, Users: commands.NewUsers(password),
		Announcement: commands.NewAnnouncement(state.Addr{}, func(as state.Addr) state.Addr { return as }),
		Tuning:       commands.NewTuning(state.DefaultSettings()), Version: "test", RunID: strings.Repeat("0", 40), Started: time.Now(),
	}
}

// start runs a server until the test ends, and checks that it ends well.
func start(t testing.TB, change func(*Options)) *Server {
	t.Helper()
	o := Options{Addr: "127.0.0.1:0"}
	if change != nil {
		change(&o)
	}
	if o.Node == nil {
		o.Node = newNode(t, "")
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(context.Background()) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return s
}

// conn is a client that reads and writes bytes.
type conn struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, s *Server) *conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &conn{t, c, bufio.NewReader(c)}
}

// crlf makes "+OK|" of a test what it is on the wire.
func crlf(text string) string { return strings.ReplaceAll(text, "|", "\r\n") }

func (c *conn) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, crlf(text)); err != nil {
		c.t.Fatal(err)
	}
}

// expect reads as many bytes as the text has and compares them.
func (c *conn) expect(text string) {
	c.t.Helper()
	want := crlf(text)
	got := make([]byte, len(want))
	n, err := io.ReadFull(c.r, got)
	if string(got[:n]) != want {
		c.t.Fatalf("got %.300q (%v), want %.300q", got[:n], err, want)
	}
}

// do sends a command line and expects a reply.
func (c *conn) do(line, want string) {
	c.t.Helper()
	c.send(line + "|")
	c.expect(want)
}

// line reads one line.
func (c *conn) line() string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	if err != nil {
		c.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// expectEnd expects that the server has closed the connection after the text.
func (c *conn) expectEnd(text string) {
	c.t.Helper()
	c.expect(text)
	rest, err := io.ReadAll(c.r)
	if len(rest) > 0 || (err != nil && !isReset(err)) {
		c.t.Fatalf("got %.300q, %v instead of the end", rest, err)
	}
}

// isReset reports whether an end of a connection was abrupt, which is fine.
func isReset(err error) bool {
	timeout := net.Error(nil)
	return !errors.As(err, &timeout) || !timeout.Timeout()
}

// logs is a logger's output, for reading while it is written.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func event(name, payload string) state.Event {
	return state.Event{Name: name, Level: state.Warning, Payload: payload}
}
