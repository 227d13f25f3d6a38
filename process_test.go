package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/conf"
)

// limited is a system with that limit of open files.
func limited(now *syscall.Rlimit, root bool) openFiles {
	return openFiles{
		get: func(l *syscall.Rlimit) error { *l = *now; return nil },
		set: func(l *syscall.Rlimit) error {
			if l.Cur > l.Max || l.Max > now.Max && !root {
				return syscall.EPERM
			}
			*now = *l
			return nil
		},
	}
}

func TestClientsAreHeldAgainstOpenFiles(t *testing.T) {
	for name, c := range map[string]struct {
		limit      syscall.Rlimit
		root       bool
		want, then uint64 // clients, and the limit afterwards
		says       string
	}{
		"enough":        {limit: syscall.Rlimit{Cur: 2000, Max: 2000}, want: 1000, then: 2000},
		"soft":          {limit: syscall.Rlimit{Cur: 500, Max: 5000}, want: 1000, then: 1100, says: "Increased maximum number of open files to 1100 (it was originally set to 500)."},
		"hard, as root": {limit: syscall.Rlimit{Cur: 500, Max: 600}, root: true, want: 1000, then: 1100, says: "Increased"},
		"hard":          {limit: syscall.Rlimit{Cur: 500, Max: 600}, want: 500, then: 600, says: "Current maximum open files is 600. maxclients has been reduced to 500"},
		"hopeless":      {limit: syscall.Rlimit{Cur: 100, Max: 100}, then: 100},
	} {
		var log bytes.Buffer
		limit := c.limit
		got, err := affordClients(1000, 100, limited(&limit, c.root), slog.New(slog.NewTextHandler(&log, nil)))
		if uint64(got) != c.want || limit.Cur != c.then || (err != nil) != (c.want == 0) || !strings.Contains(log.String(), c.says) || (log.Len() > 0) != (c.says != "") {
			t.Errorf("%s: %d clients (%v), limit %+v, log:\n%s", name, got, err, limit, &log)
		}
	}
	unknown := openFiles{get: func(*syscall.Rlimit) error { return syscall.ENOSYS }}
	if got, err := affordClients(1000, 100, unknown, quiet); got != 1000 || err != nil {
		t.Errorf("without a limit that can be read: %d (%v)", got, err)
	}
}

func TestPidFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	remove := writePidFile(path, quiet)
	if text, err := os.ReadFile(path); err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("the file has %q (%v)", text, err)
	}
	remove()
	if _, err := os.Stat(path); err == nil {
		t.Error("the file is still there")
	}
	var log bytes.Buffer
	writePidFile(filepath.Join(path, "none"), slog.New(slog.NewTextHandler(&log, nil)))()
	if !strings.Contains(log.String(), "pidfile") {
		t.Errorf("a path that is none: %s", &log)
	}
	writePidFile("", quiet)()
}

// The log follows its path: it may be moved, removed or emptied at any time.
func TestLogRotation(t *testing.T) {
	dir := t.TempDir()
	path, old := filepath.Join(dir, "log"), filepath.Join(dir, "log.1")
	log, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
	write := func(line string) {
		if _, err := log.Write([]byte(line + "\n")); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	if err := os.Rename(path, old); err != nil {
		t.Fatal(err)
	}
	write("two")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write("three")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write("four")
	for file, want := range map[string]string{old: "one\n", path: "four\n"} {
		if text, err := os.ReadFile(file); err != nil || string(text) != want {
			t.Errorf("%s has %q (%v), want %q", file, text, err, want)
		}
	}
	// With the directory gone there is no new file; the old one takes what comes.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	write("five")
}

// With each SIGHUP all that can be read anew is, also after a part that cannot.
func TestReloadAll(t *testing.T) {
	heard := make(chan os.Signal)
	calls := make(chan string, 4)
	all := []reload{
		{"one", func() error { calls <- "one"; return errors.New("broken") }},
		{"two", func() error { calls <- "two"; return nil }},
	}
	var log bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		reloadAll(ctx, heard, all, manager{}, slog.New(slog.NewTextHandler(&log, nil)))
		close(done)
	}()
	heard <- syscall.SIGHUP
	heard <- syscall.SIGHUP // taken when the first is done
	for _, want := range []string{"one", "two", "one", "two"} {
		if got := <-calls; got != want {
			t.Errorf("%s was read, not %s", got, want)
		}
	}
	cancel()
	<-done
	if !strings.Contains(log.String(), "of=one error=broken") || !strings.Contains(log.String(), "what=two") {
		t.Errorf("the log says:\n%s", &log)
	}
}

func TestOtherFiles(t *testing.T) {
	cfg := conf.Default()
	cfg.Masters = make([]conf.Master, 1000)
	if n := otherFiles(&cfg, state.New()); n != ownFiles+1000 {
		t.Errorf("%d files for 1000 masters", n)
	}
}
