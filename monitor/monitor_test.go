package monitor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/monitor"
	"redis-failover/monitor/failover"
	"redis-failover/tests/procs"
)

// node is a monitor with its broker, in this process, over real servers.
type node struct {
	t       *testing.T
	broker  *standalone.Broker
	monitor *monitor.Monitor

	mu     sync.Mutex
	events []state.Event
	log    bytes.Buffer
}

func (n *node) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Write(p)
}

// startNode starts a monitor; change may alter its options.
func startNode(t *testing.T, change ...func(*monitor.Options)) *node {
	t.Helper()
	n := &node{t: t}
	log := slog.New(slog.NewTextHandler(n, &slog.HandlerOptions{Level: slog.LevelDebug}))
	broker, err := standalone.Open(standalone.Options{Dir: t.TempDir(), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	n.broker = broker
	options := monitor.Options{
		Broker: broker, Log: log,
		Timing: failover.Timing{CheckInterval: time.Second, InfoPeriod: 10 * time.Second},
		Publish: func(e state.Event) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.events = append(n.events, e)
		},
		Seen:  func(state.Event, state.Index) {},
		Crash: func() { panic("crash") }, Freeze: func() { panic("freeze") },
	}
	for _, f := range change {
		f(&options)
	}
	n.monitor = monitor.New(options)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.monitor.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(n.log.String())
		}
	})
	n.propose(state.OpMember{Member: state.Member{ID: broker.Self(), Alive: true}})
	return n
}

// propose changes the document. Members know what this build knows.
func (n *node) propose(op state.Op) {
	n.t.Helper()
	if member, ok := op.(state.OpMember); ok {
		member.Member.Schema = state.SchemaVersion
		op = member
	}
	outcome, _, err := n.broker.Propose(context.Background(), state.Mutation{Op: op})
	if err != nil || outcome.Refused() {
		n.t.Fatalf("%s: %v, %+v", state.Kind(op), err, outcome)
	}
}

// watch monitors a group and waits until all of its servers are known and well.
func (n *node) watch(g *procs.RedisGroup, downAfter time.Duration) {
	n.t.Helper()
	settings := state.DefaultSettings()
	settings.DownAfter = downAfter
	n.propose(state.OpMonitor{Name: "m", Addr: g.Master.Addr, Quorum: 1, Settings: settings})
	procs.Eventually(n.t, 10*time.Second, func() error {
		view, ok := n.monitor.View("m")
		if !ok || !view.Master.Linked || len(view.Replicas) != len(g.Replicas) {
			return fmt.Errorf("view %+v", view)
		}
		for _, r := range view.Replicas {
			if !r.Linked || !r.MasterLinkUp {
				return fmt.Errorf("replica %+v", r)
			}
		}
		return nil
	})
}

func (n *node) master() *state.Master {
	m, ok := n.broker.State().Master("m")
	if !ok {
		n.t.Fatal("the master is gone")
	}
	return m
}

func (n *node) eventNames() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for _, e := range n.events {
		names = append(names, e.Name)
	}
	return names
}

// settled waits until the failover is over and every other server follows.
func (n *node) settled(g *procs.RedisGroup, old state.Addr) *procs.Server {
	n.t.Helper()
	procs.Eventually(n.t, 20*time.Second, func() error {
		if m := n.master(); m.Addr == old || m.Failover != nil {
			return fmt.Errorf("master %s, failover %+v", m.Addr, m.Failover)
		}
		return nil
	})
	now := g.At(n.master().Addr)
	procs.Eventually(n.t, 10*time.Second, now.IsMaster)
	for _, s := range g.Servers() {
		if s != now && s.Running() {
			procs.Eventually(n.t, 20*time.Second, func() error { return s.Follows(now.Addr) })
		}
	}
	return now
}

func TestKilledMasterIsReplaced(t *testing.T) {
	g := procs.Group(t, 2, procs.Opts{})
	n := startNode(t)
	n.watch(g, time.Second)
	g.Master.Kill()
	n.settled(g, g.Master.Addr)

	want := []string{
		"+monitor", "+slave", "+slave", "+sdown", "+odown", "+new-epoch", "+try-failover", "+vote-for-leader",
		"+elected-leader", "+failover-state-select-slave", "+selected-slave", "+failover-state-send-slaveof-noone",
		"+failover-state-wait-promotion", "+promoted-slave", "+failover-state-reconf-slaves", "+switch-master",
		"+slave", "+slave", "+slave-reconf-sent", "+slave-reconf-done", "+failover-end",
	}
	got := slices.DeleteFunc(n.eventNames(), func(name string) bool {
		return name == "-role-change" || name == "+role-change" || name == "+slave-reconf-inprog"
	})
	if !slices.Equal(got, want) {
		t.Errorf("events\n got %q\nwant %q", got, want)
	}
	g.Master.Restart()
	procs.Eventually(t, 20*time.Second, func() error { return g.Master.Follows(n.master().Addr) })
}

func TestManualFailover(t *testing.T) {
	g := procs.Group(t, 2, procs.Opts{})
	n := startNode(t)
	n.watch(g, 30*time.Second)
	if err := n.monitor.Failover(context.Background(), "m"); err != nil {
		t.Fatal(err)
	}
	n.settled(g, g.Master.Addr)
	if err := n.monitor.Failover(context.Background(), "nobody"); !errors.Is(err, failover.ErrNoSuchMaster) {
		t.Errorf("unknown master: %v", err)
	}
}

// Clients are told who else watches their master, and not of the node they are
// connected to.
func TestMembersAreIntroduced(t *testing.T) {
	n := startNode(t)
	n.propose(state.OpMember{Member: state.Member{ID: n.broker.Self(), Addr: state.Addr{Host: "127.0.0.1", Port: 1}, Schema: state.SchemaVersion, Alive: true}})
	other := state.Member{ID: "other", Addr: state.Addr{Host: "127.0.0.1", Port: 2}, Schema: state.SchemaVersion, Alive: true}
	n.propose(state.OpMember{Member: other})
	n.propose(state.OpMonitor{Name: "m", Addr: state.Addr{Host: "127.0.0.1", Port: 3}, Quorum: 2, Settings: state.DefaultSettings()})
	n.propose(state.OpRemove{Name: "m"})
	procs.Eventually(t, 30*time.Second, func() error {
		if got := n.eventNames(); !slices.Equal(got, []string{"+monitor", "+sentinel", "-monitor"}) {
			return fmt.Errorf("events %v", got)
		}
		return nil
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	if got := n.events[1].Payload; got != "sentinel other 127.0.0.1 2 @ m 127.0.0.1 3" {
		t.Errorf("introduced as %q", got)
	}
}

// The periods can be changed while servers are watched, in both directions.
func TestTimingChanges(t *testing.T) {
	g := procs.Group(t, 1, procs.Opts{})
	n := startNode(t)
	n.watch(g, time.Hour)
	timing := n.monitor.Timing()
	if timing != (failover.Timing{CheckInterval: time.Second, InfoPeriod: 10 * time.Second, ReconfLimit: 10 * time.Second,
		TiltTrigger: 2 * time.Second, TiltPeriod: 30 * time.Second}) {
		t.Errorf("begins with %+v", timing)
	}
	eventually := func(what string, holds func(failover.ServerView) bool) {
		t.Helper()
		procs.Eventually(t, 60*time.Second, func() error {
			if view, _ := n.monitor.View("m"); !holds(view.Master) {
				return fmt.Errorf("%s: pong %s ago, INFO %s ago", what, view.Master.LastOKPing, view.Master.InfoAge)
			}
			return nil
		})
	}
	timing.CheckInterval, timing.InfoPeriod = time.Hour, time.Hour
	n.monitor.SetTiming(timing)
	eventually("nobody asks any more", func(v failover.ServerView) bool { return v.LastOKPing > 2*time.Second })
	timing.CheckInterval = 20 * time.Millisecond
	n.monitor.SetTiming(timing)
	eventually("pings again", func(v failover.ServerView) bool { return v.LastOKPing < time.Second })
	if got := n.monitor.Timing(); got != timing {
		t.Errorf("the periods are %+v, want %+v", got, timing)
	}
}
