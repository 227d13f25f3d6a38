package procs

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// NodeOpts are the options of StartNode.
type NodeOpts struct {
	// Args are its flags and its configuration file. -addr and -data_dir (or its
	// older name -raft_data_dir) are added when they are not among them.
	Args []string
	// Env holds more variables, "NAME=value".
	Env []string
	// User and Password are for the calls of the test, when the configuration
	// demands them.
	User, Password string
	// Host starts it on that host.
	Host *Host
	// TLS has it speak TLS only, towards servers and members too.
	TLS *TLS
	// WorkDir starts it there, with nothing added to Args, as a person would; Addr
	// is where it listens by them.
	WorkDir string
	Addr    state.Addr
}

// Node is a running redis-failover.
type Node struct {
	*Server
	// DataDir is what its -data_dir flag says.
	DataDir string
}

// Failover builds redis-failover (with the race detector if the test has it),
// starts it with these arguments, and returns when it answers. See
// NodeOpts.Args for what is added to them.
func Failover(t testing.TB, args ...string) *Node {
	t.Helper()
	return StartNode(t, NodeOpts{Args: args})
}

// StartNode is Failover with more options.
func StartNode(t testing.TB, o NodeOpts) *Node {
	t.Helper()
	n := PrepareNode(t, o)
	n.Start()
	return n
}

// PrepareNode is StartNode for a node that does not run before its Start.
func PrepareNode(t testing.TB, o NodeOpts) *Node {
	t.Helper()
	program := Binary(t)
	n := &Node{DataDir: cmp.Or(flagValue(o.Args, "data_dir"), flagValue(o.Args, "raft_data_dir"))}
	p := plan{name: "redis-failover", user: o.User, password: o.Password, host: o.Host, env: o.Env, tls: o.TLS, workDir: o.WorkDir, addr: o.Addr}
	if text := flagValue(o.Args, "addr"); text != "" {
		addr, err := state.ParseAddr(text)
		if err != nil {
			t.Fatalf("-addr of redis-failover: %v", err)
		}
		p.addr = addr
	}
	given := n.DataDir != "" || o.WorkDir != ""
	p.argv = func(dir string, addr state.Addr) []string {
		argv := []string{program}
		if p.addr.IsZero() {
			argv = append(argv, o.TLS.listenFlags(addr.String())...)
		}
		if !given {
			n.DataDir = filepath.Join(dir, "data")
			argv = append(argv, "-data_dir="+n.DataDir)
		}
		return append(argv, o.Args...)
	}
	n.Server = prepare(t, p)
	return n
}

// flagValue finds the value of a flag in a command line, "" if it is not there.
func flagValue(args []string, name string) string {
	for i, arg := range args {
		flag, ok := strings.CutPrefix(arg, "-")
		if !ok {
			continue
		}
		flag, value, inline := strings.Cut(strings.TrimPrefix(flag, "-"), "=")
		if strings.ReplaceAll(flag, "-", "_") != name {
			continue
		}
		if !inline && i+1 < len(args) {
			value = args[i+1]
		}
		return value
	}
	return ""
}

// Result is how a program ended that was run to its end.
type Result struct {
	// Code is the exit code, -1 when a signal ended it.
	Code           int
	Stdout, Stderr string
}

// Run runs redis-failover to its end, as for -check, -version and faulty
// configurations. It ends the test when the program does not end by itself
// within half a minute.
func Run(t testing.TB, args ...string) Result {
	t.Helper()
	program := Binary(t) // which may take a while that is not the program's
	const limit = 30 * time.Second
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), &stdout, &stderr
	err := cmd.Run()
	if ended := (*exec.ExitError)(nil); (err != nil && !errors.As(err, &ended)) || ctx.Err() != nil {
		t.Fatalf("redis-failover %q: %v; stderr:\n%s", args, errors.Join(err, ctx.Err()), &stderr)
	}
	return Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
}

// Binary returns the path of redis-failover, built once per test process.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatalf("build redis-failover: %v", err)
	}
	return path
}

// build builds into bin/test at the root of the module, not into a temporary
// folder: "go build" leaves a binary alone that is up to date, so that only the
// first of the test packages links, and nothing is left to remove when the
// process ends (a package has no hook for that).
var build = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "test", "redis-failover")
	args := []string{"build"}
	if raceDetector {
		path += "-race"
		args = append(args, "-race")
	}
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	cmd := exec.Command("go", append(args, "-o", path, ".")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// lockFile makes the test packages, which run at the same time, build one after
// the other.
func lockFile(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { closeQuietly(f) }, nil
}

// closeQuietly closes what was only read or locked: nothing is lost then.
func closeQuietly(c io.Closer) { _ = c.Close() }
