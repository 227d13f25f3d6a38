package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

const patience = 30 * time.Second

// session is a running playground, as a person has it in a terminal.
type session struct {
	t    *testing.T
	proc *spawn.Process
	// file takes what is shown in the terminal, temporary is where the
	// playground makes its folder.
	file, temporary string
}

func play(t *testing.T, args ...string) *session {
	t.Helper()
	procs.NeedTool(t, "redis-server", "redis-server")
	program := procs.Binary(t)
	playground := filepath.Join(t.TempDir(), "playground")
	if out, err := exec.Command("go", "build", "-o", playground, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	s := &session{t: t, file: filepath.Join(t.TempDir(), "terminal"), temporary: t.TempDir()}
	terminal, err := os.Create(s.file)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	cmd := exec.Command(playground, append(args, program)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+s.temporary)
	cmd.Stdout, cmd.Stderr = terminal, terminal
	if s.proc, err = spawn.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.clean)
	s.await(`Ctrl-C ends everything`)
	return s
}

func (s *session) clean() {
	s.proc.Kill()
	if s.t.Failed() {
		s.t.Logf("the terminal:\n%s", s.shown())
	}
}

func (s *session) shown() string {
	text, err := os.ReadFile(s.file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// await waits until the terminal shows a pattern and returns the number that
// its first group matched, 0 if it has none.
func (s *session) await(pattern string) int {
	s.t.Helper()
	var match []string
	procs.Eventually(s.t, patience, func() error {
		if match = regexp.MustCompile(pattern).FindStringSubmatch(s.shown()); match == nil {
			return fmt.Errorf("the terminal does not show %q; the playground is %s", pattern, s.proc.State())
		}
		return nil
	})
	if len(match) < 2 {
		return 0
	}
	number, err := strconv.Atoi(match[1])
	if err != nil {
		s.t.Fatal(err)
	}
	return number
}

// master asks redis-failover at a port for the port of the master.
func master(port int) (string, error) {
	c, err := redis.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second))
	if err != nil {
		return "", err
	}
	defer c.Close()
	addr, err := redis.Strings(c.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"))
	return strings.Join(addr, ":"), err
}

// end presses Ctrl-C and checks that nothing is left.
func (s *session) end() {
	s.t.Helper()
	var children []int
	for _, match := range regexp.MustCompile(`process (\d+)`).FindAllStringSubmatch(s.shown(), -1) {
		pid, err := strconv.Atoi(match[1])
		if err != nil {
			s.t.Fatal(err)
		}
		children = append(children, pid)
	}
	if len(children) < 4 {
		s.t.Errorf("the terminal names %d processes, want 4 at least", len(children))
	}
	if err := s.proc.Signal(syscall.SIGINT); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.proc.Done():
	case <-time.After(patience):
		s.t.Fatal("it does not end")
	}
	if s.proc.ExitCode() != 0 {
		s.t.Errorf("after Ctrl-C: %s", s.proc.State())
	}
	for _, pid := range children {
		if err := syscall.Kill(pid, 0); err == nil {
			s.t.Errorf("process %d is left behind", pid)
		}
	}
	if left, err := os.ReadDir(s.temporary); err != nil || len(left) > 0 {
		s.t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFailoverByHand(t *testing.T) {
	s := play(t)
	port := s.await(`redis-cli -p (\d+) SENTINEL GET-MASTER`)
	old, err := master(port)
	if err != nil {
		t.Fatal(err)
	}
	if shown := fmt.Sprintf("127.0.0.1:%d", s.await(`master +127\.0\.0\.1:(\d+)`)); shown != old {
		t.Errorf("the terminal says that the master is %s, redis-failover says %s", shown, old)
	}
	pid := s.await(`kill -9 (\d+)`)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	procs.Eventually(t, patience, func() error {
		now, err := master(port)
		if err == nil && now == old {
			err = fmt.Errorf("the master is still %s", now)
		}
		return err
	})
	s.end()
}

// With three nodes, one may be killed, and the others go on.
func TestSeveralNodes(t *testing.T) {
	s := play(t, "-nodes=3")
	port := s.await(`redis-cli -p (\d+) SENTINEL GET-MASTER`)
	if err := syscall.Kill(s.await(`kill a node +kill -9 (\d+)`), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.await(`ended: signal: killed`)
	conn, err := redis.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	procs.Eventually(t, patience, func() error {
		reply, err := redis.String(conn.Do("SENTINEL", "SET", "mymaster", "quorum", "1"))
		if err == nil && reply != "OK" {
			err = fmt.Errorf("SENTINEL SET answers %q", reply)
		}
		return err
	})
	s.end()
}

// The child that was stopped cannot obey, and the one that was killed is not
// there.
func TestNothingIsLeft(t *testing.T) {
	s := play(t)
	if err := syscall.Kill(s.await(`redis-failover \(process (\d+)\)`), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.await(`replica +\S+ +process (\d+)`), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.await(`ended: signal: killed`)
	s.end()
}

func TestUsualPortIsTaken(t *testing.T) {
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", sentinelPort)); err == nil {
		defer l.Close()
	}
	s := play(t)
	if port := s.await(`redis-cli -p (\d+) SENTINEL GET-MASTER`); port == sentinelPort {
		t.Errorf("it is on the port %d, which was taken", port)
	}
	s.end()
}
