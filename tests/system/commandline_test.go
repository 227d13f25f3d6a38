package system

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// bare is a redis-failover that was started with a command line as a person
// types it, with nothing added.
type bare struct {
	*spawn.Process
	addr state.Addr
	// dir is its working directory.
	dir string
}

// startBare starts it and waits until it answers on a port of its own, which
// takes the place of "{port}" in the arguments and in the file sentinel.conf.
func startBare(t *testing.T, file string, args ...string) *bare {
	t.Helper()
	port, err := spawn.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Release)
	b := &bare{addr: state.Addr{Host: "127.0.0.1", Port: port.Number}, dir: t.TempDir()}
	fillIn := strings.NewReplacer("{port}", fmt.Sprint(port.Number), "{dir}", b.dir)
	if err := os.WriteFile(filepath.Join(b.dir, "sentinel.conf"), []byte(fillIn.Replace(file)), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range args {
		args[i] = fillIn.Replace(args[i])
	}
	cmd := exec.Command(procs.Binary(t), args...)
	cmd.Dir = b.dir
	log, err := os.Create(filepath.Join(b.dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if b.Process, err = spawn.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Kill()
		if t.Failed() {
			t.Logf("what %q said:\n%s", args, b.read(t, "output"))
		}
	})
	procs.Eventually(t, patience, b.answers)
	return b
}

// read is the text of a file in its working directory.
func (b *bare) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

func (b *bare) answers() error {
	if b.Exited() {
		return fmt.Errorf("it has ended: %s", b.State())
	}
	_, err := b.caller().do("PING")
	return err
}

func (b *bare) caller() caller { return caller(b.addr.String()) }

func TestCommandLines(t *testing.T) {
	tests := []struct {
		name string
		file string
		args []string
		// master is the name under which the group is watched.
		master string
	}{
		{
			"a sentinel.conf", "port {port}\ndir {dir}\nsentinel monitor mymaster {master} 1\n",
			[]string{"sentinel.conf"}, "mymaster",
		},
		{
			"a sentinel.conf by flag", "port {port}\nsentinel monitor mymaster {master} 1\n",
			[]string{"--config", "sentinel.conf", "--data-dir", "d"}, "mymaster",
		},
		{
			"flags alone", "",
			[]string{"-addr=127.0.0.1:{port}", "-masters={address}"}, "{address}",
		},
		{
			"named masters", "",
			[]string{"-addr=127.0.0.1:{port}", "-masters=a={address},b=127.0.0.1:1", "-max_down_time=0.5", "-check_interval=100", "-data_dir=d"}, "a",
		},
		{
			"a flag wins over the file", "port 1\nsentinel monitor mymaster {master} 1\n",
			[]string{"-addr=127.0.0.1:{port}", "sentinel.conf"}, "mymaster",
		},
		{
			"arguments behind the file", debianConf,
			[]string{"sentinel.conf", "--port", "{port}", "--bind", "127.0.0.1", "-::1", "--logfile", "", "--sentinel", "down-after-milliseconds", "mymaster", "5000"}, "mymaster",
		},
		{"the file of Debian", debianConf, []string{"-addr=127.0.0.1:{port}", "sentinel.conf"}, "mymaster"},
	}
	master := procs.Redis(t, procs.Opts{})
	fillIn := strings.NewReplacer(
		"{master}", fmt.Sprint(master.Addr.Host, " ", master.Addr.Port), "{address}", master.Addr.String())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for i := range test.args {
				test.args[i] = fillIn.Replace(test.args[i])
			}
			b := startBare(t, fillIn.Replace(test.file), test.args...)
			procs.Eventually(t, patience, func() error {
				return b.caller().watches(fillIn.Replace(test.master), master.Addr)
			})
			if err := b.Stop(patience); err != nil || b.ExitCode() != 0 {
				t.Errorf("after SIGTERM: %v, exit code %d", err, b.ExitCode())
			}
		})
	}
}

// debianConf is what Debian 12 ships as /etc/redis/sentinel.conf, without its
// comments, and with the paths and the address of this test.
const debianConf = `protected-mode no
port 26379
daemonize yes
pidfile {dir}/redis-sentinel.pid
logfile {dir}/redis-sentinel.log
dir {dir}
sentinel monitor mymaster {master} 2
sentinel down-after-milliseconds mymaster 30000
acllog-max-len 128
sentinel parallel-syncs mymaster 1
sentinel failover-timeout mymaster 180000
sentinel deny-scripts-reconfig yes
SENTINEL resolve-hostnames no
SENTINEL announce-hostnames no
SENTINEL master-reboot-down-after-period mymaster 0
`

const goodConf = `port 26379
sentinel monitor mymaster 127.0.0.1 6379 2
sentinel down-after-milliseconds mymaster 5000
sentinel auth-pass mymaster Zq7-open-sesame-1
`

const badConf = `port 26379
sentinel monitor mymaster 127.0.0.1 6379 0
sentinel down-after-miliseconds mymaster 5000
sentinel failover-timeout nobody 1000
port seven
`

func TestCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good, bad := write("good.conf", goodConf), write("bad.conf", badConf)
	before := snapshot(t, dir)

	r := procs.Run(t, "-check", good)
	if r.Code != 0 || !strings.Contains(r.Stdout, "mymaster") {
		t.Errorf("-check of a good file: %+v", r)
	}
	if strings.Contains(r.Stdout+r.Stderr, "open-sesame") {
		t.Errorf("-check shows a password: %+v", r)
	}
	// All faults at once, each with its line, and the nearest name.
	checkRefusedStart(t, []string{"-check", bad},
		bad+":2", "Quorum", bad+":3", "down-after-milliseconds", bad+":4", "nobody", bad+":5", "seven")
	checkUnchanged(t, dir, before)
}

func TestUnusableConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad, binary := filepath.Join(dir, "bad.conf"), filepath.Join(dir, "binary.conf")
	toml := filepath.Join(dir, "bad.toml")
	for file, text := range map[string]string{bad: badConf, binary: "port \x00\x01\xff\n", toml: "addr = \n[raft"} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	missing := filepath.Join(dir, "missing.conf")
	tests := []struct {
		name  string
		args  []string
		words []string
	}{
		{"missing file", []string{missing}, []string{missing, "no such file"}},
		{"a folder", []string{dir}, []string{dir, "is a directory"}},
		{"a malformed file", []string{bad}, []string{bad + ":2", bad + ":3", bad + ":4", bad + ":5"}},
		{"a binary file", []string{binary}, []string{binary + ":1"}},
		{"malformed TOML", []string{toml}, []string{toml}},
		{"unknown flag", []string{"-mastres=127.0.0.1:1"}, []string{"mastres", "masters"}},
		{"bad address", []string{"-addr=127.0.0.1:99999"}, []string{"99999"}},
		{"bad masters", []string{"-masters=a=,b"}, []string{"a=", "b"}},
		{"bad number", []string{"-check_interval=soon"}, []string{"check_interval", "soon"}},
		{"unknown broker", []string{"-broker=etcd"}, []string{"etcd", "standalone"}},
		{"two files", []string{bad, binary}, []string{binary}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			checkRefusedStart(t, append([]string{"-data_dir=" + data}, test.args...), test.words...)
			if _, err := os.Stat(data); err == nil {
				t.Error("it made its data directory although its configuration is faulty")
			}
		})
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	for _, dashes := range []string{"-", "--"} {
		if r := procs.Run(t, dashes+"version"); r.Code != 0 || !strings.HasPrefix(r.Stdout, "redis-failover ") || r.Stderr != "" {
			t.Errorf("%sversion: %+v", dashes, r)
		}
		r := procs.Run(t, dashes+"help")
		if r.Code != 0 || r.Stderr != "" {
			t.Errorf("%shelp: exit code %d, stderr %q", dashes, r.Code, r.Stderr)
		}
		for _, flag := range []string{"-addr", "-masters", "-check_interval", "-max_down_time", "-broker", "-data_dir", "-check", "-log_level"} {
			if !strings.Contains(r.Stdout, flag) {
				t.Errorf("%shelp does not mention %s", dashes, flag)
			}
		}
	}
}
