package commands

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// moody is a broker whose majority comes and goes.
type moody struct {
	mu      sync.Mutex
	doc     *state.State
	health  cluster.Health
	changed chan struct{}
	// hangs: Barrier does not answer before its context ends.
	hangs    bool
	barriers int
}

func newMoody(doc *state.State) *moody {
	return &moody{doc: doc, health: lost, changed: make(chan struct{})}
}

var (
	ready = cluster.Health{}
	lost  = cluster.Health{Condition: cluster.Suspended, Reason: "1 of 3 members can be reached"}
)

func (b *moody) State() *state.State { return b.doc }

func (b *moody) Barrier(ctx context.Context) (state.Index, error) {
	b.mu.Lock()
	b.barriers++
	health, hangs := b.health, b.hangs
	b.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	if health != ready {
		return 0, cluster.ErrNoQuorum
	}
	return b.doc.Index, nil
}

func (b *moody) Health() cluster.Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.health
}

func (b *moody) HealthChanged() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

func (b *moody) become(h cluster.Health) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.health = h
	close(b.changed)
	b.changed = make(chan struct{})
}

// saved is a document that holds something.
func saved() *state.State {
	doc, _ := state.Apply(state.New(), 1, state.Mutation{ID: state.MutationID{Member: self, Seq: 1},
		Op: state.OpMonitor{Name: "m", Addr: state.Addr{Host: "10.0.0.1", Port: 6379}, Quorum: 1, Settings: state.DefaultSettings()}})
	return doc
}

// start runs LookUps over a broker in a bubble of synctest, and returns what they
// log.
func start(t *testing.T, o LookUpOptions) (*LookUps, *bytes.Buffer) {
	var text bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&text, nil))
	l := NewLookUps(o)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	synctest.Wait()
	return l, &text
}

// wantRefused expects a look-up to be refused after a time, with a reason.
func wantRefused(t *testing.T, l *LookUps, after time.Duration, reason string) {
	t.Helper()
	asked := time.Now()
	err := l.check(t.Context())
	if err == nil || !strings.Contains(err.Error(), reason) || time.Since(asked) != after {
		t.Errorf("after %s: %v; it should be refused after %s, as %q", time.Since(asked), err, after, reason)
	}
}

func wantAnswered(t *testing.T, l *LookUps) {
	t.Helper()
	asked := time.Now()
	if err := l.check(t.Context()); err != nil || time.Since(asked) != 0 {
		t.Errorf("refused after %s: %v", time.Since(asked), err)
	}
}

// With a majority there is nothing to wait for.
func TestLookUpsOfAHealthyStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMoody(saved())
		b.become(ready)
		l, log := start(t, LookUpOptions{Broker: b})
		wantAnswered(t, l)
		if b.barriers != 1 {
			t.Errorf("%d barriers for a start and a look-up", b.barriers)
		}
		if log.Len() > 0 || l.IsolatedFor() >= 0 {
			t.Errorf("isolated for %s; log:\n%s", l.IsolatedFor(), log)
		}
	})
}

// A start without a majority waits for one, and then answers as it was told to.
func TestLookUpsOfAnIsolatedStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMoody(saved())
		l, log := start(t, LookUpOptions{Broker: b, IsolatedAnswers: true})
		wantRefused(t, l, lookUpWithin, "no majority has confirmed what this node knows since its start: 1 of 3 members can be reached")
		wantRefused(t, l, lookUpWithin, "1 of 3")
		time.Sleep(startPatience - 2*lookUpWithin + time.Millisecond)
		synctest.Wait()
		wantAnswered(t, l)
		if !strings.Contains(log.String(), "look-ups are answered with what is saved") || !strings.Contains(log.String(), "1 of 3") {
			t.Errorf("log:\n%s", log)
		}
		if got := l.IsolatedFor(); got < startPatience {
			t.Errorf("isolated for %s", got)
		}
		b.become(ready)
		synctest.Wait()
		if !strings.Contains(log.String(), "a majority has confirmed the document") || l.IsolatedFor() >= 0 {
			t.Errorf("isolated for %s; log:\n%s", l.IsolatedFor(), log)
		}
	})
}

// A majority that comes while a look-up waits serves that look-up.
func TestLookUpWaitsForTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMoody(saved())
		l, _ := start(t, LookUpOptions{Broker: b})
		answer := make(chan error)
		go func() { answer <- l.check(t.Context()) }()
		time.Sleep(lookUpWithin / 2)
		synctest.Wait()
		b.become(ready)
		if err := <-answer; err != nil {
			t.Errorf("refused: %v", err)
		}
	})
}

// Who knows nothing says so, and does not say that there is no such master.
func TestLookUpsWithoutADocument(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, log := start(t, LookUpOptions{Broker: newMoody(state.New()), IsolatedAnswers: true})
		time.Sleep(startPatience + time.Millisecond)
		synctest.Wait()
		wantRefused(t, l, 0, "this node has learned nothing yet: 1 of 3 members can be reached")
		if !strings.Contains(log.String(), "refused, as nothing was saved") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// With isolated-answers no, nothing is answered that a majority has not
// confirmed.
func TestLookUpsWithoutIsolatedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMoody(saved())
		l, log := start(t, LookUpOptions{Broker: b})
		time.Sleep(startPatience + time.Millisecond)
		synctest.Wait()
		wantRefused(t, l, 0, "no majority has confirmed what this node knows since its start")
		if !strings.Contains(log.String(), "refused, as isolated-answers is no") {
			t.Errorf("log:\n%s", log)
		}
		b.become(ready)
		synctest.Wait()
		wantAnswered(t, l)
		b.become(lost)
		synctest.Wait()
		wantRefused(t, l, 0, "1 of 3 members can be reached")
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := l.IsolatedFor(); got != time.Minute {
			t.Errorf("isolated for %s", got)
		}
		b.become(ready)
		synctest.Wait()
		wantAnswered(t, l)
		if !strings.Contains(log.String(), "this node is isolated; look-ups are refused") || !strings.Contains(log.String(), "after=1m0s") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// Sentinel's way: what was known once is told for ever.
func TestLookUpsWhileIsolated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMoody(saved())
		b.become(ready)
		l, log := start(t, LookUpOptions{Broker: b, IsolatedAnswers: true})
		b.become(lost)
		synctest.Wait()
		wantAnswered(t, l)
		if !strings.Contains(log.String(), "this node is isolated; look-ups are answered with what is saved") {
			t.Errorf("log:\n%s", log)
		}
	})
}

func TestLinearizableLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newMoody(saved())
		b.become(ready)
		l, log := start(t, LookUpOptions{Broker: b, IsolatedAnswers: true, Linearizable: true})
		before := b.barriers
		wantAnswered(t, l)
		wantAnswered(t, l)
		if got := b.barriers - before; got != 2 {
			t.Errorf("%d barriers for two look-ups", got)
		}
		b.become(lost)
		synctest.Wait()
		wantRefused(t, l, 0, cluster.ErrNoQuorum.Error())
		b.hangs = true
		wantRefused(t, l, lookUpWithin, "no majority has confirmed it within 1.5s")
		time.Sleep(time.Millisecond)
		wantRefused(t, l, 0, lost.Reason)
		if !strings.Contains(log.String(), "look-ups are refused, as linearizable-reads is yes") {
			t.Errorf("log:\n%s", log)
		}
	})
}

// Every command that tells where a master is passes the gate, and answers in a
// way that makes the client that uses it go on to the next node.
func TestLookUpCommands(t *testing.T) {
	lines := map[string]string{
		"SENTINEL GET-MASTER-ADDR-BY-NAME m":  "IDONTKNOW ",
		"SENTINEL get-primary-addr-by-name m": "IDONTKNOW ",
		"SENTINEL MASTER m":                   "IDONTKNOW ",
		"SENTINEL PRIMARY m":                  "IDONTKNOW ",
		"SENTINEL REPLICAS m":                 "IDONTKNOW ",
		"SENTINEL SLAVES m":                   "IDONTKNOW ",
		"SENTINEL SENTINELS m":                "IDONTKNOW ",
		"SENTINEL MASTERS":                    "LOADING ",
		"SENTINEL primaries":                  "LOADING ",
	}
	b := newBench(t)
	b.monitor("m")
	b.node.LookUps = settled(b.broker, false)
	b.broker.health = lost
	for line, code := range lines {
		got, _ := b.do(strings.Fields(line)...).(Error)
		if !strings.HasPrefix(string(got), code) || !strings.HasSuffix(string(got), lost.Reason) {
			t.Errorf("%s: %q", line, got)
		}
	}
	for _, line := range []string{"PING", "ROLE", "INFO", "SENTINEL MYID", "SENTINEL MEMBERS", "SENTINEL INFO-CACHE m"} {
		if got, failed := b.do(strings.Fields(line)...).(Error); failed {
			t.Errorf("%s: %q", line, got)
		}
	}
	b.broker.health = ready
	for line := range lines {
		if got, failed := b.do(strings.Fields(line)...).(Error); failed {
			t.Errorf("%s: %q", line, got)
		}
	}
	b.broker.health = lost
	if got, failed := b.do("SUBSCRIBE", "+switch-master").(Error); failed {
		t.Errorf("subscribers are not served: %q", got)
	}
}

func TestInfoDocument(t *testing.T) {
	b := newBench(t)
	b.node.LookUps = settled(b.broker, false)
	b.apply(state.OpMember{Member: state.Member{ID: "x"}})
	text := func() string { return string(b.do("INFO", "document").(Bulk)) }
	want := "# Document\r\ndocument_condition:ready\r\ndocument_reason:\r\ndocument_isolated_since_seconds:-1\r\ndocument_index:2\r\n" +
		"document_members:2\r\ndocument_usable_members:1\r\nisolated_answers:no\r\nlinearizable_reads:no\r\n"
	if got := text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	b.broker.health = cluster.Health{Condition: cluster.Lost, Reason: "removed.\nStart anew"}
	b.node.LookUps.follow()
	for _, line := range []string{"document_condition:lost\r\n", "document_reason:removed. Start anew\r\n", "document_isolated_since_seconds:0\r\n"} {
		if got := text(); !strings.Contains(got, line) {
			t.Errorf("%q is not in\n%s", line, got)
		}
	}
}

// A session that ends does not wait for the start.
func TestLookUpEndsWithItsContext(t *testing.T) {
	l := NewLookUps(LookUpOptions{Broker: newMoody(saved()), Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.check(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
