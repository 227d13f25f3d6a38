package cluster

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// Every configuration command, given to any one node, is applied there before
// its reply, and soon on all.
func TestConfigurationHoldsForAll(t *testing.T) {
	t.Parallel()
	c := procs.StartCluster(t, procs.ClusterOpts{})
	for _, at := range c.Members {
		name := fmt.Sprint("m", at.Index)
		changes := []struct {
			call []any
			want map[string]string // nil for a master that is not there
		}{
			{[]any{"MONITOR", name, "127.0.0.1", 1, 2}, map[string]string{"ip": "127.0.0.1", "port": "1", "quorum": "2"}},
			// Scripts that tell each Sentinel in turn may go on doing so.
			{[]any{"MONITOR", name, "127.0.0.1", 1, 2}, map[string]string{"ip": "127.0.0.1", "port": "1", "quorum": "2"}},
			{[]any{"SET", name, "quorum", 3}, map[string]string{"quorum": "3"}},
			{[]any{"SET", name, "down-after-milliseconds", 12345, "failover-timeout", 54321, "parallel-syncs", 7},
				map[string]string{"down-after-milliseconds": "12345", "failover-timeout": "54321", "parallel-syncs": "7"}},
			{[]any{"RESET", name}, map[string]string{"quorum": "3", "parallel-syncs": "7"}},
			{[]any{"REMOVE", name}, nil},
			{[]any{"MONITOR", name, "127.0.0.1", 2, 1}, map[string]string{"port": "2", "quorum": "1", "parallel-syncs": "1"}},
		}
		for _, step := range changes {
			change(t, at, step.call...)
			if err := shows(at, name, step.want); err != nil {
				t.Fatalf("right after SENTINEL %v: %v", step.call, err)
			}
			for _, m := range c.Others(at) {
				procs.Eventually(t, patience, func() error { return shows(m, name, step.want) })
			}
		}
		for _, m := range c.Members {
			if _, err := m.Do("SENTINEL", "MONITOR", name, "127.0.0.1", 3, 1); refused(err, "ERR") != nil || !strings.Contains(err.Error(), "Duplicate master name") {
				t.Errorf("MONITOR of a known name with another address at member %d: %v", m.Index, err)
			}
		}
	}
}

// shows returns nil if a member shows a master with these fields, or none of
// that name if fields is nil.
func shows(m *procs.Member, name string, fields map[string]string) error {
	got, err := redis.StringMap(m.Do("SENTINEL", "MASTER", name))
	if fields == nil {
		if refused(err, "ERR") != nil || !strings.Contains(err.Error(), "No such master") {
			return fmt.Errorf("member %d still shows %s: %v, %v", m.Index, name, got, err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("member %d: %w", m.Index, err)
	}
	for field, want := range fields {
		if got[field] != want {
			return fmt.Errorf("member %d shows %s of %s as %q, want %q", m.Index, field, name, got[field], want)
		}
	}
	return nil
}

// writer keeps adding and removing masters at one member, and notes what was
// acknowledged.
type writer struct {
	at   *procs.Member
	quit chan struct{}
	done sync.WaitGroup

	mu sync.Mutex
	// there says for each name whether the last acknowledged change of it made
	// it or removed it. Names with a change of unknown outcome are not in it.
	there map[string]bool
}

// writePause lies between two changes of a writer: every master that is left is
// watched.
const writePause = 50 * time.Millisecond

func startWriter(t *testing.T, at *procs.Member) *writer {
	w := &writer{at: at, quit: make(chan struct{}), there: map[string]bool{}}
	w.done.Go(w.run)
	t.Cleanup(w.stop)
	return w
}

func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.quit:
	default:
		close(w.quit)
	}
}

func (w *writer) run() {
	pause := time.NewTicker(writePause)
	defer pause.Stop()
	for n := 0; ; n++ {
		name := fmt.Sprintf("w%d-%d", w.at.Index, n)
		w.change(name, true, "MONITOR", name, "127.0.0.1", 1, 1)
		if n%2 == 1 {
			w.change(name, false, "REMOVE", name)
		}
		select {
		case <-w.quit:
			return
		case <-pause.C:
		}
	}
}

// change sends one change and notes what is known of it.
func (w *writer) change(name string, makes bool, call ...any) {
	_, err := w.at.Do("SENTINEL", call...)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.there[name] = makes
	case refused(err, "NOQUORUM") == nil, !makes && refused(err, "ERR") == nil:
		// Nothing was changed.
	default:
		delete(w.there, name)
	}
}

// check returns nil if a member shows all that was acknowledged so far.
func (w *writer) check(m *procs.Member) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	known, err := names(m)
	if err != nil {
		return err
	}
	var errs []error
	for name, there := range w.there {
		if known[name] != there {
			errs = append(errs, fmt.Errorf("%s: known %v, acknowledged %v", name, known[name], there))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("member %d contradicts what member %d has acknowledged: %w", m.Index, w.at.Index, errors.Join(errs...))
	}
	return nil
}

// Changes are acknowledged at all members while members die: one, two, all. What
// was acknowledged is there afterwards, everywhere, and what was removed is not.
func TestAcknowledgedChangesSurvive(t *testing.T) {
	t.Parallel()
	c := procs.StartCluster(t, procs.ClusterOpts{})
	m := c.Members
	var writers []*writer
	for _, at := range m {
		writers = append(writers, startWriter(t, at))
	}
	kills := [][]*procs.Member{{m[0]}, {m[1]}, {m[2]}, {c.Leader()}, {m[0], m[1]}, m, {m[1], m[2]}, m}
	for round, victims := range kills {
		progress(t, writers)
		c.Kill(victims...)
		if len(victims) == 1 {
			progress(t, without(writers, victims[0]))
		}
		c.Start(victims...)
		c.AwaitReady()
		if round == len(kills)-1 {
			progress(t, writers)
		}
	}
	sum := 0
	for _, w := range writers {
		w.stop()
		w.done.Wait()
		for _, at := range m {
			procs.Eventually(t, patience, func() error { return w.check(at) })
		}
		sum += len(w.there)
	}
	t.Logf("the outcome of %d names was acknowledged", sum)

	for _, at := range m {
		at.Stop()
	}
	c.Start()
	c.AwaitReady()
	for _, w := range writers {
		for _, at := range m {
			procs.Eventually(t, patience, func() error { return w.check(at) })
		}
	}
}

// progress waits until each of the writers has had changes acknowledged.
func progress(t *testing.T, writers []*writer) {
	t.Helper()
	const enough = 4
	for _, w := range writers {
		before := w.acknowledged()
		procs.Eventually(t, patience, func() error {
			if now := w.acknowledged(); now < before+enough {
				return fmt.Errorf("member %d has acknowledged %d changes, %d before", w.at.Index, now, before)
			}
			return nil
		})
	}
}

func (w *writer) acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.there)
}

// without are the writers at other members.
func without(writers []*writer, m *procs.Member) []*writer {
	var others []*writer
	for _, w := range writers {
		if w.at != m {
			others = append(others, w)
		}
	}
	return others
}
