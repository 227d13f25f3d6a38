package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// A second copy of a member, wherever it comes too near to the first, ends at
// once and says why, and the first is not disturbed.
func TestSecondCopy(t *testing.T) {
	t.Parallel()
	c := procs.StartCluster(t, procs.ClusterOpts{})
	first := c.Members[0]
	const elsewhere = "127.0.0.1:0"
	raftCluster := "-raft_cluster=" + first.Raft.String()
	tests := []struct {
		name  string
		args  []string
		words []string
	}{
		{"same data directory", []string{"-addr=" + elsewhere, "-raft_addr=" + c.Members[1].Raft.String(), "-raft_data_dir=" + first.DataDir},
			[]string{first.DataDir, "in use"}},
		{"same raft address", []string{"-addr=" + elsewhere, "-raft_addr=" + first.Raft.String(), "-raft_data_dir=" + t.TempDir(), raftCluster},
			[]string{first.Raft.String(), "address already in use"}},
		{"same address", []string{"-addr=" + first.Addr.String(), "-raft_addr=" + first.Raft.String(), "-raft_data_dir=" + first.DataDir, raftCluster},
			[]string{first.Addr.String(), "address already in use"}},
		{"everything the same", first.Command()[1:], []string{"in use"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkRefusedStart(t, test.args, test.words...)
			change(t, first, "MONITOR", "m", "127.0.0.1", 1, 1)
			change(t, first, "REMOVE", "m")
		})
	}
}

// checkRefusedStart runs redis-failover and expects that it ends with one clear
// line and exit code 1.
func checkRefusedStart(t *testing.T, args []string, words ...string) {
	t.Helper()
	r := procs.Run(t, args...)
	last := r.Stderr[strings.LastIndex(strings.TrimRight(r.Stderr, "\n"), "\n")+1:]
	if r.Code != 1 {
		t.Errorf("exit code %d, want 1; it said:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	for _, word := range words {
		if !strings.Contains(last, word) {
			t.Errorf("its last line does not contain %q:\n%s", word, last)
		}
	}
	if strings.Contains(r.Stdout+r.Stderr, "panic") || strings.Contains(r.Stdout+r.Stderr, "goroutine ") {
		t.Errorf("it crashed:\n%s%s", r.Stdout, r.Stderr)
	}
}

// A member whose data directory was emptied must not take part under its old
// name: it has forgotten what it promised. It says what to do, and the others go
// on.
func TestWipedMember(t *testing.T) {
	t.Parallel()
	c := procs.StartCluster(t, procs.ClusterOpts{})
	wiped, others := c.Members[2], c.Members[:2]
	change(t, others[0], "MONITOR", "kept", "127.0.0.1", 1, 2)
	wiped.Kill()
	if err := os.RemoveAll(wiped.DataDir); err != nil {
		t.Fatal(err)
	}
	said := []string{"lost its data directory", "remove this member", "join"}
	checkRefusedStart(t, wiped.Command()[1:], said...)
	change(t, others[1], "SET", "kept", "quorum", 1)

	// When there is nobody to ask it cannot know, until somebody is there.
	if err := os.RemoveAll(wiped.DataDir); err != nil {
		t.Fatal(err)
	}
	c.Kill(others...)
	wiped.Start()
	c.Start(others...)
	c.AwaitReady(others...)
	if code := wiped.AwaitExit(patience); code != 1 {
		t.Errorf("the wiped member ended with exit code %d, want 1", code)
	}
	for _, word := range said {
		wiped.AwaitLog(patience, word)
	}
	for _, m := range others {
		if err := shows(m, "kept", map[string]string{"quorum": "1"}); err != nil {
			t.Error(err)
		}
	}
}

// The disk of a member fills up: the member says what to do and leaves off, the
// others go on, and nothing that was acknowledged is lost. With some space it
// takes part again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	c := procs.NewCluster(t, procs.ClusterOpts{})
	full, others := c.Members[1], []*procs.Member{c.Members[0], c.Members[2]}
	mount(t, full.DataDir, "size=160m")
	c.Start()
	c.AwaitReady()
	change(t, full, "MONITOR", "kept", "127.0.0.1", 1, 2)

	ballast := filepath.Join(full.DataDir, "ballast")
	fill(t, ballast, 120<<20)
	full.AwaitLog(patience, "free some space")
	change(t, others[0], "MONITOR", "meanwhile", "127.0.0.1", 1, 2)
	_, err := full.Do("SENTINEL", "SET", "kept", "quorum", 1)
	if refused(err, "NOQUORUM") != nil || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("SET at the member with the full disk: %v", err)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	procs.Eventually(t, patience, full.Ready)
	for _, m := range c.Members {
		procs.Eventually(t, patience, func() error { return hasAll(m, []string{"kept", "meanwhile"}) })
	}
}

// The disk fills up in one go, with no time to leave off: the member may have to
// stop. It says what to do, and is whole again after a restart.
func TestDiskFillsAtOnce(t *testing.T) {
	t.Parallel()
	c := procs.NewCluster(t, procs.ClusterOpts{})
	full, other := c.Members[1], c.Members[0]
	mount(t, full.DataDir, "size=160m")
	c.Start()
	c.AwaitReady()
	w := startWriter(t, other)
	progress(t, []*writer{w})

	ballast := filepath.Join(full.DataDir, "ballast")
	fill(t, ballast, 1<<40)
	procs.Eventually(t, patience, func() error {
		if log := full.Log(); !strings.Contains(log, "free some space") && !strings.Contains(log, "free space and start again") {
			return os.ErrNotExist
		}
		return nil
	})
	progress(t, []*writer{w})
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if !full.Running() {
		full.Start()
	}
	procs.Eventually(t, patience, full.Ready)
	w.stop()
	w.done.Wait()
	for _, m := range c.Members {
		procs.Eventually(t, patience, func() error { return w.check(m) })
	}
}

// mount mounts a small file system in memory for the length of the test.
func mount(t *testing.T, dir, options string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options)
	if err == syscall.EPERM {
		procs.Unavailable(t, "mounting needs root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// fill writes a file of that size, or as much of it as there is room for.
func fill(t *testing.T, path string, size int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for written := 0; written < size && err == nil; {
		var n int
		n, err = f.Write(block)
		written += n
	}
}

// A clean stop, of the leader and of the others, with exit code 0.
func TestCleanStop(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	leader := s.nodes.Leader()
	for _, m := range append([]*procs.Member{leader}, s.nodes.Others(leader)...) {
		begin := time.Now()
		if code := m.Stop(); code != 0 {
			t.Errorf("member %d ended with exit code %d", m.Index, code)
		}
		t.Logf("member %d stopped after %v", m.Index, time.Since(begin).Round(time.Millisecond))
	}
	s.nodes.Start()
	s.nodes.AwaitReady()
	s.agree(s.Master, s.Replicas...)
}
