package zk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// patience bounds each wait of the tests for something that must happen.
const patience = 60 * time.Second

// group is some nodes in this process that share a path.
type group struct {
	t     testing.TB
	nodes []*member
}

// member is one place for a node: its options stay, its broker comes and goes.
type member struct {
	options Options
	gate    *gate
	broker  *Broker
	log     *logLines
}

// paths counts the paths that were given to tests.
var paths atomic.Int64

// newGroup prepares nodes with a path of their own, and starts none. change may
// alter their options.
func newGroup(t testing.TB, servers *procs.ZooKeeper, nodes int, change func(*Options)) *group {
	g := &group{t: t}
	path := fmt.Sprintf("/tests/%d", paths.Add(1))
	for range nodes {
		n := &member{gate: &gate{open: map[net.Conn]bool{}}, log: &logLines{}}
		n.options = Options{
			Dir: t.TempDir(), Servers: strings.Split(servers.Addrs(), ","), Path: path,
			// Longer than in production: the machine is busy.
			SessionTimeout: 10 * time.Second, Backlog: 256, SnapshotEvery: 200,
			Logger: slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			dial:   n.gate.dial,
		}
		if change != nil {
			change(&n.options)
		}
		g.nodes = append(g.nodes, n)
		t.Cleanup(func() {
			if n.broker != nil {
				_ = n.broker.Close()
			}
			if t.Failed() {
				t.Logf("log of %s:\n%s", n.options.Dir, n.log.tail(40))
			}
		})
	}
	return g
}

// openGroup starts nodes and waits until all are ready.
func openGroup(t testing.TB, servers *procs.ZooKeeper, nodes int, change func(*Options)) *group {
	g := newGroup(t, servers, nodes, change)
	for i := range g.nodes {
		g.start(i)
	}
	for i := range g.nodes {
		g.is(i, cluster.Ready)
	}
	return g
}

func (g *group) start(i int) *Broker {
	g.t.Helper()
	b, err := Open(g.nodes[i].options)
	if err != nil {
		g.t.Fatalf("open node %d: %v", i, err)
	}
	g.nodes[i].broker = b
	return b
}

func (g *group) stop(i int) {
	g.t.Helper()
	if err := g.nodes[i].broker.Close(); err != nil {
		g.t.Fatalf("close node %d: %v", i, err)
	}
}

// is waits until a node is in a condition.
func (g *group) is(i int, want cluster.Condition) {
	g.t.Helper()
	b := g.nodes[i].broker
	procs.Eventually(g.t, patience, func() error {
		if h := b.Health(); h.Condition != want {
			return fmt.Errorf("node %d is %s (%s), not %s", i, h.Condition, h.Reason, want)
		}
		return nil
	})
}

// accept proposes what must be accepted; a node that is suspended for a moment
// gets another chance.
func (g *group) accept(i int, op state.Op) state.Index {
	g.t.Helper()
	var index state.Index
	procs.Eventually(g.t, patience, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, at, err := g.nodes[i].broker.Propose(ctx, state.Mutation{At: 1, Op: op})
		if err == nil && out.Refused() {
			err = fmt.Errorf("refused: %s", out.Detail)
		}
		index = at
		return err
	})
	return index
}

// agree waits until all nodes have passed a barrier, and compares their
// documents.
func (g *group) agree() *state.State {
	g.t.Helper()
	var want []byte
	for i, n := range g.nodes {
		procs.Eventually(g.t, patience, func() error {
			_, err := n.broker.Barrier(g.t.Context())
			return err
		})
		s := *n.broker.State()
		got, err := state.EncodeState(&s)
		if err != nil {
			g.t.Fatal(err)
		}
		if i > 0 && string(got) != string(want) {
			g.t.Errorf("node %d has another document than the one before:\n%.1000s\n%.1000s", i, got, want)
		}
		want = got
	}
	return g.nodes[0].broker.State()
}

func monitor(i int) state.OpMonitor {
	return state.OpMonitor{
		Name: fmt.Sprintf("m%05d", i), Addr: state.Addr{Host: "192.0.2.1", Port: 1 + i}, Quorum: 1, Settings: state.DefaultSettings(),
	}
}

// gate is a node's way to ZooKeeper, which a test can cut.
type gate struct {
	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

var errCut = errors.New("the test has cut the way to ZooKeeper")

func (g *gate) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cut {
		return nil, errors.Join(errCut, conn.Close())
	}
	g.open[conn] = true
	return conn, nil
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = true
	g.drop()
}

// drop breaks the connections that there are.
func (g *gate) drop() {
	for c := range g.open {
		_ = c.Close()
		delete(g.open, c)
	}
}

func (g *gate) heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = false
}

// logLines keeps what a node has logged.
type logLines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logLines) tail(lines int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := strings.Split(l.text.String(), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
