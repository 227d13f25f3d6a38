package spawn_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-failover/tests/procs/spawn"
)

func TestEnds(t *testing.T) {
	tests := []struct {
		name   string
		script string
		end    func(*spawn.Process) error
		code   int
		state  string
	}{
		{"by itself", "exit 3", func(p *spawn.Process) error { <-p.Done(); return nil }, 3, "exit status 3"},
		{"stopped", "trap 'exit 4' TERM; echo up; while :; do read -r x; done", func(p *spawn.Process) error { return p.Stop(10 * time.Second) }, 4, "exit status 4"},
		{"killed", "echo up; read -r x", func(p *spawn.Process) error { p.Kill(); return nil }, -1, "signal: killed"},
		{"killed while frozen", "echo up; read -r x", func(p *spawn.Process) error {
			err := p.Signal(syscall.SIGSTOP)
			p.Kill()
			return err
		}, -1, "signal: killed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := shell(t, test.script)
			if err := test.end(p); err != nil {
				t.Fatal(err)
			}
			if p.ExitCode() != test.code || p.State() != test.state {
				t.Errorf("ended with code %d, %q; want %d, %q", p.ExitCode(), p.State(), test.code, test.state)
			}
			if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
				t.Errorf("signal after the end: %v, want %v", err, os.ErrProcessDone)
			}
		})
	}
}

// shell starts a script, and waits for the first line of one that says "up".
func shell(t *testing.T, script string) *spawn.Process {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	if _, err := cmd.StdinPipe(); err != nil { // so that "read" waits
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := spawn.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if strings.Contains(script, "echo up") {
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestStopGivesUp(t *testing.T) {
	p := shell(t, "trap '' TERM; echo up; while :; do read -r x; done")
	if err := p.Stop(50 * time.Millisecond); !errors.Is(err, spawn.ErrStillRunning) {
		t.Errorf("Stop of a process that ignores SIGTERM: %v, want %v", err, spawn.ErrStillRunning)
	}
	if p.Exited() || p.State() != "running" || p.ExitCode() != -1 {
		t.Errorf("it still runs, but: exited %v, %q, code %d", p.Exited(), p.State(), p.ExitCode())
	}
}

func TestReserve(t *testing.T) {
	seen := map[int]bool{}
	for range 20 {
		p, err := spawn.Reserve()
		if err != nil {
			t.Fatal(err)
		}
		defer p.Release()
		if seen[p.Number] {
			t.Errorf("port %d was given twice", p.Number)
		}
		seen[p.Number] = true
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p.Number))
		if err != nil {
			t.Fatalf("a reserved port is not free: %v", err)
		}
		defer l.Close()
	}
}
