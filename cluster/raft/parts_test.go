package raft

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/local"
	"redis-failover/cluster/state"

	"github.com/lni/dragonboat/v4/logger"
	"github.com/lni/dragonboat/v4/statemachine"
)

func TestBook(t *testing.T) {
	saves := 0
	b := newBook("me", []entry{{Node: "b", Addr: "b:1"}}, func([]entry) error { saves++; return nil })
	for _, c := range []struct {
		what string
		told entry
		want entry
		odd  bool
	}{
		{"what is known", entry{Node: "b", Addr: "b:1"}, entry{Node: "b", Addr: "b:1"}, false},
		{"an id", entry{Node: "b", Addr: "b:1", Member: "B"}, entry{Node: "b", Addr: "b:1", Member: "B"}, false},
		{"another id", entry{Node: "b", Member: "B2"}, entry{Node: "b", Addr: "b:1", Member: "B2"}, false},
		{"the id of before", entry{Node: "b", Member: "B"}, entry{Node: "b", Addr: "b:1", Member: "B"}, false},
		{"an older address", entry{Node: "b", Addr: "old:1"}, entry{Node: "b", Addr: "b:1", Member: "B"}, false},
		{"a newer address", entry{Node: "b", Addr: "b:2", Version: 2}, entry{Node: "b", Addr: "b:2", Version: 2, Member: "B"}, false},
		{"a life", entry{Node: "b", Life: "x"}, entry{Node: "b", Addr: "b:2", Version: 2, Member: "B", Life: "x"}, false},
		{"no life", entry{Node: "b"}, entry{Node: "b", Addr: "b:2", Version: 2, Member: "B", Life: "x"}, false},
		{"another life", entry{Node: "b", Life: "y", Addr: "b:3", Version: 3}, entry{Node: "b", Addr: "b:2", Version: 2, Member: "B", Life: "x"}, true},
		{"somebody new", entry{Node: "a", Addr: "a:1"}, entry{Node: "a", Addr: "a:1"}, false},
		{"oneself", entry{Node: "me", Addr: "x:1", Version: 9}, entry{}, false},
	} {
		_, _, changed := b.get(c.told.Node)
		before := saves
		err := b.learn([]entry{c.told})
		if odd := errors.As(err, new(contradiction)); odd != c.odd {
			t.Errorf("%s: %v", c.what, err)
		}
		got, _, _ := b.get(c.told.Node)
		if got != c.want {
			t.Errorf("%s: %+v, not %+v", c.what, got, c.want)
		}
		rang := false
		select {
		case <-changed:
			rang = true
		default:
		}
		if rang != (saves > before) {
			t.Errorf("%s: saved %t, told %t", c.what, saves > before, rang)
		}
	}
	if saves != 6 {
		t.Errorf("%d saves for 6 changes", saves)
	}
	if err := b.learn([]entry{{Node: "a"}, {Node: "b", Member: "B3"}}); err != nil {
		t.Error(err)
	}
	if e, _, _ := b.get("b"); e.Member != "B" {
		t.Errorf("the id of b is %q, by what another node says", e.Member)
	}
	if err := b.learn([]entry{{Node: "c", Addr: "c:1"}, {Node: "b", Life: "z"}}); err == nil {
		t.Error("a contradiction was accepted")
	}
	if _, found, _ := b.get("c"); found {
		t.Error("with a contradiction something else was taken over")
	}
	b.save = func([]entry) error { return errors.New("full") }
	if err := b.learn([]entry{{Node: "d"}}); err == nil {
		t.Error("what could not be saved was learned")
	}
	if _, found, _ := b.get("d"); found {
		t.Error("what could not be saved is known")
	}
}

func TestIdentityNumbers(t *testing.T) {
	k := &keeper{dir: t.TempDir(), id: identity{Format: identityFormat}}
	o := &Options{Addr: "a:1"}
	var last uint64
	for _, now := range []int64{1000, 1000, 2000, 500, -7} { // a clock that goes on, stands still and is set back
		first, err := k.begin(o, time.Unix(now, 0))
		if err != nil {
			t.Fatal(err)
		}
		if first < last+1<<24 || first < uint64(max(0, now))<<24 {
			t.Errorf("a start at second %d begins at %d, the one before at %d", now, first, last)
		}
		last = first
	}
	version := k.get().Version
	o.Addr = "b:1"
	if _, err := k.begin(o, time.Unix(3000, 0)); err != nil || k.get().Version != version+1 || k.get().Addr != "b:1" {
		t.Errorf("a new address: %+v, %v", k.get(), err)
	}
	id, found, err := loadIdentity(k.dir, "")
	if err != nil || !found || id.Started != k.get().Started || id.Addr != "b:1" {
		t.Errorf("read back: %+v, %t, %v", id, found, err)
	}
}

func TestIdentityFile(t *testing.T) {
	for text, want := range map[string]string{
		"{":              "cannot be read",
		`{"Format": 99}`: "format 99",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, identityFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := loadIdentity(dir, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestFoundersAgree(t *testing.T) {
	make := func(addr string, list ...string) identity {
		id, err := newIdentity(&Options{Addr: addr, Founders: list, Cluster: "c", Start: Found})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	a := make("a:1", "a:1", "b:1", "c:1")
	b := make("b:1", "c:1", "b:1", "a:1", "b:1")
	if a.Group != b.Group || fmt.Sprint(a.Founders) != fmt.Sprint(b.Founders) {
		t.Errorf("the order of the list matters: %+v, %+v", a, b)
	}
	if a.Node == b.Node || a.Replica == b.Replica || a.Founders[b.Replica] != b.Node || a.Member == b.Member || a.Life == b.Life {
		t.Errorf("two founders: %+v, %+v", a, b)
	}
	if c := make("a:1", "a:1", "b:1"); c.Group == a.Group || c.Node == a.Node {
		t.Errorf("another list gives the same group: %+v", c)
	}
	if len(a.Book) != 2 || a.Solo || !make("a:1", "a:1").Solo {
		t.Errorf("%+v", a)
	}
}

func TestSnapshot(t *testing.T) {
	doc, out := state.Apply(state.New(), 1, state.Mutation{ID: state.MutationID{Member: "m", Seq: 1}, Op: monitor(1)})
	if out.Refused() {
		t.Fatal(out.Detail)
	}
	var written bytes.Buffer
	if err := writeSnapshot(&written, doc); err != nil {
		t.Fatal(err)
	}
	got, err := readSnapshot(bytes.NewReader(written.Bytes()))
	if err != nil || got.Index != 1 || got.Len() != 1 {
		t.Fatalf("read back: %+v, %v", got, err)
	}
	for at := range written.Len() {
		spoilt := bytes.Clone(written.Bytes())
		spoilt[at] ^= 0x20
		if _, err := readSnapshot(bytes.NewReader(spoilt)); err == nil {
			t.Fatalf("a flipped bit in byte %d was not noticed", at)
		}
		if _, err := readSnapshot(bytes.NewReader(written.Bytes()[:at])); err == nil {
			t.Fatalf("a cut at byte %d was not noticed", at)
		}
	}
}

func newLedger() *ledger {
	log := slog.New(slog.DiscardHandler)
	return &ledger{Document: local.NewDocument(64, log), log: log}
}

// entries are log entries that add masters, and one that makes no sense.
func entries(t *testing.T, from, to uint64) []statemachine.Entry {
	var list []statemachine.Entry
	for i := from; i <= to; i++ {
		cmd, err := local.Encode(state.Mutation{ID: state.MutationID{Member: "m", Seq: i}, Op: monitor(int(i))})
		if err != nil {
			t.Fatal(err)
		}
		if i%5 == 0 {
			cmd = []byte("{")
		}
		list = append(list, statemachine.Entry{Index: 10 * i, Cmd: cmd})
	}
	return list
}

// TestMachine: each entry takes one index whatever is in it, proposers get the
// outcome of the first attempt, and an engine that is opened again and applies
// its log again changes nothing.
func TestMachine(t *testing.T) {
	l := newLedger()
	first := newMachine(l, newEvents())
	call := l.Waiters.Add(state.MutationID{Member: "m", Seq: 7})
	twice := append(entries(t, 1, 10), entries(t, 7, 7)...)
	if _, err := first.Update(twice); err != nil {
		t.Fatal(err)
	}
	if s := l.State(); s.Index != 11 || s.Len() != 8 {
		t.Errorf("after 11 entries, two without sense and one twice: index %d, %d masters", s.Index, s.Len())
	}
	if r := <-call.Done; r.Outcome.Refused() || r.Index != 7 {
		t.Errorf("the proposer was told %+v", r)
	}
	if l.entry.Load() != 70 {
		t.Errorf("the last entry is %d", l.entry.Load())
	}
	before := l.State()
	again := newMachine(l, newEvents())
	if _, err := again.Update(entries(t, 1, 6)); err != nil {
		t.Fatal(err)
	}
	if l.State() != before {
		t.Error("applying a log again changed the document")
	}
	doc, err := first.PrepareSnapshot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Update(entries(t, 11, 14)); err != nil {
		t.Fatal(err)
	}
	var snapshot bytes.Buffer
	if err := first.SaveSnapshot(doc, &snapshot, nil, nil); err != nil {
		t.Fatal(err)
	}
	other := newLedger()
	third := newMachine(other, newEvents())
	if err := third.RecoverFromSnapshot(bytes.NewReader(snapshot.Bytes()), nil, nil); err != nil {
		t.Fatal(err)
	}
	if s := other.State(); s.Index != 11 {
		t.Errorf("the snapshot has index %d, what it was taken of 11", s.Index)
	}
	if _, err := third.Update(entries(t, 11, 14)); err != nil {
		t.Fatal(err)
	}
	a, _ := state.EncodeState(l.State())
	b, _ := state.EncodeState(other.State())
	if !bytes.Equal(a, b) {
		t.Errorf("two ways to one document:\n%s\n%s", a, b)
	}
	// An error would stop the process, so there is none: the goroutine is held.
	go func() {
		t.Errorf("nonsense is a snapshot: %v", third.RecoverFromSnapshot(strings.NewReader("nonsense"), nil, nil))
	}()
	<-third.events.failed
	if why := (*third.events.failure.Load()).Error(); !strings.Contains(why, "replace this member") {
		t.Errorf("of a snapshot that is nonsense it says %q", why)
	}
}

func TestEngineLog(t *testing.T) {
	var text bytes.Buffer
	r := &receivers{}
	l := engineLog{r, "raft"}
	l.Errorf("to nobody")
	failed := make(chan error, 1)
	detach := r.attach(&engineUser{
		log:  slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelInfo})),
		fail: func(why error) { failed <- why },
	})
	l.Warningf("four times a %s", "second")
	l.Infof("quiet")
	l.Errorf("err %d", 7)
	for cause, want := range map[string]string{
		"write /x: no space left on device":                   "free some space",
		"invalid commitTo index 9, lastIndex() 3":             "add it again",
		"read /x: input/output error":                         "the disk fails",
		"gap in entries\ngoroutine 1 [running]:\nmain.main()": "replace this member",
	} {
		if err := survive(func() { l.Panicf("%s", cause) }); err == nil || err.Error() != cause {
			t.Errorf("where a panic is caught, %q ended in %v", cause, err)
		}
		go l.Panicf("%s", cause) // never returns
		if why := (<-failed).Error(); !strings.Contains(why, want) || strings.Contains(why, "main.main") {
			t.Errorf("%q: %s", cause, why)
		}
	}
	detach()
	l.Errorf("to nobody again")
	if s := text.String(); strings.Contains(s, "nobody") || strings.Contains(s, "second") || strings.Contains(s, "quiet") ||
		!strings.Contains(s, "err 7") || strings.Count(s, "\n") != 1 {
		t.Errorf("the log is\n%s", s)
	}
	var _ logger.ILogger = l
}

// TestEngineFolder: another name of the machine, and engine files that a crash
// left half written, do not keep a member from starting.
func TestEngineFolder(t *testing.T) {
	g := openGroup(t, 1)
	g.burst(0, 20)
	g.stop(0)
	dir := filepath.Join(g.nodes[0].options.Dir, engineFolder)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, host), filepath.Join(dir, "earlier-name")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dragonboat.ds", "NODEHOST.ID"} {
		if err := os.Truncate(filepath.Join(dir, name), 3); err != nil {
			t.Fatal(err)
		}
	}
	g.start(0)
	g.ready()
	g.has(0, 0, 19)
	if _, err := os.Stat(filepath.Join(dir, "earlier-name")); err != nil {
		t.Errorf("the earlier name is gone: %v", err)
	}
}

// TestUnknownCarriesTheID: a caller that gave up learns the id to ask for.
func TestUnknownCarriesTheID(t *testing.T) {
	g := openGroup(t, 3)
	leader := g.leader()
	g.nodes[leader].gate.cut()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, _, err := g.nodes[leader].broker.Propose(ctx, state.Mutation{Op: monitor(1)})
	var unknown *cluster.UnknownError
	if !errors.As(err, &unknown) || unknown.ID.Member != g.nodes[leader].broker.Self() || unknown.ID.Seq == 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a proposal on its way when its time was over: %v", err)
	}
	g.nodes[leader].gate.heal()
	g.ready()
	g.has(leader)
	out, _, err := g.nodes[leader].broker.Propose(g.ctx(), state.Mutation{ID: unknown.ID, Op: monitor(1)})
	if err != nil || out.Refused() && out.Refusal != state.RefusedDuplicate {
		t.Errorf("repeated under its id: %+v, %v", out, err)
	}
	g.has((leader+1)%3, 1)
}
