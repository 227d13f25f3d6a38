package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// moody is a broker whose health the test chooses.
type moody struct {
	mu      sync.Mutex
	health  cluster.Health
	barrier error
	changed chan struct{}
}

func (*moody) State() *state.State { return state.New() }

func (m *moody) Barrier(context.Context) (state.Index, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return 0, m.barrier
}

func (m *moody) Health() cluster.Health {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.health
}

func (m *moody) HealthChanged() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *moody) set(h cluster.Health, barrier error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.health, m.barrier = h, barrier
	close(m.changed)
	m.changed = make(chan struct{})
}

// serve is a server of a node that is announced as told.example.
func serve(t *testing.T, node *commands.Node, hosts ...string) *Server {
	t.Helper()
	changes, _ := node.Broker.(Changes)
	if changes == nil {
		changes = &standalone.Broker{}
	}
	s, err := New(Options{
		Node: node, Host: func() commands.Host { return noHost{} }, Changes: changes, Hosts: hosts, Announced: func() string { return "told.example" },
		NewMaster: func() (int, state.Settings) {
			settings := state.DefaultSettings()
			settings.DownAfter = 3 * time.Second
			return 1, settings
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// noHost is a server without clients.
type noHost struct{ commands.Host }

// Clients is part of commands.Host.
func (noHost) Clients() []commands.Client { return nil }

// get is the answer of a handler.
func get(t *testing.T, h http.Handler, change func(*http.Request), method, target string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:26379"
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReady(t *testing.T) {
	broker := &moody{health: cluster.Health{Condition: cluster.Suspended, Reason: "two of three\nare away"}, barrier: cluster.ErrNoQuorum, changed: make(chan struct{})}
	lookUps := commands.NewLookUps(commands.LookUpOptions{Broker: broker, Log: slog.New(slog.DiscardHandler)})
	s := serve(t, &commands.Node{LookUps: lookUps})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { lookUps.Run(ctx) })
	defer running.Wait()
	defer stop()
	await := func(status int, text string) {
		t.Helper()
		deadline := time.After(patience)
		for {
			r := get(t, s.http.Handler, nil, "GET", "/readyz")
			got := body(t, r)
			if r.StatusCode == status && strings.Contains(got, text) && strings.Count(got, "\n") == 1 {
				return
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-deadline:
				t.Fatalf("%d %q instead of %d %q", r.StatusCode, got, status, text)
			}
		}
	}
	await(http.StatusServiceUnavailable, "two of three are away")
	broker.set(cluster.Health{}, cluster.ErrNoQuorum)
	await(http.StatusServiceUnavailable, "not ready: no majority has confirmed")
	broker.set(cluster.Health{}, nil)
	await(http.StatusOK, "ready\n")
	broker.set(cluster.Health{Condition: cluster.Suspended, Reason: "gone"}, nil)
	await(http.StatusServiceUnavailable, "isolated for ")
	if r := get(t, s.http.Handler, nil, "GET", "/healthz"); r.StatusCode != http.StatusOK {
		t.Errorf("an isolated node lives, and says %s", r.Status)
	}
	if r := get(t, s.http.Handler, nil, "POST", "/readyz"); r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %s, allowed %q", r.Status, r.Header.Get("Allow"))
	}
}

// What pages of others make browsers send is refused, by whatever name they
// found us.
func TestGuard(t *testing.T) {
	s := serve(t, &commands.Node{}, "Allowed.example")
	header := func(pairs ...string) func(*http.Request) {
		return func(r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == "Host" {
					r.Host = pairs[i+1]
				} else {
					r.Header.Set(pairs[i], pairs[i+1])
				}
			}
		}
	}
	for _, tc := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"address", header("Host", "10.1.2.3:26379"), 200},
		{"IPv6", header("Host", "[2001:db8::1]:26379"), 200},
		{"IPv6 without port", header("Host", "[::1]"), 200},
		{"localhost", header("Host", "LOCALHOST:26379"), 200},
		{"no host", header("Host", ""), 200},
		{"announced", header("Host", "told.example:1"), 200},
		{"allowed", header("Host", "allowed.EXAMPLE.:1"), 200},
		{"unknown name", header("Host", "evil.example:26379"), 421},
		{"name that begins like an address", header("Host", "127.0.0.1.evil.example"), 421},
		{"same origin", header("Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:26379"), 200},
		{"typed in", header("Sec-Fetch-Site", "none"), 200},
		{"a link", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"), 200},
		{"script of another site", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors", "Origin", "http://evil.example"), 403},
		{"image of another site", header("Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"), 403},
		{"older browser", header("Origin", "http://evil.example"), 403},
		{"sandboxed page", header("Origin", "null"), 403},
		{"older browser, same origin", header("Origin", "http://127.0.0.1:26379"), 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if r := get(t, s.http.Handler, tc.change, "GET", "/healthz"); r.StatusCode != tc.want {
				t.Errorf("got %s, want %d", r.Status, tc.want)
			}
		})
	}
	any := serve(t, &commands.Node{}, "*")
	if r := get(t, any.http.Handler, header("Host", "what.ever"), "GET", "/healthz"); r.StatusCode != 200 {
		t.Errorf("with * a name gets %s", r.Status)
	}
}

// pipe is a client and the server's end of its connection.
func pipe(t *testing.T, s *Server) (client net.Conn, ended <-chan struct{}) {
	t.Helper()
	client, ours := net.Pipe()
	t.Cleanup(func() { client.Close() })
	if err := client.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeConn(ours)
	}()
	return client, done
}

// ServeConn returns when the connection is closed, by either end.
func TestServeConn(t *testing.T) {
	s := serve(t, &commands.Node{})
	client, ended := pipe(t, s)
	if _, err := io.WriteString(client, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(client); err != nil || !strings.HasSuffix(string(answer), "\r\n\r\nok\n") {
		t.Errorf("got %q, %v", answer, err)
	}
	<-ended
	client, ended = pipe(t, s)
	client.Close()
	<-ended
}

// A fault of ours ends the request and is in the log, whatever its level is.
func TestFaultOfOurs(t *testing.T) {
	var log strings.Builder
	node := &commands.Node{Users: commands.NewUsers("")}
	s, err := New(Options{
		Node: node, Host: func() commands.Host { return noHost{} }, Changes: &standalone.Broker{}, Announced: func() string { return "" },
		NewMaster: func() (int, state.Settings) { return 1, state.DefaultSettings() },
		Metrics:   http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a bug") }),
		Logger:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	client, ended := pipe(t, s)
	if _, err := io.WriteString(client, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(client); err != nil || len(answer) > 0 {
		t.Errorf("got %q, %v", answer, err)
	}
	<-ended
	for _, word := range []string{"please report this", "a bug", "path=/metrics", "TestFaultOfOurs"} {
		if !strings.Contains(log.String(), word) {
			t.Errorf("%q is not in the log: %s", word, log.String())
		}
	}
}

// Serve ends with its context, whatever its clients do.
func TestServeEnds(t *testing.T) {
	s := serve(t, &commands.Node{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	r, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	stop()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestWhatIsRequired(t *testing.T) {
	if _, err := New(Options{Node: &commands.Node{}}); err == nil {
		t.Error("a server that knows nothing but a node")
	}
}
