package scripts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// patience bounds every wait.
const patience = time.Minute

// scene is a Runner with a document of its own, and a folder for scripts.
type scene struct {
	t      *testing.T
	dir    string
	broker *standalone.Broker
	runner *Runner
	log    *logBook

	mu     sync.Mutex
	events []string
}

// logBook is a log that can be read while it is written.
type logBook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newScene has the master m at 10.0.0.1:6379 with a replica at 10.0.0.2:6379.
func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, dir: t.TempDir(), log: &logBook{}}
	var err error
	if s.broker, err = standalone.Open(standalone.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.broker.Close(); err != nil {
			t.Error(err)
		}
	})
	s.propose(state.OpMember{Member: state.Member{ID: s.broker.Self(), Schema: state.SchemaVersion, Alive: true}})
	s.propose(state.OpMonitor{
		Name: "m", Addr: first, Quorum: 1, Settings: state.DefaultSettings(), Replicas: []state.Addr{second},
	})
	return s
}

var (
	first  = state.Addr{Host: "10.0.0.1", Port: 6379}
	second = state.Addr{Host: "10.0.0.2", Port: 6379}
)

// begin makes the Runner, as at the start of a process.
func (s *scene) begin(times Times) {
	s.t.Helper()
	runner, err := New(Options{
		Document: s.broker, Dir: s.dir, Times: times,
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
		Publish: func(e state.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e.Name+" "+e.Payload)
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.runner = runner
}

// run makes the Runner and runs it until the test ends or stop is called.
func (s *scene) run(times Times) (stop func()) {
	s.t.Helper()
	s.begin(times)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		s.runner.Run(ctx)
		close(ended)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	s.t.Cleanup(stop)
	return stop
}

func (s *scene) propose(op state.Op) state.Outcome {
	s.t.Helper()
	out, _, err := s.broker.Propose(s.t.Context(), state.Mutation{At: wallNow(), Op: op})
	if err != nil || out.Refused() {
		s.t.Fatalf("%s: %v %+v", state.Kind(op), err, out)
	}
	return out
}

func (s *scene) set(words ...string) {
	s.t.Helper()
	s.propose(state.OpSet{Name: "m", Options: []state.Option{{Name: words[0], Values: words[1:]}}})
}

// switchTo makes another server the master, as a failover does that this node
// carries out.
func (s *scene) switchTo(addr state.Addr) {
	s.t.Helper()
	m, _ := s.broker.State().Master("m")
	out := s.propose(state.OpBegin{Name: "m", Kind: state.Manual, Generation: m.Generation, After: m.LastAttempt, Member: s.broker.Self()})
	s.propose(state.OpSelect{Name: "m", Claim: out.Claim, Candidate: addr})
	s.propose(state.OpPromoted{Name: "m", Claim: out.Claim})
	s.propose(state.OpEnd{Name: "m", Claim: out.Claim})
}

// script writes a shell script into the folder and returns its path.
func (s *scene) script(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	// Nobody can run what is being written.
	err := os.WriteFile(path+".new", []byte("#!/bin/sh\n"+text), 0o755)
	if err := errors.Join(err, os.Rename(path+".new", path)); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// note is a line of a script that keeps its words, a file for each run, whole or
// not there at all.
const note = `for word; do echo "$word"; done > $$.tmp; mv $$.tmp $$.run` + "\n"

// notes are the words of all runs that were noted, joined by blanks and sorted.
func (s *scene) notes() []string {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "*.run"))
	if err != nil {
		s.t.Fatal(err)
	}
	var notes []string
	for _, file := range files {
		notes = append(notes, strings.ReplaceAll(strings.TrimSuffix(s.read(file), "\n"), "\n", " "))
	}
	slices.Sort(notes)
	return notes
}

func (s *scene) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *scene) exists(name string) bool {
	_, err := os.Stat(filepath.Join(s.dir, name))
	return err == nil
}

func (s *scene) touch(name string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits until a fact is true.
func (s *scene) eventually(what string, fact func() bool) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		if fact() {
			return nil
		}
		return fmt.Errorf("not so: %s; pending %+v, log:\n%s", what, s.runner.Pending(), s.log)
	})
}

func (s *scene) published() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events)
}

// alert makes the notification script run once.
func (s *scene) alert(payload string) {
	s.runner.Seen(state.Event{Name: "+sdown", Level: state.Warning, Master: "m", Payload: payload}, s.broker.State().Index)
}

func (s *scene) idle() bool { return len(s.runner.Pending()) == 0 }

func TestWhatScriptsAreGiven(t *testing.T) {
	t.Setenv("SCRIPTS_TEST", "inherited")
	s := newScene(t)
	path := s.script("n.sh", `
{ echo "$0"; for word; do echo "$word"; done; echo "$SCRIPTS_TEST"; pwd -P; cat; } > n.tmp
for fd in /proc/$$/fd/[3-9]*; do readlink "$fd"; done > files 2>/dev/null
[ "$(cut -d' ' -f5 /proc/$$/stat 2>/dev/null)" = $$ ] && echo "its own group" >> n.tmp
mv n.tmp n.out
echo "to stdout"; echo "to stderr" >&2
`)
	s.set("notification-script", path)
	s.run(Times{})
	s.alert(`a "b" $(c)`)
	s.eventually("the script has run", func() bool { return s.exists("n.out") && s.idle() })
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{path, "+sdown", `a "b" $(c)`, "inherited", dir, "its own group", ""}, "\n")
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		want = strings.Replace(want, "its own group\n", "", 1)
	}
	if got := s.read(filepath.Join(s.dir, "n.out")); got != want {
		t.Errorf("the script was given\n%swant\n%s", got, want)
	}
	ours := openFiles(t)
	for file := range strings.Lines(s.read(filepath.Join(s.dir, "files"))) {
		if slices.Contains(ours, strings.TrimSpace(file)) {
			t.Errorf("the script was given our file %s", file)
		}
	}
	for _, said := range []string{`text="to stdout"`, `text="to stderr"`, "script=" + path} {
		s.eventually("the log has "+said, func() bool { return strings.Contains(s.log.String(), said) })
	}
	if got := s.published(); got != nil {
		t.Errorf("published are %q", got)
	}
}

// openFiles are what this process has opened itself (what it was started with
// may be open in scripts too).
func openFiles(t *testing.T) []string {
	t.Helper()
	infos, err := filepath.Glob("/proc/self/fdinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, info := range infos {
		text, err := os.ReadFile(info)
		if err != nil {
			continue // closed by now
		}
		var offset, flags int
		if _, err := fmt.Sscanf(string(text), "pos: %d\nflags: %o", &offset, &flags); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		file, err := os.Readlink("/proc/self/fd/" + filepath.Base(info))
		if err == nil && flags&syscall.O_CLOEXEC != 0 {
			files = append(files, file)
		}
	}
	if len(infos) > 0 && !slices.ContainsFunc(files, func(file string) bool { return strings.Contains(file, "/log-") }) {
		t.Fatalf("the document's log is not among our open files: %q", files)
	}
	return files
}

// Warnings of the document run the script in force after the change.
func TestNotificationsOfTheDocument(t *testing.T) {
	s := newScene(t)
	path := s.script("n.sh", note)
	s.set("notification-script", path)
	s.run(Times{})
	var want []string
	runs := func(note string) {
		t.Helper()
		want = append(want, note)
		slices.Sort(want)
		s.eventually(fmt.Sprintf("the runs are %q", want), func() bool { return slices.Equal(s.notes(), want) })
	}
	m := "master m 10.0.0.1 6379"
	s.set("parallel-syncs", "2")
	runs("+set " + m + " parallel-syncs 2")
	s.set("notification-script", "")
	s.set("parallel-syncs", "3")
	s.set("notification-script", path)
	runs("+set " + m + " notification-script " + path)
	s.propose(state.OpRemove{Name: "m"})
	runs("-monitor " + m)
}

func TestReconfigurationOfTheDocument(t *testing.T) {
	s := newScene(t)
	s.set("client-reconfig-script", s.script("c.sh", note))
	s.run(Times{})
	s.switchTo(second)
	want := []string{"m leader start 10.0.0.1 6379 10.0.0.2 6379"}
	s.eventually("the script has run", func() bool { return slices.Equal(s.notes(), want) })
}

// Switches that follow each other closely reach clients in their order.
func TestReconfigurationsInOrder(t *testing.T) {
	s := newScene(t)
	s.set("client-reconfig-script", s.script("c.sh", `echo "$6" >> order; until [ -e go ]; do sleep 0.01; done; echo end >> order`))
	s.run(Times{})
	s.switchTo(second)
	s.eventually("the first is known", func() bool { return len(s.runner.Pending()) == 1 })
	s.switchTo(first)
	s.switchTo(second)
	s.switchTo(first)
	s.eventually("all four are known", func() bool { return len(s.runner.Pending()) == 4 })
	s.touch("go")
	s.eventually("all have run", s.idle)
	want := strings.Repeat("10.0.0.2\nend\n10.0.0.1\nend\n", 2)
	if got := s.read(filepath.Join(s.dir, "order")); got != want {
		t.Errorf("the order was\n%swant\n%s", got, want)
	}
}

func TestTriedAgain(t *testing.T) {
	tests := []struct {
		name, text string
		runs       int
		event      string // behind the path
	}{
		{"success", "exit 0", 1, ""},
		{"asks twice", "[ $(wc -l < runs) = 3 ] || exit 1", 3, ""},
		{"dies twice", "[ $(wc -l < runs) = 3 ] || kill -9 $$", 3, ""},
		{"asks for ever", "exit 1", 10, " 0 1"},
		{"dies for ever", "kill -15 $$", 10, " 15 0"},
		{"gives up", "exit 2", 1, " 0 2"},
		{"gives up otherwise", "exit 77", 1, " 0 77"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			path := s.script("n.sh", "echo x >> runs\n"+test.text)
			s.set("notification-script", path)
			s.run(Times{MaxRuntime: time.Hour, RetryDelay: time.Millisecond})
			s.alert("x")
			s.eventually("it is over", func() bool { return s.exists("runs") && s.idle() })
			var want []string
			if test.event != "" {
				want = []string{EventError + " " + path + test.event}
			}
			s.eventually(fmt.Sprintf("published are %q", want), func() bool { return slices.Equal(s.published(), want) })
			if got := strings.Count(s.read(filepath.Join(s.dir, "runs")), "x"); got != test.runs {
				t.Errorf("it was run %d times, want %d", got, test.runs)
			}
		})
	}
}

// A script that is not one is given up as Sentinel does it.
func TestNoScript(t *testing.T) {
	s := newScene(t)
	path := filepath.Join(s.dir, "n.sh")
	if err := os.WriteFile(path, []byte("neither a script nor a program\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.set("notification-script", path)
	s.run(Times{})
	s.alert("x")
	want := []string{EventError + " " + path + " 0 2"}
	s.eventually("it is given up", func() bool { return slices.Equal(s.published(), want) && s.idle() })
}

// A script that runs too long is killed with its children, also when the limit
// has become shorter while it runs.
func TestTimeout(t *testing.T) {
	s := newScene(t)
	path := s.script("n.sh", `sleep 1000 & echo $! > tmp; mv tmp child; wait`)
	s.set("notification-script", path)
	s.run(Times{MaxRuntime: time.Hour, RetryDelay: time.Hour})
	s.alert("x")
	s.eventually("it runs", func() bool {
		return s.exists("child") && len(s.runner.Pending()) == 1 && s.runner.Pending()[0].Pid != 0
	})
	pid := s.runner.Pending()[0].Pid
	s.runner.SetTimes(Times{MaxRuntime: time.Millisecond, RetryDelay: time.Hour})
	s.eventually("it waits for another attempt", func() bool {
		pending := s.runner.Pending()
		return len(pending) == 1 && !pending[0].Running && pending[0].Attempts == 1
	})
	want := []string{fmt.Sprintf("%s %s %d", EventTimeout, path, pid)}
	s.eventually("the timeout is published", func() bool { return slices.Equal(s.published(), want) })
	if delay := s.runner.Pending()[0].Time; delay <= 0 || delay > time.Hour {
		t.Errorf("the next attempt is in %v", delay)
	}
	child, err := strconv.Atoi(strings.TrimSpace(s.read(filepath.Join(s.dir, "child"))))
	if err != nil {
		t.Fatal(err)
	}
	s.eventually("its child is gone", func() bool { return gone(child) })
}

// gone reports whether a process has ended; nobody may have waited for it yet.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ") || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

func TestSixteenAtOnce(t *testing.T) {
	s := newScene(t)
	s.set("notification-script", s.script("n.sh", `: > $2.started; until [ -e go ]; do sleep 0.05; done`))
	s.run(Times{})
	for i := range 20 {
		s.alert(fmt.Sprint(i))
	}
	s.eventually("sixteen run", func() bool {
		running := 0
		for i, p := range s.runner.Pending() {
			if p.Running != (i < 16) || p.Running && (p.Pid == 0 || p.Attempts != 1) || !p.Running && (p.Pid != 0 || p.Attempts != 0) {
				return false
			}
			if p.Running && s.exists(p.Argv[2]+".started") {
				running++
			}
		}
		return running == 16
	})
	s.touch("go")
	s.eventually("all have run", func() bool { return s.idle() && s.exists("19.started") })
}

// What a script leaves behind does not keep it running.
func TestChildLeftBehind(t *testing.T) {
	s := newScene(t)
	s.set("notification-script", s.script("n.sh", `(until [ -e go ]; do sleep 0.02; done; echo "the last word"; : > written) &`))
	stop := s.run(Times{})
	s.alert("x")
	s.eventually("it is over", s.idle)
	s.touch("go")
	s.eventually("what it left behind may write", func() bool { return s.exists("written") })
	s.eventually("and is heard", func() bool { return strings.Contains(s.log.String(), "the last word") })
	stop()
}

// A script may write more than we want to read.
func TestLoudScript(t *testing.T) {
	s := newScene(t)
	s.set("notification-script", s.script("n.sh", `i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; : > done`))
	s.run(Times{})
	s.alert("x")
	s.eventually("it is over", func() bool { return s.exists("done") && s.idle() })
	s.eventually("the rest is counted", func() bool { return strings.Contains(s.log.String(), "more than is logged") })
	if got := strings.Count(s.log.String(), "a script says\""); got != maxLines {
		t.Errorf("%d lines are logged, want %d", got, maxLines)
	}
}

// A script that is not on this node is complained of when it is named, once, and
// run when it is there.
func TestMissingScript(t *testing.T) {
	s := newScene(t)
	const complaint = "a script cannot be run on this node"
	s.set("notification-script", filepath.Join(s.dir, "n.sh"))
	s.run(Times{})
	s.eventually("the complaint is logged", func() bool { return strings.Contains(s.log.String(), complaint) })
	s.set("quorum", "1")
	s.alert("lost")
	s.eventually("nothing waits", s.idle)
	s.script("n.sh", note)
	s.eventually("it is run", func() bool {
		s.alert("found")
		return slices.Contains(s.notes(), "+sdown found")
	})
	s.eventually("all have run", s.idle)
	if got := strings.Count(s.log.String(), complaint); got != 1 || s.published() != nil {
		t.Errorf("%d complaints, published are %q", got, s.published())
	}
}

func TestStop(t *testing.T) {
	s := newScene(t)
	s.set("notification-script", s.script("n.sh", `: > $2.started; case $2 in fails) exit 1;; esac; until [ -e go ]; do sleep 0.02; done; : > $2.done`))
	stop := s.run(Times{RetryDelay: time.Hour, MaxRuntime: time.Hour})
	s.alert("fails")
	s.alert("runs")
	s.eventually("one runs, the other waits", func() bool {
		p := s.runner.Pending()
		return len(p) == 2 && p[0].Attempts == 1 && !p[0].Running && s.exists("runs.started")
	})
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	s.eventually("the one that waits is dropped", func() bool { return strings.Contains(s.log.String(), "the server stops, a script is not run") })
	s.alert("late")
	s.touch("go")
	<-stopped
	if !s.exists("runs.done") || s.exists("late.started") || !s.idle() {
		t.Errorf("the end was not awaited, or something was begun after it: %+v; log:\n%s", s.runner.Pending(), s.log)
	}
}

// A script that does not end is killed when the server stops.
func TestStopKills(t *testing.T) {
	s := newScene(t)
	s.set("notification-script", s.script("n.sh", `trap '' TERM; : > started; while :; do sleep 0.05; done`))
	s.begin(Times{RetryDelay: time.Hour, MaxRuntime: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	looped := make(chan struct{})
	go func() {
		s.runner.loop(ctx)
		close(looped)
	}()
	s.alert("x")
	pid := 0
	s.eventually("it runs", func() bool {
		for _, p := range s.runner.Pending() {
			pid = p.Pid
		}
		return pid != 0 && s.exists("started")
	})
	cancel()
	<-looped
	s.runner.stop(time.Millisecond)
	if !gone(pid) || !s.idle() {
		t.Errorf("the script still runs; pending %+v", s.runner.Pending())
	}
}
