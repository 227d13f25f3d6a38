package commands

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
	"redis-failover/monitor/scripts"
)

const self = state.MemberID("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")

// memory is a broker of one node without a disk. It is used from one goroutine.
type memory struct {
	mu  sync.Mutex // IMPORT proposes from several goroutines
	now *state.State
	seq uint64
	// fail is what Propose and Barrier return instead of doing anything.
	fail error
	// health is what Health says.
	health cluster.Health
	// barriers counts the calls of Barrier.
	barriers int
}

func (b *memory) Self() state.MemberID   { return self }
func (b *memory) State() *state.State    { return b.now }
func (b *memory) Health() cluster.Health { return b.health }

// HealthChanged never tells: tests of what follows the health have a broker of
// their own.
func (b *memory) HealthChanged() <-chan struct{} { return nil }

func (b *memory) Propose(_ context.Context, m state.Mutation) (state.Outcome, state.Index, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return state.Outcome{}, 0, b.fail
	}
	b.seq++
	m.ID = state.MutationID{Member: self, Seq: b.seq}
	var out state.Outcome
	b.now, out = state.Apply(b.now, b.now.Index+1, m)
	return out, b.now.Index, nil
}

func (b *memory) Barrier(context.Context) (state.Index, error) {
	b.barriers++
	return b.now.Index, b.fail
}

// sight is a Watcher that sees what it was told.
type sight struct {
	views    map[string]failover.View
	members  map[state.MemberID]failover.MemberView
	tilt     int
	failover error
	asked    []string
	armed    []string
	timing   failover.Timing
}

func (w *sight) View(name string) (failover.View, bool) {
	v, ok := w.views[name]
	return v, ok
}

func (w *sight) Member(id state.MemberID) (failover.MemberView, bool) {
	v, ok := w.members[id]
	return v, ok
}

func (w *sight) Failover(_ context.Context, name string) error {
	w.asked = append(w.asked, name)
	return w.failover
}

func (w *sight) TiltSeconds() int { return w.tilt }

func (w *sight) SimulateFailure(names ...string) error {
	w.armed = nil
	for _, name := range names {
		if !slices.Contains(failureNames, name) {
			return errors.New("unknown")
		}
	}
	w.armed = names
	return nil
}

func (w *sight) SimulatedFailures() int      { return len(w.armed) }
func (w *sight) Timing() failover.Timing     { return w.timing.WithDefaults() }
func (w *sight) SetTiming(t failover.Timing) { w.timing = t }

// shelf is a Scripts that runs nothing.
type shelf struct {
	pending []scripts.Script
	times   scripts.Times
}

func (s *shelf) Pending() []scripts.Script  { return s.pending }
func (s *shelf) Runnable(path string) error { return scripts.Runnable("", path) }
func (s *shelf) Times() scripts.Times       { return s.times }
func (s *shelf) SetTimes(t scripts.Times)   { s.times = t }

// fakeLevel is a LogLevel of no log.
type fakeLevel struct{ name string }

func (l *fakeLevel) Name() string { return l.name }

func (l *fakeLevel) Knows(name string) bool {
	return strings.EqualFold(name, "debug") || name == "notice"
}

func (l *fakeLevel) Set(name string) bool {
	l.name = strings.ToLower(name)
	return true
}

// hostsFile is a resolver.
type hostsFile map[string][]string

func (h hostsFile) resolve(_ context.Context, host string) ([]string, error) {
	if addrs, ok := h[host]; ok {
		return addrs, nil
	}
	return nil, errors.New("no such host")
}

// completed is what a node that listens on 127.0.0.1:26379 is announced with.
func completed(as state.Addr) state.Addr {
	if as.Host == "" {
		as.Host = "127.0.0.1"
	}
	if as.Port == 0 {
		as.Port = 26379
	}
	return as
}

// fakeSession is a Session without a connection.
type fakeSession struct {
	mu     sync.Mutex
	client Client
	closed bool
	names  [2][]string
}

func (s *fakeSession) Client() Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client
}

func (s *fakeSession) Update(change func(*Client)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.client)
}

func (s *fakeSession) Subscribe(kind Subscription, names []string) {
	s.names[kind] = append(s.names[kind], names...)
	s.count()
}

func (s *fakeSession) Unsubscribe(kind Subscription, names []string) {
	s.names[kind] = slices.DeleteFunc(s.names[kind], func(name string) bool {
		return len(names) == 0 || slices.Contains(names, name)
	})
	s.count()
}

func (s *fakeSession) DropSubscriptions() {
	s.names = [2][]string{}
	s.count()
}

func (s *fakeSession) count() {
	s.Update(func(c *Client) { c.Channels, c.Patterns = len(s.names[Channels]), len(s.names[Patterns]) })
}

func (s *fakeSession) Close() { s.closed = true }

// fakeHost is a Host with two more sessions than the one that asks.
type fakeHost struct {
	session *fakeSession
	others  []Client
	killed  []int64
	// subscriptions are the channels of the other sessions, by id.
	subscriptions map[int64][]string
	paused        time.Duration
	unpaused      bool
	shut          bool
}

func (h *fakeHost) Clients() []Client { return append([]Client{h.session.Client()}, h.others...) }

func (h *fakeHost) Kill(id int64) bool {
	h.killed = append(h.killed, id)
	return true
}

func (h *fakeHost) Subscriptions(id int64) (channels, patterns []string) {
	if id == h.session.Client().ID {
		return h.session.names[Channels], h.session.names[Patterns]
	}
	return h.subscriptions[id], nil
}

func (h *fakeHost) Pause(d time.Duration) { h.paused = d }
func (h *fakeHost) Unpause()              { h.unpaused = true }
func (h *fakeHost) Shutdown()             { h.shut = true }
func (h *fakeHost) Stats() Stats          { return Stats{Port: 26379, MaxClients: 10000, Clients: 3} }

// bench is all that a command can reach.
type bench struct {
	t       *testing.T
	broker  *memory
	watcher *sight
	scripts *shelf
	level   *fakeLevel
	hosts   hostsFile
	session *fakeSession
	host    *fakeHost
	node    *Node
	table   *Table
}

func newBench(t *testing.T) *bench {
	t.Helper()
	table, err := NewTable(All()...)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		t: t, table: table,
		broker:  &memory{now: state.New()},
		watcher: &sight{views: map[string]failover.View{}, members: map[state.MemberID]failover.MemberView{}, tilt: -1},
		scripts: &shelf{}, level: &fakeLevel{"notice"}, hosts: hostsFile{},
		session: &fakeSession{client: Client{
			ID: 7, Addr: "127.0.0.1:1007", LocalAddr: "127.0.0.1:26379", User: DefaultUser,
			Authenticated: true, Protocol: 2, Created: time.Now(), Active: time.Now(),
		}},
	}
	b.host = &fakeHost{session: b.session, others: []Client{
		{ID: 8, Addr: "127.0.0.1:1008", LocalAddr: "127.0.0.1:26379", User: DefaultUser, Created: time.Now().Add(-time.Hour)},
		{ID: 9, Addr: "127.0.0.1:1009", LocalAddr: "127.0.0.1:26379", User: DefaultUser, Created: time.Now(), Channels: 1},
	}}
	b.node = &Node{
		Broker: b.broker, Watcher: b.watcher, Scripts: b.scripts, LookUps: settled(b.broker, true), Users: NewUsers(""), Tuning: NewTuning(state.DefaultSettings()),
		Announcement: NewAnnouncement(state.Addr{}, completed), LogLevel: b.level, Resolve: b.hosts.resolve,
		Version: "1.2.3", RunID: "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", ConfigFile: "/etc/s.conf", Started: time.Now(),
	}
	b.apply(state.OpMember{Member: state.Member{ID: self, Addr: addr("127.0.0.1:26379"), Alive: true}})
	return b
}

// settled are LookUps of a node whose start is over, with a document that a
// majority has confirmed.
func settled(b *memory, isolatedAnswers bool) *LookUps {
	l := NewLookUps(LookUpOptions{Broker: b, IsolatedAnswers: isolatedAnswers, Log: slog.New(slog.DiscardHandler)})
	l.current.Store(true)
	l.confirmed()
	return l
}

// do runs a command.
func (b *bench) do(words ...string) Reply {
	b.t.Helper()
	c := &Context{Context: b.t.Context(), Node: b.node, Host: b.host, Session: b.session}
	return b.table.Dispatch(c, words)
}

// apply changes the document directly. Members know what this build knows.
func (b *bench) apply(op state.Op) state.Outcome {
	b.t.Helper()
	if member, ok := op.(state.OpMember); ok {
		member.Member.Schema = state.SchemaVersion
		op = member
	}
	out, _, err := b.broker.Propose(b.t.Context(), state.Mutation{At: state.Time(time.Now().UnixMilli()), Op: op})
	if err != nil || out.Refused() {
		b.t.Fatalf("%T: %v %+v", op, err, out)
	}
	return out
}

// monitor adds a master with two replicas.
func (b *bench) monitor(name string) *state.Master {
	b.t.Helper()
	b.apply(state.OpMonitor{
		Name: name, Addr: addr("10.0.0.1:6379"), Quorum: 1, Settings: state.DefaultSettings(),
		Replicas: []state.Addr{addr("10.0.0.2:6379"), addr("10.0.0.3:6379")},
	})
	return b.master(name)
}

func (b *bench) master(name string) *state.Master {
	b.t.Helper()
	m, ok := b.broker.now.Master(name)
	if !ok {
		b.t.Fatalf("no master %q in the document", name)
	}
	return m
}

// see shows the watcher a healthy group as the document has it.
func (b *bench) see(name string) {
	b.t.Helper()
	m := b.master(name)
	v := failover.View{Generation: m.Generation, Master: server(m.Addr, "master")}
	for _, r := range m.Replicas {
		replica := server(r.Addr, "slave")
		replica.MasterHost, replica.MasterPort, replica.MasterLinkUp = m.Addr.Host, m.Addr.Port, true
		v.Replicas = append(v.Replicas, replica)
	}
	b.watcher.views[name] = v
}

func server(a state.Addr, role string) failover.ServerView {
	return failover.ServerView{
		Addr: a, RunID: "cccccccccccccccccccccccccccccccccccccccc", Linked: true, HasInfo: true, Info: "# Server",
		InfoAge: 500 * time.Millisecond, LastOKPing: 100 * time.Millisecond, LastPing: 90 * time.Millisecond,
		Role: role, RoleFor: time.Minute, Priority: 100, Offset: 42, Announced: true,
	}
}

func addr(text string) state.Addr {
	a, err := state.ParseAddr(text)
	if err != nil {
		panic(err)
	}
	return a
}
