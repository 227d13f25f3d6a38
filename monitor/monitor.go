// Package monitor is the effects half of watching and failing over: it owns the
// connections to the Redis servers, the clock and the timers, feeds the
// decision core (monitor/failover) with what it sees and carries out what the
// core decides. It decides nothing itself.
//
// One goroutine, the loop, owns all observations. Everything else talks to it
// through an inbox that never blocks the sender. Timers of all groups live in
// one heap, so 10,000 masters cost one timer.
package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/feed"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// Options of a Monitor.
type Options struct {
	// Broker holds the document. Required.
	Broker cluster.Broker
	// Timing at the start; CheckInterval and InfoPeriod are required and above 0.
	Timing failover.Timing
	// Log takes one line per decision. Required.
	Log *slog.Logger
	// Publish takes every event, agreed and local, in order, from one goroutine at
	// a time. It must not block. Required.
	Publish func(state.Event)
	// Dial connects to "ip:port" of a server or a member, within ctx, and is
	// called from many goroutines. nil is plain TCP.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Resolve returns the IP addresses of a host name, the best one first, within
	// ctx; it is called from many goroutines. nil is the system's resolver.
	Resolve func(ctx context.Context, host string) ([]string, error)
	// Seen takes each local event too, at once, with the index of the document
	// under which this node saw it: for those who read the agreed ones
	// themselves. It must not block. Required.
	Seen func(e state.Event, under state.Index)
	// Probed takes each answer to a PING to a server: how long it took, and whether
	// it is one of a server that lives. It is called from many goroutines and must
	// not block. nil is nobody.
	Probed func(latency time.Duration, valid bool)
	// PeerUser and PeerPass are shown to the other members as long as nobody has
	// set the document's sentinel-user and sentinel-pass. With no password there
	// or here it is OwnPass alone, the one that clients show to this node, as in
	// Sentinel; without that one, nothing.
	PeerUser          string
	PeerPass, OwnPass state.Secret
	// Crash ends the process at once, without cleaning up (SENTINEL
	// SIMULATE-FAILURE). Required.
	Crash func()
	// Freeze stops the process as SIGSTOP does, for the same command, and
	// returns after somebody has let it go on. Required.
	Freeze func()
}

// Monitor watches all masters of the document. Make one with New, then Run it
// once.
type Monitor struct {
	broker  cluster.Broker
	timing  atomic.Pointer[failover.Timing]
	log     *slog.Logger
	publish func(state.Event)
	seen    func(state.Event, state.Index)
	row     *feed.Order
	probed  func(time.Duration, bool)
	crash   func()
	freeze  func()
	dial    func(ctx context.Context, addr string) (net.Conn, error)
	resolve func(ctx context.Context, host string) ([]string, error)
	// ownAccess and ownPass are those of the options.
	ownAccess peerAccess
	ownPass   state.Secret
	peers     *peers
	hosts     *hostBook
	start     time.Time
	from      *state.State // events after this are published

	inbox     inbox
	simulated atomic.Uint32 // FailurePoint bits
	turns     atomic.Uint64
	request   atomic.Uint64
	waiting   sync.Map // request number -> chan error
	// complaints holds the last error text of servers that do not let us in,
	// complaint -> string.
	complaints sync.Map

	// mu guards what follows: the loop holds it while it works, readers of
	// views for a moment.
	mu     sync.RWMutex
	groups map[string]*group
	tilt   tilt

	// Of the loop alone.
	heap   wakeHeap
	pauses failover.PauseDetector
	// pauseSaid is when a pause was last logged, pausesUnsaid how many have
	// not been since.
	pauseSaid    failover.Moment
	pausesUnsaid int
	canCommit    bool
	votes        voteBatch
	nextOrder    uint64
	// work are the proposals and barriers under way; working ends with Run, and
	// they with it.
	work    sync.WaitGroup
	working context.Context
}

// New makes a monitor over a broker that is open. Changes applied from now on
// are published once Run is called.
func New(o Options) *Monitor {
	m := &Monitor{
		broker: o.Broker, log: o.Log, publish: o.Publish, seen: o.Seen, crash: o.Crash, freeze: o.Freeze,
		start:  time.Now().Add(-time.Second), // so that no Moment is 0
		from:   o.Broker.State(),
		row:    feed.NewOrder(),
		inbox:  newInbox(),
		groups: map[string]*group{},
	}
	timing := o.Timing.WithDefaults()
	m.timing.Store(&timing)
	if m.probed = o.Probed; m.probed == nil {
		m.probed = func(time.Duration, bool) {}
	}
	if m.dial = o.Dial; m.dial == nil {
		m.dial = dialTCP
	}
	if m.resolve = o.Resolve; m.resolve == nil {
		m.resolve = net.DefaultResolver.LookupHost
	}
	m.ownAccess, m.ownPass = peerAccess{o.PeerUser, o.PeerPass}, o.OwnPass
	m.peers = newPeers(m)
	m.hosts = newHostBook(m.resolve)
	m.row.Begin(m.from.Index)
	return m
}

// Run watches until ctx ends, then closes all connections and returns. It may be
// called once.
func (m *Monitor) Run(ctx context.Context) {
	m.working = ctx
	m.sayWatched()
	var feeds sync.WaitGroup
	feeds.Go(func() { m.feedChanges(ctx) })
	feeds.Go(func() { m.feedHealth(ctx) })
	feeds.Go(func() { m.peers.run(ctx) })
	m.loop(ctx)
	feeds.Wait()
	m.work.Wait()
}

// now is the monotonic time since the start, as the core counts it.
func (m *Monitor) now() failover.Moment { return m.moment(time.Now()) }

// moment converts a time that carries a monotonic reading; the zero Time is
// "never".
func (m *Monitor) moment(t time.Time) failover.Moment {
	if t.IsZero() {
		return 0
	}
	return failover.Moment(t.Sub(m.start))
}

func wallNow() state.Time { return state.Time(time.Now().UnixMilli()) }

// View returns what this node observes of a group, false if it watches none of
// that name.
func (m *Monitor) View(name string) (failover.View, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	g, ok := m.groups[name]
	if !ok || g.agreed == nil {
		return failover.View{}, false
	}
	return g.watch.View(m.now(), g.agreed), true
}

// Member returns what this node observes of another member of the document,
// false if there is none of that id (yet), and for this node itself.
func (m *Monitor) Member(id state.MemberID) (failover.MemberView, bool) { return m.peers.view(id) }

// Turns is how often the loop has looked at what there is to do: at least ten
// times a second, as long as it works. It may be called at any time.
func (m *Monitor) Turns() uint64 { return m.turns.Load() }

// TiltSeconds is for how long this node has known that its process was paused
// and has not yet asked everybody anew; -1 when all is well.
func (m *Monitor) TiltSeconds() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.tilt.seconds(m.now())
}

// Timing returns the periods that this node goes by now.
func (m *Monitor) Timing() failover.Timing { return *m.timing.Load() }

// SetTiming changes the periods for all decisions from now on. What is due by
// them is done at once, whatever was due by the earlier ones.
func (m *Monitor) SetTiming(t failover.Timing) {
	t = t.WithDefaults()
	m.timing.Store(&t)
	m.inbox.put(item{everybody: true})
}

// ErrStopped is what Failover returns when the monitor stops meanwhile.
var ErrStopped = fmt.Errorf("%w: the server is shutting down", cluster.ErrClosed)

// Failover begins a manual failover that this node carries out, and returns
// when its claim is committed. Errors: failover.ErrNoSuchMaster, ErrInProgress,
// ErrNoGoodReplica (all with details), those of the broker, ctx's.
func (m *Monitor) Failover(ctx context.Context, name string) error {
	if name == "" {
		return failover.ErrNoSuchMaster
	}
	request := m.request.Add(1)
	answer := make(chan error, 1)
	m.waiting.Store(request, answer)
	defer m.waiting.Delete(request)
	m.inbox.put(item{group: name, input: failover.Input{Kind: failover.Manual, Request: request}})
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-m.inbox.closed:
		return ErrStopped
	}
}
