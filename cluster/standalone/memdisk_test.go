package standalone

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// memDisk is a disk in memory that can lose power and fail as real ones do. It
// keeps apart what a process sees (the page cache) and what is on the platter.
//
// It is harsher than the file systems that we know: each sector of a write that
// was not synced is kept or lost by itself, the length of a file by itself, and
// each change of the directory by itself. After a failed Sync the pages count as
// clean: they show in reads, and no later Sync writes them.
type memDisk struct {
	rng     *rand.Rand
	names   map[string]*inode // as processes see it
	durable map[string]*inode // as a power cut leaves it
	pending []dirChange
	life    int // files of an earlier life are dead

	// faults is the chance of each operation to fail; space, if not negative,
	// is how many more bytes can be written.
	faults float64
	space  int
	mu     sync.Mutex // guards space; nothing else is shared by the tests
}

type inode struct {
	data    []byte
	durable []byte
	pending []fileChange
}

// fileChange is one sector of a write, a length, or both.
type fileChange struct {
	off  int
	data []byte
	size int // the new length, or -1
	cut  bool
}

type dirChange struct {
	name string
	node *inode // nil deletes
	from string // set for a rename: this name goes at the same moment
}

func newMemDisk(rng *rand.Rand) *memDisk {
	return &memDisk{rng: rng, names: map[string]*inode{}, durable: map[string]*inode{}, space: -1}
}

var errInjected = errors.New("input/output error (injected)")

func (d *memDisk) fail() bool { return d.faults > 0 && d.rng.Float64() < d.faults }

func (d *memDisk) List() ([]string, error) {
	var names []string
	for name := range d.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (d *memDisk) ReadFile(name string) ([]byte, error) {
	n, ok := d.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(n.data), nil
}

func (d *memDisk) Create(name string) (file, error) {
	if d.fail() {
		return nil, errInjected
	}
	n := &inode{}
	d.change(dirChange{name: name, node: n})
	return &memFile{d: d, n: n, life: d.life}, nil
}

func (d *memDisk) Rename(from, to string) error {
	n, ok := d.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	failed := d.fail()
	if failed && d.rng.IntN(2) == 0 {
		return errInjected
	}
	d.change(dirChange{name: to, node: n, from: from})
	if failed {
		return errInjected // it happened all the same
	}
	return nil
}

func (d *memDisk) Remove(name string) error {
	if _, ok := d.names[name]; !ok {
		return fs.ErrNotExist
	}
	if d.fail() {
		return errInjected
	}
	d.change(dirChange{name: name})
	return nil
}

func (d *memDisk) SyncDir() error {
	if d.fail() {
		return errInjected
	}
	for _, c := range d.pending {
		c.apply(d.durable)
	}
	d.pending = nil
	return nil
}

func (d *memDisk) change(c dirChange) {
	c.apply(d.names)
	d.pending = append(d.pending, c)
}

func (c dirChange) apply(names map[string]*inode) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.node == nil {
		delete(names, c.name)
		return
	}
	names[c.name] = c.node
}

// kill ends the process: nothing is lost but its open files.
func (d *memDisk) kill() { d.life++ }

// powerCut leaves what was durable and a random part of the rest.
func (d *memDisk) powerCut() {
	d.life++
	keep := []float64{0, 0.5, 0.9, 1}[d.rng.IntN(4)]
	prefix := d.rng.IntN(2) == 0
	for _, c := range d.pending {
		if d.rng.Float64() < keep {
			c.apply(d.durable)
		} else if prefix {
			break
		}
	}
	d.pending = nil
	d.names = map[string]*inode{}
	for name, n := range d.durable {
		d.names[name] = n
		n.lose(d.rng, keep)
	}
}

// lose applies a random part of what was not synced.
func (n *inode) lose(rng *rand.Rand, keep float64) {
	for _, c := range n.pending {
		if rng.Float64() < keep {
			n.durable = c.apply(n.durable)
		}
	}
	n.pending = nil
	n.data = slices.Clone(n.durable)
}

func (c fileChange) apply(data []byte) []byte {
	if c.size >= 0 && (c.cut || c.size > len(data)) {
		return append(data[:min(c.size, len(data))], make([]byte, max(0, c.size-len(data)))...)
	}
	if grow := c.off + len(c.data) - len(data); grow > 0 {
		data = append(data, make([]byte, grow)...)
	}
	copy(data[c.off:], c.data)
	return data
}

type memFile struct {
	d    *memDisk
	n    *inode
	life int
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	if f.life != f.d.life {
		return 0, fs.ErrClosed
	}
	all := len(p)
	var err error
	if f.d.fail() {
		p, err = p[:f.d.rng.IntN(len(p)+1)], errInjected
	}
	if n := f.d.take(len(p)); n < len(p) {
		p, err = p[:n], syscall.ENOSPC
	}
	f.write(p, int(off))
	if err == nil {
		return all, nil
	}
	return len(p), err
}

// take returns how many of n bytes there is space for.
func (d *memDisk) take(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.space < 0 {
		return n
	}
	n = min(n, d.space)
	d.space -= n
	return n
}

func (d *memDisk) setSpace(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.space = n
}

// write notes the length first, then sector by sector.
func (f *memFile) write(p []byte, off int) {
	if len(p) == 0 {
		return
	}
	f.change(fileChange{size: off + len(p)})
	for len(p) > 0 {
		n := min(len(p), sectorSize-off%sectorSize)
		f.change(fileChange{off: off, data: slices.Clone(p[:n]), size: -1})
		p, off = p[n:], off+n
	}
}

func (f *memFile) change(c fileChange) {
	f.n.data = c.apply(f.n.data)
	f.n.pending = append(f.n.pending, c)
}

func (f *memFile) Sync() error {
	if f.life != f.d.life {
		return fs.ErrClosed
	}
	if f.d.fail() {
		data := slices.Clone(f.n.data)
		f.n.lose(f.d.rng, 0.5)
		f.n.data = data // clean pages that are not on the disk
		return errInjected
	}
	for _, c := range f.n.pending {
		f.n.durable = c.apply(f.n.durable)
	}
	f.n.pending = nil
	return nil
}

func (f *memFile) Truncate(size int64) error {
	if f.life != f.d.life {
		return fs.ErrClosed
	}
	if f.d.fail() {
		return errInjected
	}
	f.change(fileChange{size: int(size), cut: true})
	return nil
}

func (f *memFile) Close() error { return nil }

// TestMemDisk makes sure that the model loses things, or the tests on it prove
// nothing.
func TestMemDisk(t *testing.T) {
	outcomes := map[string]bool{}
	for seed := range uint64(200) {
		d := newMemDisk(rand.New(rand.NewPCG(seed, 1)))
		f, _ := d.Create("a")
		_, _ = f.WriteAt([]byte("good"), 0)
		_ = f.Sync()
		_ = d.SyncDir()
		_, _ = f.WriteAt([]byte("bad"), 4)
		_ = d.Rename("a", "b")
		d.powerCut()
		for name := range d.names {
			data, _ := d.ReadFile(name)
			outcomes[name+" "+string(data)] = true
		}
	}
	for _, want := range []string{"a good", "a goodbad", "a good\x00\x00\x00", "b good", "b goodbad", "b good\x00\x00\x00"} {
		if !outcomes[want] {
			t.Errorf("never seen after a power cut: %q", want)
		}
		delete(outcomes, want)
	}
	for got := range outcomes {
		t.Errorf("must not be after a power cut: %q", got)
	}

	d := newMemDisk(rand.New(rand.NewPCG(1, 1)))
	f, _ := d.Create("a")
	_ = d.SyncDir()
	lost := false
	for range 50 {
		_, _ = f.WriteAt([]byte("x"), 0)
		d.faults = 1
		_ = f.Sync()
		d.faults = 0
		if err := f.Sync(); err != nil { // says success, as Linux does
			t.Fatal(err)
		}
		lost = lost || string(d.durable["a"].durable) != "x"
		_ = f.Truncate(0)
		_ = f.Sync()
	}
	if !lost {
		t.Error("a failed Sync never lost a page")
	}
}
