package system

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// document reads the group from a copy of the node's files, which must not be
// running.
func (s *scene) document() *state.Master {
	s.t.Helper()
	dir := filepath.Join(s.t.TempDir(), "copy")
	if err := os.CopyFS(dir, os.DirFS(s.node.DataDir)); err != nil {
		s.t.Fatal(err)
	}
	broker, err := standalone.Open(standalone.Options{Dir: dir})
	if err != nil {
		s.t.Fatal(err)
	}
	defer broker.Close()
	m, ok := broker.State().Master(group)
	if !ok {
		s.t.Fatalf("the document holds no master %q", group)
	}
	return m
}

// crash ends the node as its machine's loss of power would end it, and starts
// it again after the given steps. It returns the failover that was in progress,
// nil if none was, and what the new process logs.
func (s *scene) crash(meanwhile func()) (running *state.Failover, log func() string) {
	s.t.Helper()
	s.node.Kill()
	return s.revive(meanwhile)
}

// revive is crash of a node that has ended by itself.
func (s *scene) revive(meanwhile func()) (running *state.Failover, log func() string) {
	s.t.Helper()
	running = s.document().Failover
	logged := len(s.node.Log())
	meanwhile()
	s.node.Restart()
	s.events = procs.Subscribe(s.t, s.node.Server, "*")
	return running, func() string { return s.node.Log()[logged:] }
}

func nothing() {}

// awaitOutcome waits until a failover that a crash had interrupted is over, and
// checks that the log says that it was taken over and how it ended.
func (s *scene) awaitOutcome(f *state.Failover, log func() string) {
	s.t.Helper()
	taken := fmt.Sprintf("epoch=%d phase=%s", f.Epoch, f.Phase)
	endings := []string{"+failover-end ", "-failover-abort-"}
	procs.Eventually(s.t, patience, func() error {
		text := log()
		_, rest, ok := strings.Cut(text, "taking the failover over")
		if !ok || !strings.Contains(rest, taken) {
			return fmt.Errorf("the log of the new process does not say that it takes over %s:\n%s", taken, text)
		}
		for _, ending := range endings {
			if strings.Contains(rest, ending) {
				return nil
			}
		}
		return fmt.Errorf("the log of the new process says neither that the failover ended nor that it was given up:\n%s", text)
	})
}

// outcome returns how the failover of an epoch ended, as the record says.
func outcome(m *state.Master, epoch state.Epoch) string {
	for _, f := range m.History {
		if f.Epoch == epoch {
			return f.Outcome
		}
	}
	return "not in the history"
}

// The node crashes at a named step; the next process finishes what was begun,
// in the same epoch.
func TestCrashAtEachStep(t *testing.T) {
	tests := []struct {
		point string
		phase state.Phase
	}{
		{"crash-after-election", state.PhaseSelect},
		{"crash-after-selection", state.PhaseOrder},
		{"crash-after-order", state.PhaseOrder},
		{"crash-after-promotion", state.PhaseReconf},
	}
	for _, kind := range []state.FailoverKind{state.Auto, state.Manual} {
		for _, test := range tests {
			t.Run(string(kind)+"/"+test.point, func(t *testing.T) {
				t.Parallel()
				s := play(t, stage{})
				s.replicated(s.Master, "k", "v", s.Replicas...)
				s.beginAndCrash(kind, test.point)
				running, log := s.revive(nothing)
				if running == nil || running.Phase != test.phase || running.Epoch != 1 || running.Kind != kind {
					t.Fatalf("after the crash the record is %+v, want epoch 1 in phase %s", running, test.phase)
				}
				s.awaitOutcome(running, log)

				promoted := s.named()
				if promoted == s.Master || (!running.Candidate.IsZero() && promoted.Addr != running.Candidate) {
					t.Errorf("%v is the master, want the candidate %v", promoted.Addr, running.Candidate)
				}
				if kind == state.Auto {
					s.Master.Restart()
				}
				s.agree(promoted, s.others(promoted)...)
				if err := holds(promoted, "k", "v"); err != nil {
					t.Error(err)
				}
				s.node.Kill()
				if m := s.document(); outcome(m, 1) != "done" || m.ConfigEpoch != 1 || m.LastAttempt != 1 {
					t.Errorf("the record: epoch 1 is %q, config epoch %d, last attempt %d; want done, 1, 1",
						outcome(m, 1), m.ConfigEpoch, m.LastAttempt)
				}
			})
		}
	}
}

// beginAndCrash begins a failover during which the node crashes.
func (s *scene) beginAndCrash(kind state.FailoverKind, point string) {
	s.t.Helper()
	s.node.Must("SENTINEL", "SIMULATE-FAILURE", point)
	if kind == state.Auto {
		s.Master.Kill()
	} else if _, err := s.node.Do("SENTINEL", "FAILOVER", group); err != nil {
		s.t.Logf("SENTINEL FAILOVER: %v", err) // the crash may come before the reply
	}
	if code := s.node.AwaitExit(patience); code != 99 {
		s.t.Fatalf("the node ended with exit code %d, want the 99 of a simulated crash", code)
	}
}

// named is the server that the node names as the master.
func (s *scene) named() *procs.Server {
	s.t.Helper()
	addr, err := s.node.MasterAddr(group)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.At(addr)
}

// While the node is down the world changes: what was begun is then given up by
// rule, or finished all the same.
func TestWorldChangesAfterCrash(t *testing.T) {
	t.Run("candidate dies", func(t *testing.T) {
		t.Parallel()
		s := play(t, stage{})
		candidate, other := s.Replicas[0], s.Replicas[1]
		s.prefer(candidate)
		s.beginAndCrash(state.Auto, "crash-after-selection")
		running, log := s.revive(candidate.Kill)
		s.awaitOutcome(running, log)
		s.agree(other)
		candidate.Restart()
		s.Master.Restart()
		s.agree(other, candidate, s.Master)
		s.node.Kill()
		if m := s.document(); outcome(m, 1) != "aborted" || outcome(m, 2) != "done" {
			t.Errorf("the record: epoch 1 is %q, epoch 2 is %q; want aborted and done", outcome(m, 1), outcome(m, 2))
		}
	})
	t.Run("promoted candidate dies", func(t *testing.T) {
		t.Parallel()
		s := play(t, stage{})
		candidate, other := s.Replicas[0], s.Replicas[1]
		s.prefer(candidate)
		s.beginAndCrash(state.Auto, "crash-after-order")
		running, log := s.revive(candidate.Kill)
		s.awaitOutcome(running, log)
		s.agree(other)
		candidate.Restart()
		s.Master.Restart()
		s.agree(other, candidate, s.Master)
	})
	t.Run("old master returns", func(t *testing.T) {
		t.Parallel()
		s := play(t, stage{})
		candidate, other := s.Replicas[0], s.Replicas[1]
		s.prefer(candidate)
		s.beginAndCrash(state.Auto, "crash-after-order")
		running, log := s.revive(s.Master.Restart)
		s.awaitOutcome(running, log)
		s.agree(candidate, other, s.Master)
	})
}

// The node is killed at random moments around a failover, again and again.
// Whatever it had begun is finished or given up by rule, the log says which,
// and in the end all agree.
func TestKilledAtRandomMoments(t *testing.T) {
	const rounds = 12
	for part := range 2 {
		t.Run(fmt.Sprint("part ", part+1), func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			random := rand.New(rand.NewPCG(seed, 0))
			t.Logf("the seed of the delays is %d", seed)
			s := play(t, stage{})
			s.node.Must("SENTINEL", "SET", group, "down-after-milliseconds", 400)
			for range rounds {
				s.crashRound(random)
			}
		})
	}
}

func (s *scene) crashRound(random *rand.Rand) {
	s.t.Helper()
	master := s.settled()
	master.Kill()
	// A failover takes some milliseconds. Half of the rounds wait for its begin,
	// so as to hit it; the others strike at any moment before or after.
	delay := time.Duration(random.Int64N(int64(600 * time.Millisecond)))
	if random.IntN(2) == 0 {
		s.await("+try-failover", ofMaster(master))
		delay = time.Duration(random.Int64N(int64(10 * time.Millisecond)))
	}
	<-time.After(delay)
	running, log := s.crash(nothing)
	if running != nil {
		s.t.Logf("killed in phase %s", running.Phase)
		s.awaitOutcome(running, log)
	}
	procs.Eventually(s.t, patience, func() error {
		if addr, err := s.node.MasterAddr(group); err != nil || addr == master.Addr {
			return fmt.Errorf("the node names %v (%v), which is dead", addr, err)
		}
		return nil
	})
	master.Restart()
	s.settled()
}

// settled waits until the node and all servers agree on a master, and returns
// it.
func (s *scene) settled() (master *procs.Server) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		addr, err := s.node.MasterAddr(group)
		if err != nil {
			return err
		}
		master = s.At(addr)
		errs := []error{master.IsMaster()}
		for _, f := range s.others(master) {
			errs = append(errs, f.Follows(master.Addr))
		}
		return errors.Join(errs...)
	})
	return master
}
