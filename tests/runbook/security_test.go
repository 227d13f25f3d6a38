package runbook

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// TestSecurity follows docs/SECURITY.md in a directory of its own, on a machine of
// its own, so that the ports of the page are free.
func TestSecurity(t *testing.T) {
	t.Parallel()
	for name, debian := range map[string]string{
		"redis-server": "redis-server", "redis-cli": "redis-tools", "openssl": "openssl", "curl": "curl",
		"unshare": "util-linux", "nsenter": "util-linux", "ip": "iproute2",
	} {
		procs.NeedTool(t, name, debian)
	}
	if os.Geteuid() != 0 {
		procs.Unavailable(t, "a machine of its own needs root")
	}
	m := newMachine(t)
	for _, s := range readPage(t, filepath.Join("..", "..", "docs", "SECURITY.md")) {
		t.Log(s)
		if strings.HasPrefix(s.commands, "redis-failover ") || strings.HasPrefix(s.commands, "redis-server ") {
			m.start(s)
			continue
		}
		m.run(s)
	}
}

// machine is a network of its own, with nothing in it, and a directory.
type machine struct {
	t    *testing.T
	dir  string
	path string // of programs
	// keeper is the process that keeps the network.
	keeper *spawn.Process
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, dir: t.TempDir(), path: t.TempDir()}
	if err := os.Symlink(procs.Binary(t), filepath.Join(m.path, "redis-failover")); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(m.path, "ready")
	var err error
	m.keeper, err = spawn.Start(exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && touch "$0" && exec sleep infinity`, ready))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.keeper.Kill)
	procs.Eventually(t, patience, func() error {
		if m.keeper.Exited() {
			t.Fatalf("no machine of its own: %s", m.keeper.State())
		}
		_, err := os.Stat(ready)
		return err
	})
	return m
}

// command is a script of the page.
func (m *machine) command(script string) *exec.Cmd {
	cmd := exec.Command("nsenter", "--net", "-t", fmt.Sprint(m.keeper.Pid()), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = m.dir
	cmd.Env = append(os.Environ(), "PATH="+m.path+":"+os.Getenv("PATH"))
	return cmd
}

// start starts a server, which ends with the test. Whether it works is seen by
// what follows.
func (m *machine) start(s step) {
	m.t.Helper()
	p, err := spawn.Start(m.command("exec " + s.commands))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(p.Kill)
}

// run runs a block. What shows an answer is repeated until it is the one of the
// page, as a person would; it changes nothing, or nothing more.
func (m *machine) run(s step) {
	m.t.Helper()
	limit := patience
	if !s.checked {
		limit = 0 // once
	}
	procs.Eventually(m.t, limit, func() error {
		cmd := m.command(s.commands)
		output, err := cmd.CombinedOutput()
		printed := strings.TrimSpace(string(output))
		switch {
		case s.checked && printed != strings.TrimSpace(s.want):
			return fmt.Errorf("%v\nprinted %q, the page says %q", s, printed, s.want)
		case !s.checked && err != nil:
			return fmt.Errorf("%v: %w: %s", s, err, printed)
		}
		return nil
	})
}
