package standalone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// scriptedDisk is a real folder whose operations a test can hold up or fail.
type scriptedDisk struct {
	disk
	// hook, if set, is called before each operation: "create", "write", "sync",
	// "truncate", "rename", "syncdir", with the file's name. An error is
	// returned in place of doing it.
	hook atomic.Pointer[func(op, name string) error]
}

func newScripted(dir string) *scriptedDisk { return &scriptedDisk{disk: folder(dir)} }

func (d *scriptedDisk) on(f func(op, name string) error) { d.hook.Store(&f) }

func (d *scriptedDisk) step(op, name string) error {
	if f := d.hook.Load(); f != nil {
		return (*f)(op, name)
	}
	return nil
}

func (d *scriptedDisk) Create(name string) (file, error) {
	if err := d.step("create", name); err != nil {
		return nil, err
	}
	f, err := d.disk.Create(name)
	if err != nil {
		return nil, err
	}
	return &scriptedFile{f, d, name}, nil
}

func (d *scriptedDisk) Rename(from, to string) error {
	if err := d.step("rename", to); err != nil {
		return err
	}
	return d.disk.Rename(from, to)
}

func (d *scriptedDisk) SyncDir() error {
	if err := d.step("syncdir", ""); err != nil {
		return err
	}
	return d.disk.SyncDir()
}

type scriptedFile struct {
	file
	d    *scriptedDisk
	name string // the one it was created under
}

func (f *scriptedFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.d.step("write", f.name); err != nil {
		return 0, err
	}
	return f.file.WriteAt(p, off)
}

func (f *scriptedFile) Sync() error {
	if err := f.d.step("sync", f.name); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f *scriptedFile) Truncate(size int64) error {
	if err := f.d.step("truncate", f.name); err != nil {
		return err
	}
	return f.file.Truncate(size)
}

// gate holds the operations of one kind up until it is opened.
type gate struct {
	reached chan struct{} // closed when the first one waits
	open    chan struct{}
	once    sync.Once
	count   atomic.Int32
}

func newGate() *gate { return &gate{reached: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) pass() {
	g.count.Add(1)
	g.once.Do(func() { close(g.reached) })
	<-g.open
}

// gated opens a broker whose log's fsyncs wait at a gate.
func gated(t *testing.T) (*Broker, *gate) {
	t.Helper()
	dir := t.TempDir()
	d := newScripted(dir)
	b := mustOpen(t, Options{Dir: dir, disk: d})
	g := newGate()
	d.on(func(op, name string) error {
		if op == "sync" && strings.HasPrefix(name, logPrefix) {
			g.pass()
		}
		return nil
	})
	return b, g
}

// behind starts proposals 1..n, of which the first waits in its fsync and the
// others in the queue.
func behind(t *testing.T, b *Broker, g *gate, n int, ctx func(i int) context.Context) (results []chan error) {
	t.Helper()
	for i := range n {
		done := make(chan error, 1)
		results = append(results, done)
		go func() {
			_, _, err := b.Propose(ctx(i), state.Mutation{Op: monitorOp(i)})
			done <- err
		}()
		if i == 0 {
			waitFor(t, "the first fsync", g.reached)
		}
	}
	until(t, "all proposals wait in the queue", func() bool {
		b.queue.mu.Lock()
		defer b.queue.mu.Unlock()
		return len(b.queue.items) == n-1
	})
	return results
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s until %s", what)
		}
		time.Sleep(time.Millisecond) // between two looks
	}
}

func background(int) context.Context { return context.Background() }

func TestNothingIsVisibleBeforeItIsDurable(t *testing.T) {
	b, g := gated(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := make(chan struct{})
	go func() {
		for range b.Applied(ctx, 0) {
			close(seen)
			return
		}
	}()
	results := behind(t, b, g, 1, background)
	if b.State().Len() != 0 {
		t.Error("State shows a change before its fsync has ended")
	}
	select {
	case <-seen:
		t.Error("Applied yields a change before its fsync has ended")
	case err := <-results[0]:
		t.Errorf("Propose returned %v before its fsync had ended", err)
	default:
	}
	close(g.open)
	waitFor(t, "Applied to yield the change", seen)
	if err := <-results[0]; err != nil || b.State().Len() != 1 {
		t.Errorf("afterwards: %v, %d masters", err, b.State().Len())
	}
}

func TestOneFsyncForAllThatWait(t *testing.T) {
	b, g := gated(t)
	results := behind(t, b, g, 100, background)
	close(g.open)
	for i, r := range results {
		if err := <-r; err != nil {
			t.Errorf("proposal %d: %v", i, err)
		}
	}
	if n := g.count.Load(); n != 2 {
		t.Errorf("100 proposals, 99 of them while the first was written: %d fsyncs, not 2", n)
	}
}

func TestBarrierWaitsForWhatWasBegun(t *testing.T) {
	b, g := gated(t)
	_ = behind(t, b, g, 3, background)
	passed := make(chan state.Index, 1)
	go func() {
		index, err := b.Barrier(context.Background())
		if err != nil {
			t.Error(err)
		}
		passed <- index
	}()
	until(t, "the barrier waits", func() bool {
		b.queue.mu.Lock()
		defer b.queue.mu.Unlock()
		return len(b.queue.items) == 3
	})
	select {
	case <-passed:
		t.Error("the barrier passed before what was begun had ended")
	default:
	}
	close(g.open)
	if index := <-passed; index != 3 {
		t.Errorf("the barrier passed at %d", index)
	}
}

func TestGivenUp(t *testing.T) {
	b, g := gated(t)
	ctx, cancel := context.WithCancel(context.Background())
	results := behind(t, b, g, 2, func(int) context.Context { return ctx })
	cancel()
	var unknown *cluster.UnknownError
	if err := <-results[0]; !errors.Is(err, cluster.ErrUnknown) || !errors.Is(err, context.Canceled) || !errors.As(err, &unknown) {
		t.Fatalf("given up while it was written: %v", err)
	}
	if err := <-results[1]; !errors.Is(err, cluster.ErrNotLogged) || !errors.Is(err, context.Canceled) {
		t.Errorf("given up before it was taken: %v", err)
	}
	if _, err := b.Barrier(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("barrier: %v", err)
	}
	close(g.open)
	if _, err := b.Barrier(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.State().Master("m1"); ok || b.State().Len() != 1 {
		t.Errorf("%d masters, m1 there: %t", b.State().Len(), ok)
	}
	out, _, err := b.Propose(context.Background(), state.Mutation{ID: unknown.ID, Op: monitorOp(0)})
	if err != nil || out.Refusal != state.RefusedDuplicate {
		t.Errorf("repeated under its id: %+v, %v", out, err)
	}
}

func TestCloseWhileBusy(t *testing.T) {
	b, g := gated(t)
	results := behind(t, b, g, 3, background)
	closed := make(chan error, 1)
	go func() { closed <- b.Close() }()
	for _, r := range results[1:] {
		if err := <-r; !errors.Is(err, cluster.ErrClosed) || !errors.Is(err, cluster.ErrNotLogged) {
			t.Errorf("a call that waited for its turn ended with %v", err)
		}
	}
	select {
	case err := <-closed:
		t.Fatalf("Close returned %v before the write had ended", err)
	default:
	}
	close(g.open)
	if err := <-results[0]; err != nil {
		t.Errorf("the call that was being written ended with %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if b.State().Len() != 1 {
		t.Errorf("%d masters", b.State().Len())
	}
}

// TestSnapshotDoesNotStall writes while a snapshot is being made.
func TestSnapshotDoesNotStall(t *testing.T) {
	dir := t.TempDir()
	d := newScripted(dir)
	o := Options{Dir: dir, disk: d, SnapshotEvery: 10}
	b := mustOpen(t, o)
	g := newGate()
	d.on(func(op, name string) error {
		if op == "create" && strings.HasPrefix(name, snapshotPrefix) {
			g.pass()
		}
		return nil
	})
	for i := range 100 {
		mustPropose(t, b, monitorOp(i))
	}
	waitFor(t, "the snapshot to begin", g.reached)
	if g.count.Load() != 1 {
		t.Errorf("%d snapshots at once", g.count.Load())
	}
	close(g.open)
	b = reopen(t, b, o)
	if b.State().Len() != 100 {
		t.Errorf("%d masters of 100", b.State().Len())
	}
	until(t, "the old log is gone", func() bool { _, there := readFolderLoosely(dir)[firstLog]; return !there })
}

// TestFailedFsync: the change is refused, the log is not written to again, and
// the next change goes into a new one behind a snapshot.
func TestFailedFsync(t *testing.T) {
	dir := t.TempDir()
	d := newScripted(dir)
	var logs bytes.Buffer
	o := Options{Dir: dir, disk: d, RetryEvery: time.Hour, Logger: slog.New(slog.NewTextHandler(&logs, nil))}
	b := mustOpen(t, o)
	for i := range 5 {
		mustPropose(t, b, monitorOp(i))
	}
	failed := 0
	d.on(func(op, name string) error {
		if op == "sync" && strings.HasPrefix(name, firstLog) && failed == 0 {
			failed++
			return syscall.EIO
		}
		if op == "write" && strings.HasPrefix(name, firstLog) && failed > 0 {
			t.Error("the log was written to after its fsync had failed")
		}
		return nil
	})
	_, _, err := b.Propose(context.Background(), state.Mutation{Op: monitorOp(5)})
	if !errors.Is(err, cluster.ErrNotLogged) || !errors.Is(err, syscall.EIO) {
		t.Errorf("with a failing fsync: %v", err)
	}
	if h := b.Health(); h.Condition != cluster.Suspended || !strings.Contains(h.Reason, "look at the disk") || strings.Contains(h.Reason, "\n") {
		t.Errorf("health: %+v", h)
	}
	mustPropose(t, b, monitorOp(6))
	if b.Health() != (cluster.Health{}) {
		t.Errorf("health: %+v", b.Health())
	}
	if files := readFolder(t, dir); len(files) != 2 || files[snapshotName(5)] == "" || files[logName(5)] == "" {
		t.Errorf("the folder holds %d files", len(files))
	}
	for _, line := range []string{"reads go on, changes are refused", "begun anew behind a snapshot", "can be written again"} {
		if strings.Count(logs.String(), line) != 1 {
			t.Errorf("the log does not say once %q:\n%s", line, logs.String())
		}
	}
	b = reopen(t, b, Options{Dir: dir})
	if _, there := b.State().Master("m5"); there || b.State().Len() != 6 {
		t.Errorf("after a restart: %d masters, the refused one there: %t", b.State().Len(), there)
	}
}

// TestInDoubt: when not even the taking back works, the error is ErrUnknown, and
// no barrier passes until the doubt is gone.
func TestInDoubt(t *testing.T) {
	dir := t.TempDir()
	d := newScripted(dir)
	b := mustOpen(t, Options{Dir: dir, disk: d, RetryEvery: time.Hour})
	mustPropose(t, b, monitorOp(0))
	d.on(func(op, name string) error {
		if op == "write" {
			return nil
		}
		return syscall.EIO
	})
	_, _, err := b.Propose(context.Background(), state.Mutation{Op: monitorOp(1)})
	var unknown *cluster.UnknownError
	if !errors.As(err, &unknown) || !errors.Is(err, syscall.EIO) {
		t.Fatalf("a write that can be neither finished nor taken back: %v", err)
	}
	if _, _, err := b.Propose(context.Background(), state.Mutation{Op: monitorOp(2)}); !errors.Is(err, cluster.ErrNotLogged) {
		t.Errorf("the next one, of which nothing was written: %v", err)
	}
	if _, err := b.Barrier(context.Background()); !errors.Is(err, cluster.ErrNotLogged) || !strings.Contains(err.Error(), "may come back") {
		t.Errorf("barrier: %v", err)
	}
	// As if the process died here: the change may be found. In this folder it is.
	r, err := recoverFolder(folder(dir))
	if err != nil || r.state.Len() != 2 {
		t.Fatalf("the change in doubt is not on the disk, so this test shows nothing: %v", err)
	}
	d.on(func(string, string) error { return nil })
	if _, err := b.Barrier(context.Background()); err != nil {
		t.Fatalf("barrier on a sound disk: %v", err)
	}
	if r, err := recoverFolder(folder(dir)); err != nil || r.state.Len() != 1 {
		t.Errorf("after the barrier a restart would find %d masters: %v", r.state.Len(), err)
	}
	out, _, err := b.Propose(context.Background(), state.Mutation{ID: unknown.ID, Op: monitorOp(1)})
	if err != nil || out.Refused() {
		t.Errorf("repeated under its id: %+v, %v", out, err)
	}
}

// TestHealsWhenIdle: nobody proposes, the disk recovers, and the health says so.
func TestHealsWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMemDisk(nil)
		b, err := Open(Options{Dir: "/", disk: d, RetryEvery: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		d.setSpace(0)
		if _, _, err := b.Propose(context.Background(), state.Mutation{Op: monitorOp(1)}); !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		changed := b.HealthChanged()
		time.Sleep(90 * time.Second) // the bubble's clock
		synctest.Wait()
		if b.Health().Condition != cluster.Suspended {
			t.Error("ready on a full disk")
		}
		d.setSpace(probeSize / 2) // not worth the name
		time.Sleep(time.Minute)
		synctest.Wait()
		if b.Health().Condition != cluster.Suspended {
			t.Error("ready on a disk with a few bytes left")
		}
		d.setSpace(-1)
		time.Sleep(time.Minute)
		synctest.Wait()
		<-changed
		if b.Health().Condition != cluster.Ready {
			t.Errorf("still %+v", b.Health())
		}
		mustPropose(t, b, monitorOp(1))
	})
}

// TestRepairsAreThrottled: each attempt to begin anew writes the whole document,
// so a stream of proposals must not cause a stream of attempts.
func TestRepairsAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newScripted("")
		d.disk = newMemDisk(nil)
		b, err := Open(Options{Dir: "/", disk: d, RetryEvery: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		attempts := 0
		d.on(func(op, _ string) error {
			if op == "create" {
				attempts++
				time.Sleep(time.Second) // of the bubble: a slow disk
			}
			return syscall.EIO
		})
		start := time.Now()
		for time.Since(start) < 100*time.Second {
			if _, _, err := b.Propose(context.Background(), state.Mutation{Op: monitorOp(1)}); err == nil {
				t.Fatal("accepted")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if attempts < 15 || attempts > 21 {
			t.Errorf("%d attempts of one second each in 100 seconds, not a fifth of the time", attempts)
		}
		d.on(func(string, string) error { return nil })
	})
}

func TestLargeMutations(t *testing.T) {
	large := func(n int) state.Op {
		return state.OpUnknown{Kind: "large", Body: []byte(`"` + strings.Repeat("x", n) + `"`)}
	}
	b, g := gated(t)
	first := behind(t, b, g, 1, background)
	var wg sync.WaitGroup
	for range 10 { // together more than a record takes
		wg.Go(func() {
			if _, _, err := b.Propose(context.Background(), state.Mutation{Op: large(400_000)}); err != nil {
				t.Error(err)
			}
		})
	}
	until(t, "all wait", func() bool {
		b.queue.mu.Lock()
		defer b.queue.mu.Unlock()
		return len(b.queue.items) == 10
	})
	close(g.open)
	wg.Wait()
	if err := <-first[0]; err != nil {
		t.Error(err)
	}
	if n := g.count.Load(); n != 1+4 { // three to a record
		t.Errorf("%d fsyncs", n)
	}
	_, _, err := b.Propose(context.Background(), state.Mutation{Op: large(maxEntry)})
	if !errors.Is(err, cluster.ErrNotLogged) || !strings.Contains(err.Error(), fmt.Sprint(maxEntry)) {
		t.Errorf("a mutation of more than %d bytes: %v", maxEntry, err)
	}
	b = reopen(t, b, Options{Dir: b.dir})
	if b.State().Index != 11 {
		t.Errorf("after a restart the index is %d", b.State().Index)
	}
}

func TestApplyPanic(t *testing.T) {
	m := state.Mutation{ID: state.MutationID{Member: "m", Seq: 1}} // without an op, which Propose refuses
	_, _, err := apply(state.New(), 1, m)
	if p := (*panicError)(nil); !errors.As(err, &p) || p.stack == "" || strings.Contains(err.Error(), p.stack) {
		t.Errorf("apply: %v", err)
	}
}
