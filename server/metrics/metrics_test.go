package metrics

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"redis-failover/cluster"
	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/commands"
	"redis-failover/monitor/failover"
	"redis-failover/tests/procs"
)

const patience = 30 * time.Second

// sight is a Watcher that sees a master with two replicas, one of which follows it,
// and a Sentinel of others.
type sight struct {
	commands.Watcher // what is not asked here

	document cluster.Broker
}

func (s sight) View(name string) (failover.View, bool) {
	m, ok := s.document.State().Master(name)
	if !ok {
		return failover.View{}, false
	}
	return failover.View{
		Generation: m.Generation,
		Master:     failover.ServerView{Addr: m.Addr, Linked: true, SDown: true, LastOKPing: 1500 * time.Millisecond},
		Replicas:   []failover.ServerView{{Linked: true, MasterLinkUp: true}, {Linked: true}},
		Foreign:    make([]failover.ForeignView, 1),
	}, true
}

func (sight) TiltSeconds() int { return -1 }

// world is a node of one, with its metrics.
type world struct {
	t      *testing.T
	broker cluster.Broker
	*Metrics
	url string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	broker, err := standalone.Open(standalone.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	lookUps := commands.NewLookUps(commands.LookUpOptions{Broker: broker, Log: slog.New(slog.DiscardHandler)})
	m, err := New(Options{
		Document: broker, LookUps: lookUps, Version: "1.2.3",
		Watcher: func() commands.Watcher { return sight{document: broker} },
		Stats:   func() commands.Stats { return commands.Stats{Clients: 3, SlowClients: 7} },
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, broker: m.Timed(broker), Metrics: m}
	w.apply(state.OpMember{Member: state.Member{ID: broker.Self(), Addr: state.Addr{Host: "127.0.0.1", Port: 26379}, Schema: state.SchemaVersion, Alive: true}})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(m.Handler())
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) apply(op state.Op) {
	w.t.Helper()
	out, _, err := w.broker.Propose(w.t.Context(), state.Mutation{At: state.Time(time.Now().UnixMilli()), Op: op})
	if err != nil || out.Refused() {
		w.t.Fatalf("%T: %+v, %v", op, out, err)
	}
}

func (w *world) monitor(name string) {
	w.t.Helper()
	w.apply(state.OpMonitor{Name: name, Addr: state.Addr{Host: "10.0.0.1", Port: 6379}, Quorum: 2, Settings: state.DefaultSettings(),
		Replicas: []state.Addr{{Host: "10.0.0.2", Port: 6379}}})
}

// await waits until a scrape has all these lines.
func (w *world) await(lines ...string) {
	w.t.Helper()
	procs.Eventually(w.t, patience, func() error {
		text, err := w.scrape()
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				return fmt.Errorf("no line %q (%v) in\n%s", line, err, text)
			}
		}
		return err
	})
}

func (w *world) scrape() (string, error) {
	response, err := http.Get(w.url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", response.Status)
	}
	return string(text), err
}

func TestNumbers(t *testing.T) {
	w := newWorld(t)
	w.monitor("m")
	w.monitor("\"größer\" \\ als")
	w.Probed(time.Millisecond, true)
	w.Probed(time.Second, false)
	m, _ := w.broker.State().Master("m")
	w.apply(state.OpBegin{Name: "m", Generation: m.Generation, Kind: state.Manual, Reason: "asked for", Member: w.broker.Self(), After: m.LastAttempt})
	w.await(
		`redis_failover_master_failover_in_progress{master="m"} 1`,
		`redis_failover_master_info{address="10.0.0.1:6379",master="m"} 1`,
		`redis_failover_master_sdown{master="m"} 1`,
		`redis_failover_master_odown{master="m"} 0`,
		`redis_failover_master_last_ok_ping_seconds{master="m"} 1.5`,
		`redis_failover_master_quorum{master="m"} 2`,
		`redis_failover_master_replicas{master="m"} 1`,
		`redis_failover_master_replicas_usable{master="m"} 1`,
		`redis_failover_master_foreign_sentinels{master="m"} 1`,
		`redis_failover_master_quorum{master="\"größer\" \\ als"} 2`,
		`redis_failover_masters 2`,
		`redis_failover_current_epoch 1`,
		`redis_failover_document_condition{condition="ready"} 1`,
		`redis_failover_document_condition{condition="suspended"} 0`,
		`redis_failover_document_changes_total{kind="monitor",result="applied"} 2`,
		`redis_failover_events_total{event="+monitor"} 2`,
		`redis_failover_clients 3`,
		`redis_failover_subscribers_dropped_total 7`,
		`redis_failover_tilt 0`,
		`redis_failover_probe_seconds_count{answer="ok"} 1`,
		`redis_failover_probe_seconds_bucket{answer="error",le="0.5"} 0`,
		`redis_failover_commit_seconds_count{result="committed"} 4`,
	)
	w.apply(state.OpReset{Names: []string{"m"}})
	w.await(
		`redis_failover_failovers_total{kind="manual",outcome="aborted"} 1`,
		`redis_failover_failover_phase_seconds_count{phase="select_slave"} 1`,
		`redis_failover_failover_switch_seconds_count 0`,
		`redis_failover_master_failover_in_progress{master="m"} 0`,
	)
	w.apply(state.OpRemove{Name: "m"})
	w.await(`redis_failover_masters 1`)
	if text, _ := w.scrape(); strings.Contains(text, `master="m"`) {
		t.Error("a master that was removed is still told of")
	}
}

// Failovers that had ended before the start are not counted again, and none is
// missed when changes were skipped.
func TestFailoversAreCountedOnce(t *testing.T) {
	at := func(ended ...state.Epoch) *state.State {
		s := state.New()
		s, out := state.Apply(s, 1, state.Mutation{ID: state.MutationID{Member: "a", Seq: 1}, Op: state.OpMonitor{
			Name: "m", Addr: state.Addr{Host: "10.0.0.1", Port: 1}, Quorum: 1, Settings: state.DefaultSettings()}})
		if out.Refused() {
			t.Fatal(out.Detail)
		}
		m, _ := s.Master("m")
		for _, epoch := range ended {
			m.History = append(m.History, state.Failover{Claim: state.Claim{Epoch: epoch}, Outcome: "done"})
		}
		return s
	}
	p := newPast(at(3))
	for _, step := range []struct {
		change cluster.Change
		want   int
	}{
		{cluster.Change{State: at(3), Outcome: state.Outcome{Masters: []string{"m"}}}, 0},
		{cluster.Change{State: at(3, 4), Outcome: state.Outcome{Masters: []string{"m"}}}, 1},
		{cluster.Change{State: at(3, 4), Outcome: state.Outcome{Masters: []string{"m"}}}, 0},
		{cluster.Change{State: at(4, 6, 7), Reset: true}, 2},
		{cluster.Change{State: state.New(), Outcome: state.Outcome{Masters: []string{"m"}}}, 0},
		{cluster.Change{State: at(8), Outcome: state.Outcome{Masters: []string{"m"}}}, 1},
	} {
		if got := len(p.ended(step.change)); got != step.want {
			t.Errorf("%+v: %d failovers, want %d", step.change, got, step.want)
		}
	}
}

func TestNamesAreConventional(t *testing.T) {
	w := newWorld(t)
	w.monitor("m")
	w.Probed(time.Millisecond, true)
	w.await(`redis_failover_masters 1`)
	problems, err := testutil.GatherAndLint(w.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// docs/METRICS.md lists our metrics, all of them and no others.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/METRICS.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile("(?m)^\\| `("+namespace+"_[a-z_]+)").FindAllStringSubmatch(string(text), -1)
	var listed []string
	for _, match := range documented {
		listed = append(listed, match[1])
	}
	w := newWorld(t)
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		w.all().Describe(descs)
	}()
	var told []string
	for desc := range descs {
		name := regexp.MustCompile(`fqName: "([a-z_]+)"`).FindStringSubmatch(desc.String())
		if name != nil && strings.HasPrefix(name[1], namespace+"_") {
			told = append(told, name[1])
		}
	}
	slices.Sort(listed)
	slices.Sort(told)
	if !slices.Equal(listed, told) {
		t.Errorf("documented:\n%s\ntold:\n%s", strings.Join(listed, "\n"), strings.Join(told, "\n"))
	}
}

func TestWhatIsRequired(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("metrics of nothing")
	}
}
