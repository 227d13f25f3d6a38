package upgrade

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

const (
	// watched is the group that the nodes watch.
	watched = "mymaster"
	// patience is how long that may take which has to happen.
	patience = time.Minute
)

// rolling is a group of nodes that is being upgraded.
type rolling struct {
	*procs.Cluster
	t     *testing.T
	group *procs.RedisGroup
	// now and next are the programs.
	now, next string
}

// TestRollingUpgrade replaces the nodes of a group one by one by the next
// version, while changes are written and read and a failover is carried out. What
// is new in that version is refused in plain words until the last one is replaced.
// Afterwards no node can go back.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	r := &rolling{t: t, now: procs.Binary(t), next: build(t, ".", true), group: procs.Group(t, 1, procs.Opts{})}
	r.Cluster = procs.StartCluster(t, procs.ClusterOpts{})
	r.Members[0].Must("SENTINEL", "MONITOR", watched, r.group.Master.Addr.Host, r.group.Master.Addr.Port, 2)
	procs.Eventually(t, patience, func() error { return r.Watched(watched, r.group.Master.Addr, 1) })
	w := r.write()

	r.upgrade(0)
	r.refused("label", "x", 1, 2)
	r.refused("tag", "x", 1, 2)
	r.upgrade(1)
	r.refused("label", "x", 2)
	r.failover()
	r.upgrade(2)
	for _, m := range r.Members {
		m.AwaitLog(patience, fmt.Sprintf("schema %d is in force: all members know it", later))
	}
	r.accepted()
	r.cannotGoBack()
	r.cannotJoin()
	w.end()
}

// upgrade replaces a node: stops it and starts the next version on its data.
func (r *rolling) upgrade(i int) {
	r.t.Helper()
	m := r.Members[i]
	m.Stop()
	m.Program = r.next
	if i == 0 {
		m.Args = append(m.Args, r.configuration())
	}
	m.Start()
	r.AwaitReady(m)
	// It announces itself a moment after it is ready.
	procs.Eventually(r.t, patience, func() error {
		rows, err := redis.Values(m.Do("SENTINEL", "MEMBERS"))
		for _, row := range rows {
			entry, err := redis.StringMap(row, err)
			if err == nil && entry["id"] == string(m.ID()) && entry["version"] == nextVersion && entry["alive"] == "1" {
				return nil
			}
		}
		return fmt.Errorf("node %d has not announced itself: %v, %v", i, rows, err)
	})
}

// configuration is a file of the next version, with a master that has an option
// of the next version.
func (r *rolling) configuration() string {
	path := filepath.Join(r.t.TempDir(), "sentinel.conf")
	a := r.group.Master.Addr
	text := fmt.Sprintf("sentinel monitor tagged %s %d 2\nsentinel tag tagged of-the-file\n", a.Host, a.Port)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// ask repeats a command until the answer is not that there is no majority at the
// moment, which a busy machine may bring about at any time.
func (r *rolling) ask(m *procs.Member, command string, args ...any) (reply any, err error) {
	r.t.Helper()
	procs.Eventually(r.t, patience, func() error {
		reply, err = m.Do(command, args...)
		if refusal := redis.Error(""); err == nil || errors.As(err, &refusal) && strings.HasPrefix(refusal.Error(), "ERR ") {
			return nil
		}
		return fmt.Errorf("node %d: %s %v: %w", m.Index, command, args, err)
	})
	return reply, err
}

// set gives the master a label or a tag.
func (r *rolling) set(m *procs.Member, what, value string) error {
	r.t.Helper()
	command, args := "LABEL", []any{watched, value}
	if what == "tag" {
		command, args = "SENTINEL", []any{"SET", watched, what, value}
	}
	_, err := r.ask(m, command, args...)
	return err
}

// refused makes sure that what is new is refused because of these nodes, and that
// they are still those of the first version.
func (r *rolling) refused(what, value string, behind ...int) {
	r.t.Helper()
	var ids []state.MemberID
	for _, i := range behind {
		ids = append(ids, r.Members[i].ID())
	}
	slices.Sort(ids)
	var names []string
	for _, id := range ids {
		names = append(names, fmt.Sprintf("%.8s (version dev) knows %d", id, present))
	}
	want := fmt.Sprintf("ERR this needs schema %d, and %d is in force: %s; upgrade all members first", later, present, strings.Join(names, ", "))
	if err := r.set(r.Members[0], what, value); err == nil || err.Error() != want {
		r.t.Errorf("the %s was answered with %v, not with %s", what, err, want)
	}
	if rows, err := redis.Values(r.ask(r.Members[0], "SENTINEL", "MASTERS")); err != nil || len(rows) != 1 {
		r.t.Errorf("%d masters are watched, not 1, as the other needs schema %d: %v", len(rows), later, err)
	}
	if got, err := redis.String(r.ask(r.Members[0], "LABEL", watched)); err != nil || got != "/" {
		r.t.Errorf("the master has the label and tag %q, %v", got, err)
	}
}

// failover has nodes of both versions carry out a failover.
func (r *rolling) failover() {
	r.t.Helper()
	to := r.group.Replicas[0].Addr
	begun := false
	procs.Eventually(r.t, patience, func() error {
		elsewhere := r.Named(watched, to)
		if elsewhere == nil || begun {
			return elsewhere
		}
		_, err := r.Members[2].Do("SENTINEL", "FAILOVER", watched)
		begun = err == nil || strings.HasPrefix(err.Error(), "INPROG")
		return fmt.Errorf("%w; FAILOVER: %v", elsewhere, err)
	})
	procs.Eventually(r.t, patience, func() error { return r.Watched(watched, to, 1) })
}

// accepted makes sure that what is new holds on all nodes.
func (r *rolling) accepted() {
	r.t.Helper()
	for i, what := range []string{"label", "tag"} {
		if err := r.set(r.Members[i], what, "new-"+what); err != nil {
			r.t.Errorf("the %s was refused: %v", what, err)
		}
	}
	for i, m := range r.Members {
		procs.Eventually(r.t, patience, func() error {
			got, err := redis.String(m.Do("LABEL", watched))
			if err != nil || got != "new-label/new-tag" {
				return fmt.Errorf("node %d says %q, %v", i, got, err)
			}
			// The configuration is brought in as soon as it can be.
			got, err = redis.String(m.Do("LABEL", "tagged"))
			if err != nil || got != "/of-the-file" {
				return fmt.Errorf("node %d says %q of the master in the file, %v", i, got, err)
			}
			return nil
		})
	}
}

// tooOld is what a build says that is older than the group.
const tooOld = "this build is too old for the group: "

// cannotGoBack starts a node with the version that it had before. It finds out by
// its own log, or, if that does not reach as far, hears it from the others; then it
// ends.
func (r *rolling) cannotGoBack() {
	r.t.Helper()
	m := r.Members[1]
	m.Stop()
	m.Program = r.now
	log, err := os.Create(filepath.Join(r.t.TempDir(), "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	argv := m.Command()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	former, err := spawn.Start(cmd)
	if err != nil {
		r.t.Fatal(err)
	}
	defer former.Kill()
	procs.Eventually(r.t, patience, func() error {
		text, err := os.ReadFile(log.Name())
		if !former.Exited() || former.ExitCode() != 1 || !strings.Contains(string(text), tooOld) {
			return fmt.Errorf("the former version does not end because it is too old: %v\n%s", err, text)
		}
		return nil
	})
	m.Program = r.next
	m.Start()
	r.AwaitReady(m)
}

// cannotJoin tries to add a node of the version that the group had before.
func (r *rolling) cannotJoin() {
	r.t.Helper()
	joiner := r.Join()
	joiner.Start()
	want := fmt.Sprintf("the build at %s knows schema %d, and the group has %d in force", joiner.Raft, present, later)
	procs.Eventually(r.t, patience, func() error {
		_, err := r.Members[0].Do("SENTINEL", "MEMBER", "ADD", joiner.Raft.String())
		if err == nil || !strings.Contains(err.Error(), want) {
			return fmt.Errorf("MEMBER ADD was answered with %v, which should say that %s", err, want)
		}
		return nil
	})
	joiner.Kill()
	if rows, err := redis.Values(r.ask(r.Members[0], "SENTINEL", "MEMBERS")); err != nil || len(rows) != 3 {
		r.t.Errorf("the group has %d members, not 3, %v", len(rows), err)
	}
}

// writer changes a setting again and again, on one node after the other, and
// reads it.
type writer struct {
	r    *rolling
	stop func()
	done sync.WaitGroup
	// value is the last that was tried, and acknowledged the last that was.
	value, acknowledged int
	// unknown are those that may have been taken, and may still be.
	unknown map[int]bool
	written int
	fault   error
}

// write starts a writer.
func (r *rolling) write() *writer {
	ctx, cancel := context.WithCancel(r.t.Context())
	w := &writer{r: r, stop: cancel, value: 30_000, unknown: map[int]bool{}}
	nodes := slices.Clone(r.Members)
	w.done.Go(func() {
		for i := 0; w.fault == nil && ctx.Err() == nil; i++ {
			w.once(nodes[i%len(nodes)])
		}
	})
	r.t.Cleanup(func() { w.stop(); w.done.Wait() })
	return w
}

// once writes the next value and reads it back. A node that does not run, or has
// no majority for the moment, does not answer or refuses.
func (w *writer) once(m *procs.Member) {
	w.value++
	if _, err := m.Do("SENTINEL", "SET", watched, "down-after-milliseconds", strconv.Itoa(w.value)); err != nil {
		w.unknown[w.value] = true
		return
	}
	w.acknowledged = w.value
	w.written++
	if value, err := w.read(m); err == nil {
		w.fault = w.judge(m, value)
	}
}

func (w *writer) read(m *procs.Member) (int, error) {
	master, err := redis.StringMap(m.Do("SENTINEL", "MASTER", watched))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(master["down-after-milliseconds"])
}

func (w *writer) judge(m *procs.Member, value int) error {
	if value == w.acknowledged || w.unknown[value] {
		return nil
	}
	return fmt.Errorf("node %d says %d, and %d was acknowledged last", m.Index, value, w.acknowledged)
}

// end stops writing and holds the nodes to what was acknowledged.
func (w *writer) end() {
	t := w.r.t
	t.Helper()
	w.stop()
	w.done.Wait()
	if w.fault != nil || w.written == 0 {
		t.Fatalf("%d changes were acknowledged; %v", w.written, w.fault)
	}
	t.Logf("%d changes were acknowledged meanwhile", w.written)
	for _, m := range w.r.Running() {
		procs.Eventually(t, patience, func() error {
			value, err := w.read(m)
			if err != nil {
				return err
			}
			return w.judge(m, value)
		})
	}
}
