package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"redis-failover/cluster/state"
)

// resolver is a name server whose answers and speed can be changed.
type resolver struct {
	mu    sync.Mutex
	addrs []string
	err   error
	slow  time.Duration
}

func (r *resolver) set(slow time.Duration, err error, addrs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slow, r.err, r.addrs = slow, err, addrs
}

func (r *resolver) resolve(ctx context.Context, host string) ([]string, error) {
	r.mu.Lock()
	addrs, err, slow := r.addrs, r.err, r.slow
	r.mu.Unlock()
	select {
	case <-time.After(slow):
		return addrs, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hosts are servers in memory. Those not listed never answer a dial.
type hosts struct {
	mu     sync.Mutex
	answer map[string]error // nil: takes the connection
	dialed []string
}

func (h *hosts) dial(ctx context.Context, addr string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(addr)
	h.mu.Lock()
	h.dialed = append(h.dialed, host)
	err, listed := h.answer[host]
	h.mu.Unlock()
	switch {
	case !listed:
		<-ctx.Done()
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	}
	ours, theirs := net.Pipe()
	go func() {
		defer theirs.Close()
		buf := make([]byte, 4096)
		for {
			if _, err := theirs.Read(buf); err != nil {
				return
			}
			// One reply is enough: to CLIENT SETNAME or to PING.
			if _, err := io.WriteString(theirs, "+PONG\r\n"); err != nil {
				return
			}
		}
	}()
	return ours, nil
}

// tried returns the hosts dialed since the last call.
func (h *hosts) tried() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	dialed := h.dialed
	h.dialed = nil
	return dialed
}

func TestNamesServeWhileTheResolverDoesNot(t *testing.T) {
	const timeout = time.Second
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	noSuch := errors.New("no such host")
	type step struct {
		name string
		// before the connection: the resolver, and which hosts answer.
		slow    time.Duration
		err     error
		addrs   []string
		hosts   map[string]error
		tried   []string
		took    time.Duration
		down    bool
		refused bool
	}
	up := func(names ...string) map[string]error {
		m := map[string]error{}
		for _, n := range names {
			m[n] = nil
		}
		return m
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"the resolver fails", []step{
			{name: "before any answer", err: noSuch, down: true},
			{name: "answers", addrs: []string{"a"}, hosts: up("a"), tried: []string{"a"}},
			{name: "fails", err: noSuch, hosts: up("a"), tried: []string{"a"}},
			{name: "moves", addrs: []string{"b"}, hosts: up("a", "b"), tried: []string{"b"}},
			{name: "fails again", err: noSuch, hosts: up("a", "b"), tried: []string{"b"}},
			{name: "answers with nothing", hosts: up("a", "b"), tried: []string{"b"}},
		}},
		{"the resolver is slow", []step{
			{name: "the first answer is waited for", slow: timeout / 2, addrs: []string{"a"}, hosts: up("a"), tried: []string{"a"}, took: timeout / 2},
			{name: "a late one serves the next time", slow: 2 * resolvePatience, addrs: []string{"b"}, hosts: up("a", "b"), tried: []string{"a"}, took: resolvePatience},
			{name: "as here", slow: 2 * resolvePatience, addrs: []string{"b"}, hosts: up("a", "b"), tried: []string{"b"}, took: resolvePatience},
		}},
		{"the resolver is silent", []step{
			{name: "before any answer", slow: time.Hour, down: true, took: timeout},
			{name: "still the same question", slow: 0, addrs: []string{"a"}, hosts: up("a"), down: true, took: timeout},
		}},
		{"several addresses", []step{
			{name: "the first that answers", addrs: []string{"a", "b"}, hosts: map[string]error{"a": refused, "b": nil}, tried: []string{"a", "b"}},
			{name: "what worked comes first", addrs: []string{"a", "b"}, hosts: up("a", "b"), tried: []string{"b"}},
			{name: "a silent one has its share of the time", addrs: []string{"a", "b"}, hosts: up("a"), tried: []string{"b", "a"}, took: timeout / 2},
			{name: "all refuse", addrs: []string{"a", "b"}, hosts: map[string]error{"a": refused, "b": refused}, tried: []string{"a", "b"}, down: true, refused: true},
			{name: "all are silent", addrs: []string{"a", "b"}, tried: []string{"a", "b"}, down: true, took: timeout},
			{name: "too many", addrs: []string{"1", "2", "3", "4", "5"}, hosts: map[string]error{"1": refused, "2": refused, "3": refused, "4": refused}, tried: []string{"1", "2", "3", "4"}, down: true, refused: true},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names, servers := &resolver{}, &hosts{}
				w := watch(t, state.Addr{Host: "redis.example", Port: 6379}, func(c *linkConfig) {
					c.Dial, c.Resolve, c.ConnectTimeout, c.Name = servers.dial, names.resolve, timeout, ""
				})
				for _, s := range tt.steps {
					names.set(s.slow, s.err, s.addrs...)
					servers.mu.Lock()
					servers.answer = s.hosts
					servers.mu.Unlock()

					begin := time.Now()
					w.Send(Request{Ping: true})
					first := w.next()
					if took := time.Since(begin); took != s.took {
						t.Errorf("%s: took %v, want %v", s.name, took, s.took)
					}
					if down := first.Kind == ReportDown; down != s.down || first.Refused != s.refused {
						t.Errorf("%s: got %+v, want down %v, refused %v", s.name, first, s.down, s.refused)
					}
					if tried := servers.tried(); !slices.Equal(tried, s.tried) {
						t.Errorf("%s: dialed %v, want %v", s.name, tried, s.tried)
					}
					if !s.down {
						w.expect(ReportPong)
						w.Drop()
						w.expect(ReportDown)
					}
					<-time.After(resolvePatience + time.Millisecond) // a late answer comes
				}
				w.Close()
			})
		})
	}
}

// TestNamesAreRememberedForALink: where a name was reached before the link was made
// serves while the resolver does not; and reports say where that is.
func TestNamesAreRememberedForALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names, servers := &resolver{}, &hosts{answer: map[string]error{"10.0.0.1": nil, "10.0.0.2": nil}}
		names.set(time.Hour, nil)
		w := watch(t, state.Addr{Host: "redis.example", Port: 6379}, func(c *linkConfig) {
			c.Dial, c.Resolve, c.IP, c.Name = servers.dial, names.resolve, "10.0.0.1", ""
		})
		w.Send(Request{Ping: true})
		if up := w.next(); up.Kind != ReportUp || up.IP != "10.0.0.1" || w.connectedTo() != "10.0.0.1" {
			t.Errorf("got %+v, connected to %q", up, w.connectedTo())
		}
		w.expect(ReportPong)
		w.Drop()
		if down := w.next(); down.Kind != ReportDown || down.IP != "10.0.0.1" || w.connectedTo() != "" {
			t.Errorf("got %+v, connected to %q", down, w.connectedTo())
		}
		<-time.After(resolveLimit + time.Second) // the question is given up
		names.set(0, nil, "10.0.0.2")
		w.Send(Request{Ping: true})
		if up := w.next(); up.Kind != ReportUp || up.IP != "10.0.0.2" {
			t.Errorf("after it moved: %+v", up)
		}
		w.Close()
	})
}

func TestAddressesAreNotResolved(t *testing.T) {
	for _, host := range []string{"10.0.0.1", "::1", "fe80::1%eth0"} {
		n := newNames(host, func(context.Context, string) ([]string, error) {
			t.Errorf("%q was looked up", host)
			return nil, nil
		})
		if got, err := n.find(t.Context()); err != nil || !slices.Equal(got, []string{host}) {
			t.Errorf("%q: got %v, %v", host, got, err)
		}
	}
}

func TestDropEndsADial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := &hosts{}
		w := watch(t, state.Addr{Host: "10.0.0.1", Port: 6379}, func(c *linkConfig) { c.Dial = servers.dial })
		w.Send(Request{Ping: true})
		w.Order(Reconfigure{ID: 9, Valid: always})
		synctest.Wait()
		begin := time.Now()
		w.Drop()
		if r := w.expect(ReportOrdered); r.ID != 9 || !errors.Is(r.Err, ErrDroppedLink) {
			t.Errorf("got %+v", r)
		}
		if r := w.expect(ReportDown); !errors.Is(r.Err, ErrDroppedLink) || r.Refused {
			t.Errorf("got %+v", r)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
		w.Drop() // nothing is there
		synctest.Wait()
		w.quiet()
	})
}

func TestDropThenSendConnectsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := &hosts{}
		w := watch(t, state.Addr{Host: "10.0.0.1", Port: 6379}, func(c *linkConfig) { c.Dial, c.Name = servers.dial, "" })
		w.Send(Request{Ping: true})
		synctest.Wait()
		servers.mu.Lock()
		servers.answer = map[string]error{"10.0.0.1": nil}
		servers.mu.Unlock()
		w.Drop()
		w.Send(Request{Ping: true})
		w.expect(ReportDown)
		w.expect(ReportUp)
		w.expect(ReportPong)
		synctest.Wait()
		w.quiet()
		w.Close()
	})
}
