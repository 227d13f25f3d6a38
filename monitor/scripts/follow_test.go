package scripts

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

const (
	self  = state.MemberID("self")
	other = state.MemberID("other")
)

// history is a document that the test writes, and that catches up when it says.
type history struct {
	mu      sync.Mutex
	doc     *state.State
	at      state.Time
	behind  bool // Barrier fails
	changed chan struct{}
	changes chan cluster.Change
}

func newHistory() *history {
	h := &history{doc: state.New(), changed: make(chan struct{}), changes: make(chan cluster.Change, 100), at: 1000}
	h.apply(state.OpMember{Member: state.Member{ID: self, Schema: state.SchemaVersion, Alive: true}})
	h.apply(state.OpMember{Member: state.Member{ID: other, Schema: state.SchemaVersion, Alive: true}})
	return h
}

func (h *history) Self() state.MemberID { return self }

func (h *history) State() *state.State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.doc
}

func (h *history) Barrier(context.Context) (state.Index, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.behind {
		return 0, cluster.ErrNoQuorum
	}
	return h.doc.Index, nil
}

func (h *history) HealthChanged() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// catchUp makes Barrier succeed.
func (h *history) catchUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.behind = false
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *history) Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change] {
	return func(yield func(cluster.Change) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case change := <-h.changes:
				if change.Index > from && !yield(change) {
					return
				}
			}
		}
	}
}

// apply changes the document and returns the change.
func (h *history) apply(op state.Op) cluster.Change {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := state.MutationID{Member: self, Seq: uint64(h.doc.Index) + 1}
	mutation := state.Mutation{ID: id, At: h.at, Op: op}
	next, out := state.Apply(h.doc, h.doc.Index+1, mutation)
	if out.Refused() {
		panic(out.Detail)
	}
	h.doc = next
	return cluster.Change{Index: next.Index, State: next, Mutation: mutation, Outcome: out}
}

// monitor adds a master at first with a replica at second, and both scripts.
func (h *history) monitor(name string) {
	h.apply(state.OpMonitor{Name: name, Addr: first, Quorum: 1, Replicas: []state.Addr{second}, Settings: state.Settings{
		DownAfter: 1, FailoverTimeout: 1, ParallelSyncs: 1, NotificationScript: "/bin/sh", ClientReconfigScript: "/bin/sh",
	}})
}

// failover makes another address the master, carried out by a member.
func (h *history) failover(name string, holder state.MemberID, to state.Addr) []cluster.Change {
	m, _ := h.State().Master(name)
	begun := h.apply(state.OpBegin{Name: name, Kind: state.Manual, Generation: m.Generation, After: m.LastAttempt, Member: holder})
	claim := begun.Outcome.Claim
	return []cluster.Change{
		begun, h.apply(state.OpSelect{Name: name, Claim: claim, Candidate: to}),
		h.apply(state.OpPromoted{Name: name, Claim: claim}), h.apply(state.OpEnd{Name: name, Claim: claim}),
	}
}

// follower is a Runner that follows the document and starts nothing.
func follower(t *testing.T, h *history) *Runner {
	t.Helper()
	r, err := New(Options{Document: h, Log: slog.New(slog.DiscardHandler), Publish: func(state.Event) {}})
	if err != nil {
		t.Fatal(err)
	}
	r.began = h.at
	ctx, cancel := context.WithCancel(context.Background())
	var following sync.WaitGroup
	following.Go(func() { r.follow(ctx) })
	t.Cleanup(func() {
		cancel()
		following.Wait()
	})
	return r
}

// queued are the words of the jobs behind their paths, those of notifications
// shortened to the event.
func queued(r *Runner) []string {
	var all []string
	for _, s := range r.Pending() {
		words := s.Argv[1:]
		if strings.ContainsAny(words[0], "+-") {
			words = words[:1]
		}
		all = append(all, strings.Join(words, " "))
	}
	return all
}

func awaitQueue(t *testing.T, r *Runner, want ...string) {
	t.Helper()
	s := &scene{t: t, runner: r, log: &logBook{}}
	s.eventually(strings.Join(want, ", ")+" wait", func() bool { return slices.Equal(queued(r), want) })
}

// last are the notifications that a failover ends with.
var last = []string{"+promoted-slave", "+failover-state-reconf-slaves", "+switch-master", "+failover-end"}

// A node that was down learns where the master is now, and runs no script for
// what was before its start.
func TestStartAfterSwitches(t *testing.T) {
	h := newHistory()
	h.monitor("m")
	h.behind = true
	h.at = 5000
	r := follower(t, h)
	h.at = 2000 // while it was down
	h.monitor("new")
	h.failover("m", self, second)
	h.failover("m", other, first)
	h.failover("m", other, second)
	h.failover("new", other, second)
	h.at = 6000
	h.apply(state.OpSet{Name: "m", Options: []state.Option{{Name: "quorum", Values: []string{"2"}}}})
	h.catchUp()
	awaitQueue(t, r, "m observer start 10.0.0.1 6379 10.0.0.2 6379", "+set")
	for _, change := range h.failover("m", self, first)[2:] {
		h.changes <- change
	}
	awaitQueue(t, r, append([]string{"m observer start 10.0.0.1 6379 10.0.0.2 6379", "+set",
		"m leader start 10.0.0.2 6379 10.0.0.1 6379"}, last...)...)
}

// A member that is handed the whole history of its group is told of nothing that
// was before it.
func TestStartOfNewMember(t *testing.T) {
	h := newHistory()
	h.at, h.behind = 5000, true
	r := follower(t, h)
	h.at = 2000
	h.monitor("m")
	h.failover("m", other, second)
	h.at = 6000
	h.apply(state.OpSet{Name: "m", Options: []state.Option{{Name: "quorum", Values: []string{"2"}}}})
	h.catchUp()
	awaitQueue(t, r, "+set")
	for _, change := range h.failover("m", other, first)[2:] {
		h.changes <- change
	}
	awaitQueue(t, r, append([]string{"+set", "m observer start 10.0.0.2 6379 10.0.0.1 6379"}, last...)...)
}

// A node that was cut off for long is told all events, and once where the master
// is.
func TestReset(t *testing.T) {
	h := newHistory()
	h.monitor("m")
	r := follower(t, h)
	h.changes <- h.apply(state.OpSet{Name: "m", Options: []state.Option{{Name: "quorum", Values: []string{"2"}}}})
	awaitQueue(t, r, "+set")
	h.failover("m", other, second)
	h.failover("m", other, first)
	h.failover("m", self, second)
	h.changes <- cluster.Change{Index: h.State().Index, State: h.State(), Reset: true}
	s := &scene{t: t, runner: r, log: &logBook{}}
	s.eventually("all events wait", func() bool {
		all := queued(r)
		switches := slices.DeleteFunc(slices.Clone(all), func(words string) bool { return words != "+switch-master" })
		return len(all) > 2 && all[1] == "m leader start 10.0.0.1 6379 10.0.0.2 6379" && len(switches) == 3 && all[len(all)-1] == "+failover-end"
	})
}

// Events of this node alone come another way; those of the document would be
// told twice.
// What this node sees by itself waits for what was agreed on before, and for
// nothing else.
func TestSeen(t *testing.T) {
	h := newHistory()
	h.monitor("m")
	r := follower(t, h)
	for _, e := range []state.Event{
		{Name: "+sdown", Level: state.Warning, Master: "m"},
		{Name: "+reboot", Level: state.Notice, Master: "m"},
		{Name: "+tilt", Level: state.Warning},
		{Name: "-sdown", Level: state.Warning, Master: "gone"},
	} {
		r.Seen(e, h.State().Index)
	}
	awaitQueue(t, r, "+sdown")
	following := h.apply(state.OpSet{Name: "m", Options: []state.Option{{Name: "quorum", Values: []string{"2"}}}})
	h.changes <- following
	awaitQueue(t, r, "+sdown", "+set")
	change := h.apply(state.OpReset{Names: []string{"m"}})
	r.Seen(state.Event{Name: "-sdown", Level: state.Warning, Master: "m"}, change.Index)
	h.changes <- change
	awaitQueue(t, r, "+sdown", "+set", "+reset-master", "-sdown")
}

// A document that cannot be read any more ends the following with the server.
func TestNeverUpToDate(t *testing.T) {
	h := newHistory()
	h.behind = true
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	r := follower(t, h)
	if r.upToDate(ctx) {
		t.Error("a document without a quorum is up to date")
	}
}
