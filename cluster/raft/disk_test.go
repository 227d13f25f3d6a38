package raft

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"

	"github.com/lni/vfs"
)

// brittle is a disk that fails from some moment on, or hangs for a while.
type brittle struct {
	vfs.FS
	fault *atomic.Pointer[error] // nil while it works
	stall *sync.RWMutex          // locked while it hangs
}

func newBrittle() brittle {
	return brittle{vfs.Default, new(atomic.Pointer[error]), new(sync.RWMutex)}
}

func (b brittle) breakWith(err error) { b.fault.Store(&err) }

func (b brittle) err() error {
	if fault := b.fault.Load(); fault != nil {
		return *fault
	}
	return nil
}

func (b brittle) file(f vfs.File, err error) (vfs.File, error) { return brittleFile{f, b}, err }

func (b brittle) Create(name string) (vfs.File, error) { return b.file(b.FS.Create(name)) }
func (b brittle) OpenForAppend(name string) (vfs.File, error) {
	return b.file(b.FS.OpenForAppend(name))
}
func (b brittle) ReuseForWrite(from, to string) (vfs.File, error) {
	return b.file(b.FS.ReuseForWrite(from, to))
}

type brittleFile struct {
	vfs.File
	disk brittle
}

func (f brittleFile) Write(p []byte) (int, error) {
	if err := f.disk.err(); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, &os.PathError{Op: "write", Path: "the log", Err: err}
	}
	return f.File.Write(p)
}

func (f brittleFile) Sync() error {
	f.disk.stall.RLock()
	defer f.disk.stall.RUnlock()
	if err := f.disk.err(); err != nil {
		return &os.PathError{Op: "sync", Path: "the log", Err: err}
	}
	return f.File.Sync()
}

// TestBrokenDisk: a disk that fails under the engine ends this member's part, in
// words that say what to do, and not the process; the others go on, and closing
// does not wait for the dead.
func TestBrokenDisk(t *testing.T) {
	for fault, advice := range map[error]string{
		syscall.ENOSPC: "free some space", syscall.EIO: "the disk fails", os.ErrInvalid: "cannot go on",
	} {
		t.Run(fault.Error(), func(t *testing.T) {
			g := newGroup(t, 3)
			disks := make([]brittle, 3)
			for i := range g.nodes {
				disks[i] = newBrittle()
				g.nodes[i].options.files = disks[i]
				g.start(i)
			}
			g.ready()
			g.add(0, 1)
			g.has(2, 1)
			leader := g.leader()
			other, b := (leader+1)%3, g.nodes[leader].broker
			disks[leader].breakWith(fault)
			ctx := g.ctx()
			proposed := make(chan error, 1)
			go func() {
				_, _, err := b.Propose(ctx, state.Mutation{Op: monitor(2)})
				proposed <- err
			}()
			reason := g.is(leader, cluster.Lost)
			if !strings.Contains(reason, advice) || !strings.Contains(reason, fault.Error()) || strings.Contains(reason, "\n") {
				t.Errorf("the reason is %q", reason)
			}
			if err := <-proposed; err == nil {
				t.Error("a change was acknowledged that was not on the disk")
			}
			if _, ok := b.State().Master(masterName(1)); !ok {
				t.Error("reads ended with the disk")
			}
			if _, err := b.Barrier(g.ctx()); err == nil {
				t.Error("a barrier passed on a member that is lost")
			}
			g.add(other, 3)
			begin := time.Now()
			g.stop(leader)
			t.Logf("closed in %s", time.Since(begin))
			if _, err := Open(g.nodes[leader].options); !errors.Is(err, ErrInUse) {
				t.Errorf("a second engine on the files of one that hangs: %v", err)
			}
		})
	}
}

// TestStalledDisk: a member whose disk hangs is replaced as the leader, says that it
// is cut off, and takes part again when the disk answers.
func TestStalledDisk(t *testing.T) {
	g := newGroup(t, 3)
	disks := make([]brittle, 3)
	for i := range g.nodes {
		disks[i] = newBrittle()
		g.nodes[i].options.files = disks[i]
		g.start(i)
	}
	g.ready()
	g.add(0, 1)
	leader := g.leader()
	disks[leader].stall.Lock()
	g.add((leader+1)%3, 2)
	g.is(leader, cluster.Suspended)
	if _, err := g.nodes[leader].broker.Barrier(g.ctx()); err == nil {
		t.Error("a barrier passed on a member whose disk hangs")
	}
	disks[leader].stall.Unlock()
	g.ready()
	g.has(leader, 1, 2)
	g.add(leader, 3)
	if log := g.nodes[leader].log.tail(10_000); !strings.Contains(log, "was slow") {
		t.Error("the log does not say that the disk was slow")
	}
}

// TestDiskFullOfAProcess is the same in a process of its own, which then is
// killed, gets space, and starts again.
func TestDiskFullOfAProcess(t *testing.T) {
	list := children(t, 3, quick)
	for _, c := range list {
		c.start()
	}
	for _, c := range list {
		c.ready()
	}
	full := list[1]
	full.order("insist 1")
	full.hear("added")
	full.order("break")
	full.hear("broken")
	full.order("add 2")
	if answer := full.hear("added", "failed"); answer[0] == "added" {
		t.Error("a change was acknowledged that was not on the disk")
	}
	full.is(cluster.Lost)
	list[0].order("insist 3")
	if answer := list[0].hear("added", "failed"); answer[0] == "failed" {
		t.Errorf("the others do not go on: %v", answer)
	}
	full.kill()
	full.start()
	if known := full.knows(); !known[1] || !known[3] {
		t.Errorf("after a start with space it knows %v", known)
	}
	if log := full.log.tail(1000); !strings.Contains(log, "free some space") || strings.Contains(log, "goroutine ") {
		t.Errorf("its log is\n%s", log)
	}
}

// TestEngineGone: a member whose log was deleted, and not its identity, does not
// begin anew under it.
func TestEngineGone(t *testing.T) {
	for what, dir := range map[string]func(*Options) string{
		"all of it":        func(o *Options) string { return o.Dir },
		"the log's folder": func(o *Options) string { return o.LogDir },
	} {
		g := newGroup(t, 1)
		o := &g.nodes[0].options
		o.LogDir = filepath.Join(memoryDir(t), "log")
		g.start(0)
		g.ready()
		g.add(0, 1)
		g.stop(0)
		if err := os.RemoveAll(filepath.Join(dir(o), engineFolder)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(*o); !errors.Is(err, ErrWiped) || !strings.Contains(fmt.Sprint(err), "join") {
			t.Errorf("%s is gone: %v", what, err)
		}
	}
}
