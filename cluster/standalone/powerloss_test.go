package standalone

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// TestPowerLoss runs the broker through thousands of random lives on a disk that
// fails, fills up and loses power, and after each death checks what the contract
// promises: what was acknowledged is there, at its index; what was refused is
// not, ever; what is unknown is settled by a barrier.
//
// A failure prints its seed; SEED=n go test -run TestPowerLoss repeats it, and
// SEEDS=n sets how many are tried.
func TestPowerLoss(t *testing.T) {
	if text := os.Getenv("SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) { newLives(t, seed).run() })
		return
	}
	seeds := uint64(1000)
	if raceEnabled || testing.Short() { // one goroutine: there is nothing to race
		seeds = 300
	}
	if text := os.Getenv("SEEDS"); text != "" {
		var err error
		if seeds, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			l := newLives(t, seed)
			l.run()
			for what, n := range l.seen {
				seen[what] += n
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Log(seen)
	for _, what := range []string{
		"acknowledged", "refused", "unknown", "unknown came back", "unknown did not come back", "torn", "renewed",
		"snapshot", "barrier refused", "opened suspended", "open failed", "killed", "power cut", "closed",
	} {
		if seen[what] == 0 {
			t.Errorf("the rounds never met: %s", what)
		}
	}
}

// lives is one folder through several lives of a broker, with what must be true
// of it.
type lives struct {
	t    *testing.T
	seed uint64
	rng  *rand.Rand
	disk *memDisk
	b    *Broker
	seen map[string]int
	// later holds what the writer left to its second goroutine: it is run in
	// one piece, at a random later moment.
	later func()

	n       int
	id      state.MemberID
	acked   map[string]state.Index
	refused map[string]bool
	unknown map[string]bool
}

func newLives(t *testing.T, seed uint64) *lives {
	rng := rand.New(rand.NewPCG(seed, 7))
	return &lives{
		t: t, seed: seed, rng: rng, disk: newMemDisk(rng), seen: map[string]int{},
		acked: map[string]state.Index{}, refused: map[string]bool{}, unknown: map[string]bool{},
	}
}

func (l *lives) failf(format string, args ...any) {
	l.t.Helper()
	l.t.Fatalf("seed %d: %s\nrepeat with SEED=%d go test -run TestPowerLoss", l.seed, fmt.Sprintf(format, args...), l.seed)
}

func (l *lives) run() {
	if l.rng.IntN(4) == 0 {
		l.disk.faults = 0.2 // not even the first start is easy
	}
	for range 2 + l.rng.IntN(6) {
		l.open()
		for range l.rng.IntN(12) {
			l.act()
		}
		l.die()
	}
	l.disk.faults, l.disk.space = 0, -1
	l.open()
	l.settle()
	l.check()
	l.die()
}

// open opens the broker, again without faults if that fails.
func (l *lives) open() {
	options := Options{Dir: "/", SnapshotEvery: 5, Backlog: 16, RetryEvery: time.Nanosecond, disk: l.disk}
	options.setDefaults()
	b, err := open(options)
	if err != nil {
		l.seen["open failed"]++
		if !errors.Is(err, errInjected) {
			l.failf("open: %v", err)
		}
		l.disk.faults, l.disk.space = 0, -1
		if b, err = open(options); err != nil {
			l.failf("open on a sound disk: %v", err)
		}
	}
	b.release = func() error { return nil }
	b.writer.spawn = func(f func()) { l.later = f }
	l.b = b
	if b.Health().Condition != cluster.Ready {
		l.seen["opened suspended"]++
	}
	if l.id != "" && b.Self() != l.id {
		l.failf("the identity changed from %s to %s", l.id, b.Self())
	}
	l.id = b.Self()
	l.check()
}

func (l *lives) act() {
	time.Sleep(time.Microsecond) // the fake clock: retries are due
	switch l.rng.IntN(12) {
	case 0:
		l.disk.faults = []float64{0, 0.05, 0.3, 1}[l.rng.IntN(4)]
	case 1:
		l.disk.space = []int{-1, 0, 10, 300, 3000}[l.rng.IntN(5)]
	case 2:
		l.settle()
	case 3:
		l.b.report(l.b.writer.probe())
	case 4:
		l.finishSnapshot()
	default:
		l.propose(1 + l.rng.IntN(8))
	}
}

// propose hands the writer a batch, as its goroutine would find it.
func (l *lives) propose(n int) {
	names := make([]string, n)
	requests := make([]*request, n)
	for i := range requests {
		l.n++
		names[i] = fmt.Sprintf("m%d", l.n)
		op := state.OpMonitor{Name: names[i], Addr: state.Addr{Host: "h", Port: 1}, Quorum: 1, Settings: state.DefaultSettings()}
		requests[i] = &request{mutation: state.Mutation{Op: op}, done: make(chan answer, 1)}
		if err := l.b.queue.put(requests[i]); err != nil {
			l.failf("put: %v", err)
		}
	}
	generation := l.b.writer.store.salt
	l.b.serve(l.b.queue.takeAll(maxBatch))
	l.b.writer.rollIfDue()
	if l.b.writer.store.salt != generation {
		l.seen["renewed"]++
	}
	for i, r := range requests {
		l.note(names[i], <-r.done)
	}
}

func (l *lives) note(name string, a answer) {
	switch {
	case a.err == nil:
		l.seen["acknowledged"]++
		l.acked[name] = a.index
	case errors.Is(a.err, cluster.ErrUnknown):
		l.seen["unknown"]++
		l.unknown[name] = true
	case errors.Is(a.err, cluster.ErrNotLogged):
		l.seen["refused"]++
		l.refused[name] = true
	default:
		l.failf("proposal %s: %v is of no class", name, a.err)
	}
	if a.err != nil && l.b.Health().Condition != cluster.Suspended {
		l.failf("ready after %v", a.err)
	}
}

// settle passes a barrier, if it can: then nothing is unknown any more.
func (l *lives) settle() {
	answer := l.b.barrier()
	if answer.err != nil {
		l.seen["barrier refused"]++
		return
	}
	for name := range l.unknown {
		if m, ok := l.b.State().Master(name); ok {
			l.acked[name] = state.Index(m.Generation)
			l.seen["unknown came back"]++
		} else {
			l.refused[name] = true
			l.seen["unknown did not come back"]++
		}
	}
	clear(l.unknown)
}

// finishSnapshot lets the second goroutine do its work.
func (l *lives) finishSnapshot() {
	if l.later == nil {
		return
	}
	l.later()
	l.later = nil
	done := <-l.b.writer.snapshots
	if l.b.writer.snapshotWritten(done); done.err == nil {
		l.seen["snapshot"]++
	}
}

func (l *lives) die() {
	switch l.rng.IntN(3) {
	case 0:
		l.seen["closed"]++
		l.finishSnapshot()
		l.b.queue.close()
		l.b.finish()
		l.disk.kill()
	case 1:
		l.seen["killed"]++
		l.disk.kill()
	case 2:
		l.seen["power cut"]++
		l.disk.powerCut()
		l.countTorn()
	}
	l.later = nil
}

// countTorn looks whether the cut has left something to repair.
func (l *lives) countTorn() {
	if r, err := recoverFolder(l.disk); err == nil && r != nil && r.chain[len(r.chain)-1].torn != "" {
		l.seen["torn"]++
	}
}

// check compares the document with what is known of it.
func (l *lives) check() {
	l.t.Helper()
	s := l.b.State()
	present := 0
	for name, index := range l.acked {
		m, ok := s.Master(name)
		if !ok || state.Index(m.Generation) != index {
			l.failf("%s was acknowledged at index %d; present: %t\n%s", name, index, ok, l.files())
		}
		present++
	}
	for name := range l.refused {
		if _, ok := s.Master(name); ok {
			l.failf("%s was refused and is there\n%s", name, l.files())
		}
	}
	for name := range l.unknown {
		if _, ok := s.Master(name); ok {
			present++
		}
	}
	if s.Len() != present || s.Index != state.Index(present) {
		l.failf("%d masters at index %d, %d are accounted for", s.Len(), s.Index, present)
	}
}

func (l *lives) files() string {
	names, _ := l.disk.List()
	text := ""
	for _, name := range names {
		text += fmt.Sprintf("  %s (%d bytes)\n", name, len(l.disk.names[name].data))
	}
	return text
}

// TestEveryFault fails each single disk operation of a fixed sequence in turn,
// for good or once, and then takes the power.
func TestEveryFault(t *testing.T) {
	for _, forGood := range []bool{false, true} {
		for k := 1; ; k++ {
			reached := true
			synctest.Test(t, func(t *testing.T) {
				l := newLives(t, uint64(k))
				count := &countingDisk{memDisk: l.disk, failAt: k, forGood: forGood}
				reached = l.fixedSequence(count)
			})
			if t.Failed() {
				t.Fatalf("operation %d failing, for good: %t", k, forGood)
			}
			if !reached {
				break
			}
		}
	}
}

// countingDisk fails the operation number failAt, counted over all that change
// something.
type countingDisk struct {
	*memDisk
	count, failAt int
	forGood       bool
}

func (d *countingDisk) step() {
	d.count++
	d.faults = 0
	if d.count == d.failAt || d.forGood && d.count > d.failAt {
		d.faults = 1
	}
}

func (d *countingDisk) Create(name string) (file, error) {
	d.step()
	f, err := d.memDisk.Create(name)
	return &countingFile{f, d}, err
}
func (d *countingDisk) Rename(from, to string) error { d.step(); return d.memDisk.Rename(from, to) }
func (d *countingDisk) Remove(name string) error     { d.step(); return d.memDisk.Remove(name) }
func (d *countingDisk) SyncDir() error               { d.step(); return d.memDisk.SyncDir() }

type countingFile struct {
	file
	d *countingDisk
}

func (f *countingFile) WriteAt(p []byte, off int64) (int, error) {
	f.d.step()
	return f.file.WriteAt(p, off)
}
func (f *countingFile) Sync() error               { f.d.step(); return f.file.Sync() }
func (f *countingFile) Truncate(size int64) error { f.d.step(); return f.file.Truncate(size) }

// fixedSequence opens, works, opens again, works, loses power. It reports
// whether the failing operation was among what it did.
func (l *lives) fixedSequence(d *countingDisk) (reached bool) {
	options := Options{Dir: "/", SnapshotEvery: 4, RetryEvery: time.Nanosecond, disk: d}
	options.setDefaults()
	for range 3 {
		b, err := open(options)
		if err != nil {
			if !errors.Is(err, errInjected) {
				l.failf("open: %v", err)
			}
			continue
		}
		b.release = func() error { return nil }
		b.writer.spawn = func(f func()) { l.later = f }
		l.b = b
		l.check()
		for i := range 7 {
			time.Sleep(time.Microsecond)
			l.propose(1 + i%3)
			if i%2 == 1 {
				l.finishSnapshot()
			}
		}
		l.finishSnapshot()
		l.disk.kill()
	}
	reached = d.count >= d.failAt
	l.disk.powerCut()
	d.failAt = -1
	d.forGood = false
	l.disk.faults = 0
	l.open()
	l.settle()
	l.check()
	l.propose(1)
	l.check()
	return reached
}

// TestOpenNeedsTheFile: a disk that cannot be read at all is an error that says
// so, not an empty document.
func TestOpenNeedsTheFile(t *testing.T) {
	d := newMemDisk(rand.New(rand.NewPCG(1, 1)))
	b, err := Open(Options{Dir: "/", disk: d})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Propose(context.Background(), state.Mutation{Op: state.OpRemove{Name: "x"}}); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	for name := range d.names {
		_, err := Open(Options{Dir: "/", disk: unreadable1{d, name}})
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("with an unreadable %s: %v", name, err)
		}
	}
}

type unreadable1 struct {
	*memDisk
	name string
}

func (d unreadable1) ReadFile(name string) ([]byte, error) {
	if name == d.name {
		return nil, fs.ErrPermission
	}
	return d.memDisk.ReadFile(name)
}

// TestSnapshotBesideFailedRenewal is what a seed found: an attempt at a new
// generation gets as far as the name of its snapshot, then an older snapshot that
// was being written all the while is finished, and its cleaning up must not take
// away the empty log that belongs to the first.
func TestSnapshotBesideFailedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLives(t, 1)
		d := &scriptedDisk{disk: l.disk}
		o := Options{Dir: "/", SnapshotEvery: 5, RetryEvery: time.Nanosecond, disk: d}
		o.setDefaults()
		b, err := open(o)
		if err != nil {
			t.Fatal(err)
		}
		b.writer.spawn = func(f func()) { l.later = f }
		l.b = b
		l.propose(6) // begins a snapshot of 6
		l.propose(2)
		synced := 0
		d.on(func(op, name string) error {
			if op == "syncdir" {
				synced++
			}
			if op == "sync" && strings.HasPrefix(name, logName(6)) || op == "syncdir" && synced == 2 {
				return errInjected
			}
			return nil
		})
		l.propose(1) // the fsync fails
		l.propose(1) // the new log is there, the new snapshot has its name, and no more
		d.on(func(string, string) error { return nil })
		if synced != 2 || l.disk.names[snapshotName(8)] == nil || l.disk.names[logName(8)] == nil || l.later == nil {
			t.Fatalf("this is not the case to be tested: %d\n%s", synced, l.files())
		}
		l.finishSnapshot()
		l.disk.kill()
		l.open()
	})
}
