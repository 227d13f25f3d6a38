package clients

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// program is an application that is a process of its own.
type program struct {
	name string
	// argv returns the beginning of the command line and variables of the
	// environment. The test is skipped or fails there if something is not
	// installed.
	argv func(t *testing.T) (argv, env []string)
}

var programs = []program{
	{"ioredis", node("ioredis.js")},
	{"node-redis", node("node-redis.js")},
	{"redis-py", debian("python3", "-c", "import redis", "python3-redis", "redis-py.py")},
	{"redis-rb", debian("ruby", "-e", `require "redis"`, "ruby-redis", "redis-rb.rb")},
	{"redis-cli", shell},
	{"phpredis", debian("php", "-r", `exit(extension_loaded("redis") ? 0 : 1);`, "php-cli and php-redis", "phpredis.php")},
}

// debian is an interpreter with a library that Debian ships. Of several
// interpreters of that name, that of the system has it.
func debian(interpreter, flag, check, packages, script string) func(*testing.T) (argv, env []string) {
	return func(t *testing.T) (argv, env []string) {
		for _, path := range []string{"/usr/bin/" + interpreter, interpreter} {
			if exec.Command(path, flag, check).Run() == nil {
				return []string{path, filepath.Join("testdata", script)}, nil
			}
		}
		procs.Unavailable(t, "there is no %s with its client of Redis (apt-get install %s)", interpreter, packages)
		return nil, nil
	}
}

// shell is a shell script with redis-cli.
func shell(t *testing.T) (argv, env []string) {
	procs.NeedTool(t, "redis-cli", "redis-tools")
	return []string{procs.NeedTool(t, "sh", "dash"), filepath.Join("testdata", "redis-cli.sh")}, nil
}

// node is a script for Node.js with the libraries of testdata/node.
func node(script string) func(*testing.T) (argv, env []string) {
	return func(t *testing.T) (argv, env []string) {
		path := procs.NeedTool(t, "node", "nodejs")
		return []string{path, filepath.Join("testdata", "node", script)}, []string{"NODE_PATH=" + nodeModules(t)}
	}
}

// nodeModules installs the libraries for Node.js where the binaries of tests are,
// once for each version of the lock file, and returns their folder.
func nodeModules(t *testing.T) string {
	t.Helper()
	const from = "testdata/node"
	lock, err := os.ReadFile(filepath.Join(from, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	home, err := filepath.Abs("../../bin/test")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "node-"+hex.EncodeToString(sum[:8]))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	npm := procs.NeedTool(t, "npm", "npm")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(home, "node-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(fresh) }() // there is nothing left after a success
	for _, file := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(from, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(fresh, file), text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		procs.Unavailable(t, "npm ci cannot install the libraries for Node.js (%v: %s)", err, out)
	}
	// Another process may have been faster.
	if err := os.Rename(fresh, dir); err != nil && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, os.ErrExist) {
		t.Fatal(err)
	}
	return modules
}

// start runs the application until the test ends.
func (p program) start(t *testing.T, key string, addrs []string) {
	t.Helper()
	argv, env := p.argv(t)
	argv = append(append(argv, group, key), addrs...)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	proc, err := spawn.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if proc.Exited() {
			t.Errorf("%s ended: %s", p.name, proc.State())
		}
		_ = proc.Signal(syscall.SIGKILL) // it may have ended
		<-proc.Done()
		if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
			t.Logf("%s said:\n%s", p.name, text[max(0, len(text)-4000):])
		}
		_ = log.Close() // nothing of ours is in it
	})
}
