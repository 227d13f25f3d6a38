package procs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestFailoverLives(t *testing.T) {
	g := Group(t, 1, Opts{})
	n := Failover(t, "-masters=mymaster="+g.Master.Addr.String())
	if err := n.NamesMaster("mymaster", g.Master.Addr); err != nil {
		t.Error(err)
	}
	if files, err := os.ReadDir(n.DataDir); err != nil || len(files) == 0 {
		t.Errorf("its data directory: %v, %v; want some files", files, err)
	}
	addr := n.Addr
	n.Kill()
	n.Restart()
	if n.Addr != addr {
		t.Errorf("restarted at %v, was at %v", n.Addr, addr)
	}
	if err := n.NamesMaster("mymaster", g.Master.Addr); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if code := n.Stop(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
}

func TestFailoverKeepsArguments(t *testing.T) {
	first := Failover(t)
	first.Kill()
	second := StartNode(t, NodeOpts{Args: []string{
		"-addr=" + first.Addr.String(), "-data_dir", first.DataDir, fmt.Sprintf("-masters=127.0.0.1:%d", 1),
	}})
	if second.Addr != first.Addr || second.DataDir != first.DataDir {
		t.Errorf("started at %v in %s, want %v in %s", second.Addr, second.DataDir, first.Addr, first.DataDir)
	}
}

func TestRun(t *testing.T) {
	if r := Run(t, "-version"); r.Code != 0 || strings.TrimSpace(r.Stdout) == "" {
		t.Errorf("-version: %+v", r)
	}
	if r := Run(t, "-no_such_flag"); r.Code <= 0 || !strings.Contains(r.Stderr, "no_such_flag") {
		t.Errorf("a flag that does not exist: %+v", r)
	}
}

func TestFlagValue(t *testing.T) {
	tests := []struct {
		args string
		want string
	}{
		{"", ""},
		{"-data_dir=/x", "/x"},
		{"--data-dir /x", "/x"},
		{"-addr=:1 -data-dir=/x sentinel.conf", "/x"},
		{"data_dir=/x", ""},
		{"-raft_data_dir=/x", ""},
		{"-data_dir", ""},
	}
	for _, test := range tests {
		args := slices.DeleteFunc(strings.Split(test.args, " "), func(s string) bool { return s == "" })
		if got := flagValue(args, "data_dir"); got != test.want {
			t.Errorf("data_dir of %q is %q, want %q", test.args, got, test.want)
		}
	}
}
