package raft

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// quick is a timing for tests: elections within a quarter of a second, or within
// one with the race detector, which makes everything slow.
var quick = Timing{RTT: 10 * time.Millisecond, ElectionRTT: quickElection, HeartbeatRTT: 2}

// patience bounds each wait of the tests for something that must happen.
const patience = 30 * time.Second

// group is some members on loopback in this process.
type group struct {
	t     testing.TB
	nodes []*node
}

// node is one place for a member: its options stay, its broker comes and goes.
type node struct {
	options Options
	gate    *gate
	full    atomic.Bool
	broker  *Broker
	log     *logLines
}

// newGroup prepares founders, and starts none.
func newGroup(t testing.TB, founders int) *group {
	g := &group{t: t}
	for range founders {
		g.prepare()
	}
	list := g.addrs()
	for _, n := range g.nodes {
		n.options.Founders = list
	}
	return g
}

// openGroup starts founders and waits until all are ready.
func openGroup(t testing.TB, founders int) *group {
	g := newGroup(t, founders)
	for i := range g.nodes {
		g.start(i)
	}
	g.ready()
	return g
}

// prepare adds a place with an address and a folder of its own.
func (g *group) prepare() *node {
	n := &node{gate: newGate(), log: &logLines{}}
	n.options = Options{
		Dir: filepath.Join(memoryDir(g.t), "raft"), Addr: g.newAddr(), Timing: quick,
		Backlog: 256, SnapshotEvery: 200, MinFree: 1,
		network: n.gate, watch: 5 * time.Millisecond, behind: 50,
		free: func(string) (uint64, error) {
			if n.full.Load() {
				return 0, nil
			}
			return 1 << 40, nil
		},
		Logger: slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	g.nodes = append(g.nodes, n)
	g.t.Cleanup(func() {
		if n.broker != nil {
			_ = n.broker.Close()
		}
		if g.t.Failed() {
			g.t.Logf("log of %s:\n%s", n.options.Addr, n.log.tail(60))
		}
	})
	return n
}

// memoryDir is a folder in memory, if there is such a place: the stalls of a
// shared disk are longer than the election timeouts of these tests.
func memoryDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "raft-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (g *group) newAddr() string {
	p, err := spawn.Reserve()
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(p.Release)
	return fmt.Sprintf("127.0.0.1:%d", p.Number)
}

func (g *group) addrs() []string {
	var list []string
	for _, n := range g.nodes {
		list = append(list, n.options.Addr)
	}
	return list
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

// ready waits until all running brokers are ready.
func (g *group) ready() {
	g.t.Helper()
	for i, n := range g.nodes {
		if n.broker != nil && n.broker.ctx.Err() == nil {
			g.is(i, cluster.Ready)
		}
	}
}

// is waits until a node is in a condition, and returns the reason.
func (g *group) is(i int, want cluster.Condition) string {
	g.t.Helper()
	var h cluster.Health
	procs.Eventually(g.t, patience, func() error {
		if h = g.nodes[i].broker.Health(); h.Condition != want {
			return fmt.Errorf("node %d is %s: %s", i, h.Condition, h.Reason)
		}
		return nil
	})
	return h.Reason
}

// leader waits until a node of the group knows a leader and returns its place.
func (g *group) leader() int {
	g.t.Helper()
	place := -1
	procs.Eventually(g.t, patience, func() error {
		for i, n := range g.nodes {
			h := n.broker.host.Load()
			if h != nil && n.broker.ctx.Err() == nil && h.lead.now().leader == h.replica && n.broker.Health().Condition == cluster.Ready {
				place = i
				return nil
			}
		}
		return errors.New("nobody leads")
	})
	return place
}

// ctx is for calls that must end by themselves.
func (g *group) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	g.t.Cleanup(cancel)
	return ctx
}

// monitor is the op that adds master number i.
func monitor(i int) state.OpMonitor {
	return state.OpMonitor{Name: masterName(i), Addr: state.Addr{Host: "192.0.2.1", Port: 1 + i%65535}, Quorum: 1, Settings: state.DefaultSettings()}
}

func masterName(i int) string { return fmt.Sprintf("m%05d", i) }

// add proposes master number i on a node, which must accept it.
func (g *group) add(node, i int) {
	g.t.Helper()
	if err := insist(g.ctx(), g.nodes[node].broker, monitor(i)); err != nil {
		g.t.Fatalf("node %d does not add master %d: %v", node, i, err)
	}
}

// insist proposes an op until it is accepted, as a patient client would: on a busy
// machine leaders come and go.
func insist(ctx context.Context, b *Broker, op state.Op) error {
	m := state.Mutation{Op: op}
	for {
		out, _, err := b.Propose(ctx, m)
		var unknown *cluster.UnknownError
		switch {
		case err == nil && (!out.Refused() || m.ID.Seq > 0 && out.Refusal == state.RefusedDuplicate):
			return nil
		case err == nil:
			return fmt.Errorf("refused: %s: %s", out.Refusal, out.Detail)
		case errors.As(err, &unknown):
			m.ID = unknown.ID
		}
		if b.pause(ctx) != nil {
			return err
		}
	}
}

// grow makes a node a member that another one adds.
func (g *group) grow(by, joiner int) cluster.Peer {
	g.t.Helper()
	var p cluster.Peer
	procs.Eventually(g.t, patience, func() (err error) {
		p, err = g.nodes[by].broker.AddMember(g.ctx(), g.nodes[joiner].options.Addr)
		return err
	})
	return p
}

// shrink removes a member.
func (g *group) shrink(by int, idOrAddr string) {
	g.t.Helper()
	unknown := false
	procs.Eventually(g.t, patience, func() error {
		err := g.nodes[by].broker.RemoveMember(g.ctx(), idOrAddr)
		if unknown && errors.Is(err, cluster.ErrRefused) && strings.Contains(err.Error(), "no member") {
			return nil
		}
		unknown = errors.Is(err, cluster.ErrUnknown)
		return err
	})
}

// refuses waits until a change of the members is refused for a reason; on a busy
// machine there may be others first.
func (g *group) refuses(what, why string, change func() error) {
	g.t.Helper()
	procs.Eventually(g.t, patience, func() error {
		if err := change(); !errors.Is(err, cluster.ErrRefused) || !strings.Contains(err.Error(), why) {
			return fmt.Errorf("%s: %v, which does not say %q", what, err, why)
		}
		return nil
	})
}

// has waits for a barrier on a node and checks that it knows masters.
func (g *group) has(node int, masters ...int) {
	g.t.Helper()
	b := g.nodes[node].broker
	procs.Eventually(g.t, patience, func() error {
		_, err := b.Barrier(g.ctx())
		return err
	})
	for _, i := range masters {
		if _, ok := b.State().Master(masterName(i)); !ok {
			g.t.Errorf("node %d does not know master %d", node, i)
		}
	}
}

// logLines keeps what a node logs.
type logLines struct {
	mu    sync.Mutex
	lines []string
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(p))
	return len(p), nil
}

func (l *logLines) tail(n int) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(0, len(l.lines)-n):], "")
}

// gate is a network that can be cut: then its connections go silent, as behind a
// broken switch, and new ones do not come about.
type gate struct {
	tcp
	mu   sync.Mutex
	shut chan struct{} // closed while the gate is open
	open bool
}

func newGate() *gate {
	g := &gate{shut: make(chan struct{}), open: true}
	close(g.shut)
	return g
}

func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open {
		g.open, g.shut = false, make(chan struct{})
	}
}

func (g *gate) heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.open {
		g.open = true
		close(g.shut)
	}
}

// pass is closed while the gate is open.
func (g *gate) pass() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut
}

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func (g *gate) Listen(addr string) (net.Listener, error) {
	l, err := g.tcp.Listen(addr)
	if err != nil {
		return nil, err
	}
	return &gatedListener{l, g}, nil
}

func (g *gate) Dial(ctx context.Context, addr string) (net.Conn, error) {
	select {
	case <-g.pass():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c, err := g.tcp.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	return newGated(c, g), nil
}

type gatedListener struct {
	net.Listener
	gate *gate
}

func (l *gatedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.gate.isOpen() {
			return newGated(c, l.gate), err
		}
		_ = c.Close()
	}
}

// gated is a connection through the gate.
type gated struct {
	net.Conn
	gate   *gate
	closed chan struct{}
	once   *sync.Once
	mu     *sync.Mutex
	until  *[2]time.Time // deadlines of reading and writing
}

func newGated(c net.Conn, g *gate) net.Conn {
	if c == nil {
		return nil
	}
	return gated{c, g, make(chan struct{}), new(sync.Once), new(sync.Mutex), new([2]time.Time)}
}

func (c gated) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c gated) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.until[0], c.until[1] = t, t
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

func (c gated) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.until[0] = t
	c.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c gated) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.until[1] = t
	c.mu.Unlock()
	return c.Conn.SetWriteDeadline(t)
}

// wait holds a call back while the gate is shut. A deadline that is set
// meanwhile counts when it is looked at again.
func (c gated) wait(which int) error {
	for {
		c.mu.Lock()
		deadline := c.until[which]
		c.mu.Unlock()
		if !deadline.IsZero() && !time.Now().Before(deadline) && !c.gate.isOpen() {
			return os.ErrDeadlineExceeded
		}
		look := time.NewTimer(5 * time.Millisecond)
		select {
		case <-c.gate.pass():
			look.Stop()
			return nil
		case <-c.closed:
			look.Stop()
			return net.ErrClosed
		case <-look.C:
		}
	}
}

func (c gated) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, err
	}
	return n, c.wait(0)
}

func (c gated) Write(p []byte) (int, error) {
	if err := c.wait(1); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
