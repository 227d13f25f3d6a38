package monitor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor"
	"redis-failover/tests/procs"
)

// internet is a resolver, and the machines that its addresses belong to.
type internet struct {
	mu      sync.Mutex
	names   map[string]string // name: IP
	servers map[string]string // IP: where it really listens
}

func (w *internet) set(name, ip string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[name] = ip
}

func (w *internet) resolve(_ context.Context, host string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ip := w.names[host]; ip != "" {
		return []string{ip}, nil
	}
	return nil, errors.New("no such host")
}

func (w *internet) dial(ctx context.Context, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	at := w.servers[host]
	w.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", at)
}

// A name that stands for another address is followed, to the same master, and all
// are told; a resolver that fails changes nothing.
func TestNameMoves(t *testing.T) {
	before, after := procs.Redis(t, procs.Opts{}), procs.Redis(t, procs.Opts{})
	world := &internet{
		names:   map[string]string{"redis-1": "10.0.0.1"},
		servers: map[string]string{"10.0.0.1": before.Addr.String(), "10.0.0.2": after.Addr.String()},
	}
	n := startNode(t, func(o *monitor.Options) { o.Dial, o.Resolve = world.dial, world.resolve })
	addr := state.Addr{Host: "redis-1", Port: 6379}
	settings := state.DefaultSettings()
	settings.DownAfter = time.Second
	n.propose(state.OpMonitor{Name: "m", Addr: addr, Quorum: 1, Settings: settings})
	at := func(ip string, server *procs.Server) {
		t.Helper()
		info, err := server.Info("server")
		if err != nil {
			t.Fatal(err)
		}
		procs.Eventually(t, time.Minute, func() error {
			m := n.master()
			view, ok := n.monitor.View("m")
			if shown := n.broker.State().Shown(m, m.Addr); shown.Host != ip || m.Addr != addr {
				return fmt.Errorf("%s is shown at %s, not at %s", m.Addr, shown, ip)
			}
			if !ok || !view.Master.Linked || view.Master.SDown || string(view.Master.RunID) != info["run_id"] {
				return fmt.Errorf("the view is %+v, and the server is %s", view.Master, info["run_id"])
			}
			return nil
		})
	}
	at("10.0.0.1", before)

	world.set("redis-1", "") // nobody resolves it, and it restarts
	before.Kill()
	before.Restart()
	at("10.0.0.1", before)

	world.set("redis-1", "10.0.0.2")
	before.Kill()
	at("10.0.0.2", after)
}
