package procs

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs/spawn"
)

const (
	// startTimeout is generous: a race-enabled binary on a busy machine with
	// two cores takes seconds for what else takes milliseconds.
	startTimeout = 30 * time.Second
	// stopTimeout leaves room for the 10 s that Redis waits for its replicas
	// at SIGTERM.
	stopTimeout = 20 * time.Second
)

// Server is one process that speaks RESP: a redis-server, a redis-sentinel or
// a redis-failover. Its methods may be called from any goroutine, if that is
// not said otherwise, but Kill, Restart and Stop by one at a time.
type Server struct {
	// Addr is where it listens. It stays the same over Restart.
	Addr state.Addr
	// Dir is its own directory, with its configuration file and its log.
	Dir string
	// Host is the machine it runs on when that is not the test's own.
	Host *Host

	t    testing.TB
	plan plan
	port *spawn.Port

	mu   sync.Mutex
	proc *spawn.Process // nil before the first start
}

// plan is what the kinds of servers differ in.
type plan struct {
	// name is shown with the log.
	name string
	// user and password are for the connections of this package.
	user, password string
	env            []string
	host           *Host
	// tls is how its connections are made, nil for plain TCP.
	tls *TLS
	// addr is set when the test wants a certain address.
	addr state.Addr
	// workDir is where the process runs, "" for the server's own directory.
	workDir string
	// files writes what the program needs into dir, once for each address; nil
	// for nothing.
	files func(dir string, addr state.Addr) error
	// argv is the command line of the next start.
	argv func(dir string, addr state.Addr) []string
	// ready returns nil when the server serves; nil for one that speaks RESP.
	ready func() error
}

// launch starts a server and waits until it answers.
func launch(t testing.TB, p plan) *Server {
	t.Helper()
	s := prepare(t, p)
	s.Start()
	return s
}

// prepare makes a server that Start starts.
func prepare(t testing.TB, p plan) *Server {
	t.Helper()
	s := &Server{t: t, plan: p, Host: p.host, Dir: t.TempDir()}
	t.Cleanup(s.clean)
	if err := s.choose(); err != nil {
		t.Fatalf("%s cannot be prepared: %v", p.name, err)
	}
	return s
}

// choose finds the address and writes the configuration for it.
func (s *Server) choose() (err error) {
	s.releasePort()
	s.Addr = s.plan.addr
	if s.Addr.IsZero() {
		if s.port, err = spawn.Reserve(); err != nil {
			return err
		}
		s.Addr = state.Addr{Host: hostIP(s.Host), Port: s.port.Number}
	}
	if s.plan.files == nil {
		return nil
	}
	return s.plan.files(s.Dir, s.Addr)
}

// hostIP is where the servers of a host listen; nil is the test's own machine.
func hostIP(h *Host) string {
	if h == nil {
		return "127.0.0.1"
	}
	return h.IP
}

// Start starts a server that does not run, and returns when it answers. At its
// first start, a port that was taken by somebody in the moment between choosing
// and binding is replaced by another.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.tryStart(); err != nil {
		s.t.Fatalf("%s at %s does not start: %v", s.plan.name, s.Addr, err)
	}
}

// tryStart is Start for any goroutine.
func (s *Server) tryStart() error {
	if s.process() != nil {
		return s.start()
	}
	for tries := 5; ; tries-- {
		err := s.start()
		if err == nil || tries == 0 || !s.plan.addr.IsZero() || !strings.Contains(s.Log(), "ddress already in use") {
			return err
		}
		if err := s.choose(); err != nil {
			return err
		}
	}
}

// start starts the process and waits until it answers.
func (s *Server) start() error {
	if err := s.spawn(); err != nil {
		return err
	}
	return s.awaitReady(s.process())
}

// spawn starts the process.
func (s *Server) spawn() error {
	log, err := os.OpenFile(s.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := s.plan.argv(s.Dir, s.Addr)
	if s.Host != nil {
		argv = s.Host.command(argv)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = cmp.Or(s.plan.workDir, s.Dir)
	cmd.Env = append(os.Environ(), s.plan.env...)
	cmd.Stdout, cmd.Stderr = log, log
	proc, err := spawn.Start(cmd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.proc = proc
	s.mu.Unlock()
	return nil
}

// awaitReady waits until the process answers, and gives up at once when it has
// ended.
func (s *Server) awaitReady(proc *spawn.Process) error {
	var ended error
	err := await(startTimeout, func() error {
		if proc.Exited() {
			ended = fmt.Errorf("ended: %s", proc.State())
			return nil
		}
		if s.plan.ready != nil {
			return s.plan.ready()
		}
		return s.ready(proc.Pid())
	})
	return errors.Join(ended, err)
}

// process returns the latest process, nil before the first.
func (s *Server) process() *spawn.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proc
}

// Pid is the process id of the running or last process; the server must have
// been started.
func (s *Server) Pid() int { return s.process().Pid() }

// Running reports whether the process was started and has not ended. A frozen
// one runs.
func (s *Server) Running() bool {
	proc := s.process()
	return proc != nil && !proc.Exited()
}

// Kill ends the process with SIGKILL, frozen or not, and waits for its end.
// Killing one that does not run is harmless.
func (s *Server) Kill() {
	if proc := s.process(); proc != nil {
		proc.Kill()
	}
}

// Freeze stops the process with SIGSTOP, and returns when it stands still: its
// sockets stay open and nothing answers.
func (s *Server) Freeze() {
	s.t.Helper()
	s.signal(syscall.SIGSTOP)
	Eventually(s.t, stopTimeout, s.Frozen)
}

// Frozen returns nil if the process stands still, as after Freeze; for
// Eventually.
func (s *Server) Frozen() error {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid()))
	if errors.Is(err, os.ErrNotExist) {
		return nil // not Linux: nothing to look at
	}
	// "pid (name) state …", and the name may contain anything.
	_, rest, _ := strings.Cut(string(text), ") ")
	if !strings.HasPrefix(rest, "T") {
		return fmt.Errorf("%s is not stopped yet: %q", s.plan.name, rest[:min(1, len(rest))])
	}
	return nil
}

// Thaw lets a frozen process go on.
func (s *Server) Thaw() {
	s.t.Helper()
	s.signal(syscall.SIGCONT)
}

// signal ends the test when the process is not there to be signalled.
func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process().Signal(sig); err != nil {
		s.t.Fatalf("%s at %s: signal %v: %v", s.plan.name, s.Addr, sig, err)
	}
}

// Stop asks the process to end with SIGTERM, waits for that, and returns its
// exit code (-1 when a signal ended it).
func (s *Server) Stop() int {
	s.t.Helper()
	if err := s.process().Stop(stopTimeout); err != nil {
		s.t.Fatalf("%s at %s: %v", s.plan.name, s.Addr, err)
	}
	return s.process().ExitCode()
}

// AwaitExit waits until the process has ended by itself and returns its exit
// code (-1 when a signal ended it).
func (s *Server) AwaitExit(timeout time.Duration) int {
	s.t.Helper()
	select {
	case <-s.process().Done():
	case <-time.After(timeout):
		s.t.Fatalf("%s at %s still runs after %v", s.plan.name, s.Addr, timeout)
	}
	return s.process().ExitCode()
}

// Restart starts the server again with the same address, directory,
// configuration file and arguments, and returns when it answers. One that still
// runs is killed first. What CONFIG REWRITE wrote holds.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.Start()
}

func (s *Server) logPath() string { return filepath.Join(s.Dir, "log") }

// Log is all that its processes wrote so far, to stdout and to stderr.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logPath())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

// AwaitLog waits until the log contains a text.
func (s *Server) AwaitLog(timeout time.Duration, text string) {
	s.t.Helper()
	Eventually(s.t, timeout, func() error {
		if !strings.Contains(s.Log(), text) {
			return fmt.Errorf("the log of %s at %s does not contain %q", s.plan.name, s.Addr, text)
		}
		return nil
	})
}

// clean ends the process, and shows its log when the test has failed. A data race
// in one of ours fails it.
func (s *Server) clean() {
	s.Kill()
	s.releasePort()
	if strings.Contains(s.Log(), "WARNING: DATA RACE") { // built with the detector
		s.t.Errorf("%s at %s has a data race", s.plan.name, s.Addr)
	}
	if s.t.Failed() {
		const shown = 150 // lines
		s.t.Logf("the end of the log of %s at %s:\n%s", s.plan.name, s.Addr, tail(s.Log(), shown))
	}
}

func (s *Server) releasePort() {
	if s.port != nil {
		s.port.Release()
		s.port = nil
	}
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if skipped := len(all) - lines; skipped > 0 {
		return "(" + strconv.Itoa(skipped) + " lines before)\n" + strings.Join(all[skipped:], "\n")
	}
	return strings.Join(all, "\n")
}
