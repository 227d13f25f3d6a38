package system

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// ownMachine runs a program where the folders that Debian's files name are empty,
// nobody else has a port, and nothing that is mounted is seen by others.
const ownMachine = `set -e
ip link set lo up
for dir in /run /var/lib/redis /var/log/redis; do mount -t tmpfs tmpfs "$dir"; done
mkdir /run/sentinel
exec "$@"`

// The file that Debian installs starts the server as it is, with the command line
// of Debian's unit too, and nothing is said but in the log that it names.
func TestInstalledFile(t *testing.T) {
	t.Parallel()
	const file = "/etc/redis/sentinel.conf"
	procs.NeedTool(t, "redis-sentinel", "redis-sentinel")
	unshare, nsenter := procs.NeedTool(t, "unshare", "util-linux"), procs.NeedTool(t, "nsenter", "util-linux")
	cli := procs.NeedTool(t, "redis-cli", "redis-tools")
	procs.NeedTool(t, "ip", "iproute2")
	if os.Geteuid() != 0 {
		procs.Unavailable(t, "a machine of its own needs root")
	}
	before, err := os.ReadFile(file)
	if err != nil {
		procs.Unavailable(t, "no file of Debian's: %v", err)
	}
	for name, more := range map[string][]string{"alone": nil, "unit": {"--supervised", "systemd", "--daemonize", "no"}} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(unshare, append([]string{"--mount", "--net", "sh", "-c", ownMachine, "sh", procs.Binary(t), file}, more...)...)
			output, err := os.Create(filepath.Join(t.TempDir(), "output"))
			if err != nil {
				t.Fatal(err)
			}
			defer output.Close()
			cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), output, output
			p, err := spawn.Start(cmd)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Kill)
			root := fmt.Sprintf("/proc/%d/root", p.Pid())
			procs.Eventually(t, patience, func() error {
				if p.Exited() {
					text, _ := os.ReadFile(output.Name())
					t.Fatalf("it has ended: %s, and said:\n%s", p.State(), text)
				}
				ask := exec.Command(nsenter, "--net", "-t", fmt.Sprint(p.Pid()), cli, "-p", "26379", "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
				answer, err := ask.CombinedOutput()
				if err == nil && string(answer) != "127.0.0.1\n6379\n" {
					err = fmt.Errorf("it answers %q", answer)
				}
				return err
			})
			if text, err := os.ReadFile(root + "/run/sentinel/redis-sentinel.pid"); err != nil || strings.TrimSpace(string(text)) != fmt.Sprint(p.Pid()) {
				t.Errorf("the pidfile has %q (%v), the process is %d", text, err, p.Pid())
			}
			procs.Eventually(t, patience, func() error {
				text, err := os.ReadFile(root + "/var/log/redis/redis-sentinel.log")
				if err == nil && !strings.Contains(string(text), "msg=ready") {
					err = errors.New("the log that the file names does not say that it is ready")
				}
				return err
			})
			if err := p.Stop(patience); err != nil || p.ExitCode() != 0 {
				t.Errorf("after SIGTERM: %v, exit code %d", err, p.ExitCode())
			}
			if text, err := os.ReadFile(output.Name()); err != nil || len(text) > 0 {
				t.Errorf("it wrote beside its log (%v):\n%s", err, text)
			}
		})
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file is another one now (%v)", err)
	}
}

// A whole life: changes, a signal, a failover, a second copy that is refused, the
// end. The configuration file may not be written, nothing is said beside the log,
// and where no log is named, nothing on standard error.
func TestNothingIsWrittenElsewhere(t *testing.T) {
	t.Parallel()
	for _, logged := range []bool{true, false} {
		t.Run(fmt.Sprintf("logfile %v", logged), func(t *testing.T) {
			t.Parallel()
			g := procs.Group(t, 1, procs.Opts{})
			port, err := spawn.Reserve()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(port.Release)
			dir := t.TempDir()
			lines := []string{
				"bind 127.0.0.1", fmt.Sprintf("port %d", port.Number), "dir " + dir, "tls-ciphers HIGH", "daemonize yes",
				fmt.Sprintf("sentinel monitor %s %s %d 1", group, g.Master.Addr.Host, g.Master.Addr.Port),
				fmt.Sprintf("sentinel down-after-milliseconds %s %d", group, downAfter.Milliseconds()),
			}
			if logged {
				lines = append(lines, "logfile log")
			}
			file := writeConf(t, lines)
			if err := os.Chmod(file, 0o400); err != nil {
				t.Fatal(err)
			}
			before, stdout, stderr := snapshot(t, filepath.Dir(file)), filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "err")
			p := startQuietly(t, stdout, stderr, file)
			node := caller(fmt.Sprintf("127.0.0.1:%d", port.Number))
			procs.Eventually(t, patience, func() error { return node.watches(group, g.Master.Addr) })
			for _, call := range [][]any{
				{"SET", group, "parallel-syncs", 3}, {"MONITOR", "other", "127.0.0.1", 1, 1}, {"FLUSHCONFIG"}, {"REMOVE", "other"},
			} {
				if _, err := node.do("SENTINEL", call...); err != nil {
					t.Errorf("SENTINEL %v: %v", call, err)
				}
			}
			if err := p.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			data := snapshot(t, dir)
			checkRefusedStart(t, []string{file}, "in use")
			for path := range snapshot(t, dir) {
				if _, ok := data[path]; !ok {
					t.Errorf("a second copy made %s", path)
				}
			}
			g.Master.Kill()
			procs.Eventually(t, patience, func() error { return node.watches(group, g.Replicas[0].Addr) })
			if err := p.Stop(patience); err != nil || p.ExitCode() != 0 {
				t.Errorf("after SIGTERM: %v, exit code %d", err, p.ExitCode())
			}
			checkUnchanged(t, filepath.Dir(file), before)
			if text, err := os.ReadFile(stderr); err != nil || len(text) > 0 {
				t.Errorf("standard error has (%v):\n%s", err, text)
			}
			if text, err := os.ReadFile(stdout); err != nil || (len(text) > 0) == logged {
				t.Errorf("standard output has (%v):\n%s", err, text)
			}
		})
	}
}

// startQuietly starts redis-failover with its outputs in files of their own.
func startQuietly(t *testing.T, stdout, stderr string, args ...string) *spawn.Process {
	t.Helper()
	cmd := exec.Command(procs.Binary(t), args...)
	cmd.Dir = t.TempDir()
	for path, to := range map[string]func(*os.File){
		stdout: func(f *os.File) { cmd.Stdout = f }, stderr: func(f *os.File) { cmd.Stderr = f },
	} {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		to(f)
	}
	p, err := spawn.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}
