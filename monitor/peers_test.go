package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
	"redis-failover/tests/procs"
)

// watcher is a monitor that has other members to ask.
type watcher struct {
	*Monitor
	t      *testing.T
	broker *standalone.Broker
	stop   func()

	mu  sync.Mutex
	log bytes.Buffer
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

// logged is how often the log holds a text.
func (w *watcher) logged(text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.log.String(), text)
}

// meet starts a monitor; change may alter its options.
func meet(t *testing.T, change func(*Options)) *watcher {
	t.Helper()
	t.Parallel()
	w := &watcher{t: t}
	logger := slog.New(slog.NewTextHandler(w, nil))
	broker, err := standalone.Open(standalone.Options{Dir: t.TempDir(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	w.broker = broker
	o := Options{
		Broker: broker, Log: logger, Publish: func(state.Event) {}, Seen: func(state.Event, state.Index) {}, Crash: func() { panic("crash") },
		Timing: failover.Timing{CheckInterval: time.Second, InfoPeriod: 10 * time.Second},
	}
	if change != nil {
		change(&o)
	}
	w.Monitor = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx)
	}()
	w.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(func() {
		w.stop()
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

// knows says that a member runs at an address.
func (w *watcher) knows(id state.MemberID, addr state.Addr) {
	w.t.Helper()
	op := state.OpMember{Member: state.Member{ID: id, RunID: addr.String(), Addr: addr, Schema: state.SchemaVersion, Alive: true}}
	outcome, _, err := w.broker.Propose(context.Background(), state.Mutation{Op: op})
	if err != nil || outcome.Refused() {
		w.t.Fatalf("%+v, %v", outcome, err)
	}
}

func (w *watcher) alive(id state.MemberID) bool {
	m, ok := w.broker.State().Member(id)
	return ok && m.Alive
}

// eventually waits until what is observed of a member is as it should be.
func (w *watcher) eventually(id state.MemberID, want string, right func(v failover.MemberView) bool) failover.MemberView {
	w.t.Helper()
	var view failover.MemberView
	procs.Eventually(w.t, time.Minute, func() error {
		var ok bool
		if view, ok = w.Member(id); !ok || !right(view) {
			return fmt.Errorf("%s is not %s: %+v, %t", id, want, view, ok)
		}
		return nil
	})
	return view
}

func answered(v failover.MemberView) bool { return v.Heard && v.Connected }

func troubled(text string) func(failover.MemberView) bool {
	return func(v failover.MemberView) bool { return !v.Connected && strings.Contains(v.Trouble, text) }
}

// asMember answers as the member of that id does.
func asMember(id state.MemberID) func(string) string {
	return func(command string) string {
		if command == "SENTINEL MYID" {
			return bulk(string(id))
		}
		return "+OK\r\n"
	}
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) state.Addr {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return state.Addr{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port}
}

func TestMemberThatAnswers(t *testing.T) {
	w := meet(t, nil)
	other := serveFake(t, asMember("other"))
	w.knows("other", other.addr)
	w.knows(w.broker.Self(), other.addr)
	first := w.eventually("other", "answered", answered)
	if first.Trouble != "" || first.LastHeard < 0 {
		t.Errorf("view %+v", first)
	}
	// It is asked again and again, over the same connection and by name.
	w.eventually("other", "asked often", func(failover.MemberView) bool { return len(other.said()) > 4 })
	name := "CLIENT SETNAME sentinel-" + string(w.broker.Self())[:8] + "-cmd"
	if said := other.said(); said[0] != name || strings.Count(strings.Join(said, ","), "CLIENT") != 1 {
		t.Errorf("it was told %q", said)
	}
	if !w.alive("other") {
		t.Error("a member that answers does not count as alive")
	}
	for _, id := range []state.MemberID{w.broker.Self(), "nobody"} {
		if view, ok := w.Member(id); ok {
			t.Errorf("%s: %+v", id, view)
		}
	}
}

// All that may be wrong with a member ends in the same: it is said why, not at
// each question, and the member does not count as alive.
func TestMembersThatDoNotAnswer(t *testing.T) {
	w := meet(t, func(o *Options) { o.PeerPass = "s3cret" })
	release := make(chan struct{})
	members := []struct {
		id      state.MemberID
		trouble string
		reply   func(command string) string // nil: nobody listens
	}{
		{"refuses", "connection refused", nil},
		{"replaced", `another node answers there: "stranger"`, asMember("stranger")},
		{"hangs", "i/o timeout", func(command string) string {
			if command == "SENTINEL MYID" {
				<-release
				return ""
			}
			return "+OK\r\n"
		}},
		{"locked", "WRONGPASS", func(command string) string {
			if strings.HasPrefix(command, "AUTH") {
				return "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
			}
			return asMember("locked")(command)
		}},
		{"floods", errReplyTooBig.Error(), func(command string) string { // must not cost memory
			if command == "SENTINEL MYID" {
				return "$999999999999\r\n"
			}
			return "+OK\r\n"
		}},
		{"closes", "EOF", func(string) string { return "" }},
	}
	for _, m := range members {
		addr := closedPort(t)
		if m.reply != nil {
			addr = serveFake(t, m.reply).addr
		}
		w.knows(m.id, addr)
	}
	t.Cleanup(func() { close(release) })
	for _, m := range members {
		view := w.eventually(m.id, "in trouble", troubled(m.trouble))
		if view.Heard {
			t.Errorf("%s: %+v", m.id, view)
		}
		w.eventually(m.id, "held for dead", func(failover.MemberView) bool { return !w.alive(m.id) })
		if n := w.logged("a member does not answer\" member=" + string(m.id)); n < 1 || n > 3 {
			t.Errorf("the trouble with %s is logged %d times", m.id, n)
		}
	}
	if n := w.logged("a member's process is gone"); n != 1 {
		t.Errorf("%d processes are held for gone; one refuses connections", n)
	}
	if w.logged("s3cret") > 0 {
		t.Error("the password is in the log")
	}
}

// A member that freezes is asked on, and its last question is visible.
func TestMemberThatFreezes(t *testing.T) {
	w := meet(t, nil)
	var frozen atomic.Bool
	release := make(chan struct{})
	other := serveFake(t, func(command string) string {
		if frozen.Load() {
			<-release
			return ""
		}
		return asMember("other")(command)
	})
	t.Cleanup(func() { close(release) })
	w.knows("other", other.addr)
	w.eventually("other", "answered", answered)
	frozen.Store(true)
	w.eventually("other", "being asked", func(v failover.MemberView) bool { return v.LinkPending && v.PendingFor > 0 })
	view := w.eventually("other", "in trouble", troubled("i/o timeout"))
	if !view.Heard || view.LastHeard <= 0 {
		t.Errorf("view %+v", view)
	}
}

// A stop must not wait for a member that hangs, whatever it was asked.
func TestStopWhileAMemberHangs(t *testing.T) {
	for _, at := range []string{"AUTH", "CLIENT", "SENTINEL"} {
		t.Run(at, func(t *testing.T) {
			release := make(chan struct{})
			asked := make(chan struct{}, 1)
			hanging := serveFake(t, func(command string) string {
				if strings.HasPrefix(command, at) {
					asked <- struct{}{}
					<-release
					return ""
				}
				return "+OK\r\n"
			})
			t.Cleanup(func() { close(release) })
			link := &peerLink{
				id: "other", addr: hanging.addr, dial: dialTCP, access: peerAccess{Pass: "s3cret"}, timeout: time.Hour,
				names: newNames(hanging.addr.Host, nil),
			}
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- link.ask(ctx) }()
			<-asked
			stop()
			if err := <-ended; err == nil {
				t.Error("no answer, and no error")
			}
			if link.conn != nil {
				t.Error("the connection was not closed")
			}
		})
	}
}

func TestMemberWithPassword(t *testing.T) {
	for _, c := range []struct {
		user, auth string
	}{{"", "AUTH s3cret"}, {"peer", "AUTH peer s3cret"}} {
		t.Run("user="+c.user, func(t *testing.T) {
			w := meet(t, func(o *Options) { o.PeerUser, o.PeerPass = c.user, "s3cret" })
			other := serveFake(t, func(command string) string {
				if strings.HasPrefix(command, "AUTH") && command != c.auth {
					return "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
				}
				return asMember("other")(command)
			})
			w.knows("other", other.addr)
			w.eventually("other", "answered", answered)
			if said := other.said(); said[0] != c.auth {
				t.Errorf("it was told %q", said)
			}
		})
	}
}

// TestMemberCredentials: what the document says holds at once, over a new
// connection; what it does not say comes from the node's own configuration.
func TestMemberCredentials(t *testing.T) {
	w := meet(t, func(o *Options) { o.PeerUser, o.PeerPass, o.OwnPass = "peer", "s3cret", "0wn" })
	other := serveFake(t, asMember("other"))
	w.knows(w.broker.Self(), closedPort(t))
	w.knows("other", other.addr)
	for _, c := range []struct{ name, value, want string }{
		{"", "", "AUTH peer s3cret"},
		{state.SentinelPass, "n3w", "AUTH peer n3w"},
		{state.SentinelUser, "", "AUTH n3w"},
		{state.SentinelUser, "u", "AUTH u n3w"},
		{state.SentinelPass, "", "AUTH 0wn"},
	} {
		if c.name != "" {
			op := state.OpConfig{Options: []state.Option{{Name: c.name, Values: []string{c.value}}}}
			if outcome, _, err := w.broker.Propose(t.Context(), state.Mutation{Op: op}); err != nil || outcome.Refused() {
				t.Fatalf("%+v, %v", outcome, err)
			}
		}
		w.eventually("other", "asked with "+c.want, func(v failover.MemberView) bool {
			return answered(v) && slices.Contains(other.said(), c.want)
		})
	}
}

func TestMemberThatRefusesNames(t *testing.T) {
	w := meet(t, nil)
	other := serveFake(t, func(command string) string {
		if strings.HasPrefix(command, "CLIENT") {
			return "-NOPERM this user has no permissions to run the 'client|setname' command\r\n"
		}
		return asMember("other")(command)
	})
	w.knows("other", other.addr)
	w.eventually("other", "answered", answered)
}

func TestMemberMoves(t *testing.T) {
	w := meet(t, nil)
	before, after := serveFake(t, asMember("other")), serveFake(t, asMember("other"))
	w.knows("other", before.addr)
	w.eventually("other", "answered", answered)
	w.knows("other", after.addr)
	w.eventually("other", "asked at the new address", func(v failover.MemberView) bool { return answered(v) && len(after.said()) > 2 })
	asked := len(before.said())
	w.eventually("other", "asked on", func(failover.MemberView) bool { return len(after.said()) > 6 })
	if now := len(before.said()); now > asked+1 { // one question may have been on its way
		t.Errorf("the old address is asked on: %d questions, then %d", asked, now)
	}
}

func TestMemberComesBack(t *testing.T) {
	w := meet(t, nil)
	var deaf atomic.Bool
	deaf.Store(true)
	other := serveFake(t, func(command string) string {
		if deaf.Load() {
			return ""
		}
		return asMember("other")(command)
	})
	w.knows("other", other.addr)
	w.eventually("other", "in trouble", troubled("EOF"))
	w.eventually("other", "held for dead", func(failover.MemberView) bool { return !w.alive("other") })
	deaf.Store(false)
	w.eventually("other", "answered", answered)
	w.knows("other", other.addr) // only the member itself says that it is back
	w.eventually("other", "alive", func(failover.MemberView) bool { return w.alive("other") })
	if n := w.logged("a member answers again"); n != 1 {
		t.Errorf("its return is logged %d times", n)
	}
}

func TestThisNodeRevivesItself(t *testing.T) {
	w := meet(t, nil)
	self := w.broker.Self()
	w.knows(self, state.Addr{})
	for range 2 {
		op := state.OpAlive{Member: self}
		if _, _, err := w.broker.Propose(context.Background(), state.Mutation{Op: op}); err != nil {
			t.Fatal(err)
		}
		procs.Eventually(t, time.Minute, func() error {
			if !w.alive(self) {
				return errors.New("held for dead, it does not say that it lives")
			}
			return nil
		})
	}
	if n := w.logged("it is back"); n != 2 {
		t.Errorf("its revival is logged %d times", n)
	}
}

// Clients are told of a member that is gone, and that it is back, for each master.
func TestMemberUpAndDown(t *testing.T) {
	events := make(chan state.Event, 100)
	w := meet(t, func(o *Options) { o.Publish = func(e state.Event) { events <- e } })
	for i, name := range []string{"a", "b"} {
		op := state.OpMonitor{Name: name, Addr: state.Addr{Host: "127.0.0.1", Port: i + 1}, Quorum: 1, Settings: state.DefaultSettings()}
		if outcome, _, err := w.broker.Propose(context.Background(), state.Mutation{Op: op}); err != nil || outcome.Refused() {
			t.Fatalf("%+v, %v", outcome, err)
		}
	}
	addr := closedPort(t)
	other := state.Member{ID: "other", Addr: addr, Schema: state.SchemaVersion}
	var want []string
	for _, step := range []struct {
		alive bool
		name  string
	}{{false, "+sdown"}, {true, "-sdown"}} {
		other.Alive = step.alive
		if outcome, _, err := w.broker.Propose(context.Background(), state.Mutation{Op: state.OpMember{Member: other}}); err != nil || outcome.Refused() {
			t.Fatalf("%+v, %v", outcome, err)
		}
		for i, name := range []string{"a", "b"} {
			want = append(want, fmt.Sprintf("%s sentinel other 127.0.0.1 %d @ %s 127.0.0.1 %d", step.name, addr.Port, name, i+1))
		}
		var got []string
		for len(got) < 2 {
			select {
			case e := <-events:
				if (e.Name == state.EventSDown || e.Name == state.EventSDownEnd) && strings.HasPrefix(e.Payload, "sentinel") {
					got = append(got, e.Name+" "+e.Payload)
				}
			case <-time.After(time.Minute):
				t.Fatalf("got %q, want %q", got, want)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		want = nil
	}
}
