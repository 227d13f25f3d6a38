package raft

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// TestRestoredFolder: a member whose folder was put back to an earlier state has
// forgotten what it had acknowledged. The engine notices and gives up, in one line
// that says what to do; the others lose nothing.
func TestRestoredFolder(t *testing.T) {
	list := children(t, 3, quick)
	for _, c := range list {
		c.start()
	}
	list[0].order("insist 1")
	list[0].hear("added")
	list[1].knows()
	old := list[1]
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
	old.launch() // the leader may be heard before it is open, or after
	procs.Eventually(t, patience, func() error {
		if log := old.log.tail(1000); !strings.Contains(log, "Remove this member on another one") || strings.Contains(log, "goroutine ") {
			return fmt.Errorf("the log is\n%s", log)
		}
		return nil
	})
	for _, c := range []*child{list[0], list[2]} {
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
