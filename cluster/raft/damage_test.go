package raft

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// TestRestoredFolder: a member whose folder was put back to an earlier state has
// forgotten what it had acknowledged. A leader to which it had done so finds out,
// and it gives up in one line that says what to do; a later leader sends it all
// again. The others lose nothing.
func TestRestoredFolder(t *testing.T) {
	list := children(t, 3, quick)
	for _, c := range list {
		c.start()
	}
	list[0].order("insist 1")
	list[0].hear("added")
	list[1].knows()
	for _, c := range list {
		c.ready()
	}
	old := list[(slices.IndexFunc(list, (*child).leads)+1)%3] // a follower, as a rule
	old.kill()
	backup := filepath.Join(memoryDir(t), "backup")
	if err := os.CopyFS(backup, os.DirFS(old.options.Dir)); err != nil {
		t.Fatal(err)
	}
	old.start()
	old.ready()
	for n := range 50 {
		old.order("insist %d", 2+n)
		old.hear("added")
	}
	old.kill()
	if err := os.RemoveAll(old.options.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(old.options.Dir, os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	old.log = &logLines{}
	old.launch() // the leader may be heard before it is open, or after
	procs.Eventually(t, patience, func() error {
		log := old.log.tail(1000)
		if !strings.Contains(log, "Remove this member on another one") && !strings.Contains(log, "the group has a majority") {
			return fmt.Errorf("the log is\n%s", log)
		}
		return nil
	})
	if log := old.log.tail(1000); strings.Contains(log, "goroutine ") {
		t.Errorf("the log is\n%s", log)
	}
	for _, c := range list {
		if c == old {
			continue
		}
		if known := c.knows(); len(known) != 51 {
			t.Errorf("%s knows %d changes, 51 were acknowledged", c.options.Addr, len(known))
		}
	}
}

// TestDamagedEngine: whichever file of the engine was overwritten, a member either
// starts, or says in one line that it cannot.
func TestDamagedEngine(t *testing.T) {
	g := openGroup(t, 1)
	g.burst(0, 500) // some snapshots, some log
	g.stop(0)
	var files []string
	root := g.nodes[0].options.Dir
	if err := filepath.WalkDir(filepath.Join(root, engineFolder), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		o := g.nodes[0].options
		o.Dir = filepath.Join(memoryDir(t), "damaged")
		if err := os.CopyFS(o.Dir, os.DirFS(root)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte(strings.Repeat("damaged ", 1000)), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := Open(o)
		if err == nil {
			err = b.Close()
			t.Logf("%s: it starts", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
