package standalone

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

const (
	// maxBatch bounds how many requests one fsync serves. It keeps the first
	// of them from waiting for the encoding of thousands.
	maxBatch = 1024
	// maxBatchBytes ends a record early, so that its length and a reader's
	// memory stay bounded.
	maxBatchBytes = 1 << 20
	// maxRecord bounds the payload of a record: what is below maxBatchBytes
	// may be joined by one more entry, and each has a length before it.
	maxRecord = maxBatchBytes + maxEntry + 4*maxBatch
)

// writer is the one goroutine that changes the document: it takes all requests
// that wait, writes them with one fsync, publishes the new document, answers.
type writer struct {
	store *store
	doc   *state.State // with all that is durable
	log   *slog.Logger

	snapshotEvery int
	snapshotBytes int64
	retryEvery    time.Duration
	// snapshots receives the end of the snapshot that is being written, which
	// spawn runs beside the writer. Tests that must repeat exactly replace it.
	snapshots chan snapshotDone
	spawn     func(func())
	// rollAfter delays the next snapshot after one that failed.
	rollAfter time.Time
	// renewAfter keeps failing repairs from taking up all the time.
	renewAfter time.Time
}

type snapshotDone struct {
	index state.Index
	size  int64
	err   error
}

func newWriter(o Options, s *store, doc *state.State) *writer {
	return &writer{
		store: s, doc: doc, log: o.Logger,
		snapshotEvery: o.SnapshotEvery, snapshotBytes: o.SnapshotBytes, retryEvery: o.RetryEvery,
		snapshots: make(chan snapshotDone, 1),
		spawn:     func(f func()) { go f() },
	}
}

// run is the writer's goroutine.
func (b *Broker) run() {
	w := b.writer
	retry := time.NewTicker(w.retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-b.queue.ready:
			batch := b.queue.takeAll(maxBatch)
			if len(batch) == 0 && b.queue.isClosed() {
				b.finish()
				return
			}
			b.serve(batch)
			w.rollIfDue()
		case done := <-w.snapshots:
			w.snapshotWritten(done)
		case <-retry.C:
			if b.Health().Condition != cluster.Ready {
				b.report(w.probe())
			}
		}
	}
}

// finish is the end of the writer's goroutine.
func (b *Broker) finish() {
	w := b.writer
	if w.store.beside != "" {
		w.snapshotWritten(<-w.snapshots)
	}
	w.store.closeFile() // all that was acknowledged is durable already
	b.closed = b.release()
	b.health.set(cluster.Health{Condition: cluster.Lost, Reason: "the broker was closed"})
	b.feed.Close()
	close(b.done)
}

// serve answers a batch of requests.
func (b *Broker) serve(batch []*request) {
	var barriers []*request
	for len(batch) > 0 {
		p := b.writer.prepare(batch)
		batch = batch[p.used:]
		barriers = append(barriers, p.barriers...)
		if len(p.pending) > 0 {
			b.commit(p)
		}
	}
	for _, r := range barriers {
		r.done <- b.barrier()
	}
}

// barrier settles what is unsettled, or fails.
func (b *Broker) barrier() answer {
	w := b.writer
	if !w.store.unsettled {
		return answer{index: w.doc.Index}
	}
	err := w.makeWritable()
	b.report(err)
	if err != nil {
		return answer{err: notLogged(fmt.Errorf("an earlier change may come back at the next start: %w", err))}
	}
	return answer{index: w.doc.Index}
}

// plan is what one record will do.
type plan struct {
	used     int // requests that are dealt with by this plan
	barriers []*request
	pending  []*request
	entries  [][]byte
	changes  []cluster.Change // of pending, in order
}

// prepare encodes and applies requests until a record is full. Apply is pure, so
// nothing has happened yet: the new documents are published when the record is
// durable, or forgotten.
func (w *writer) prepare(batch []*request) plan {
	var p plan
	doc, size := w.doc, 0
	for _, r := range batch {
		if size >= maxBatchBytes {
			break
		}
		p.used++
		if r.barrier {
			p.barriers = append(p.barriers, r)
			continue
		}
		entry, err := state.EncodeMutation(r.mutation)
		var next *state.State
		var out state.Outcome
		if err == nil {
			next, out, err = apply(doc, doc.Index+1, r.mutation)
		}
		if err != nil {
			w.logFault(err)
			r.done <- answer{err: notLogged(err)}
			continue
		}
		doc, size = next, size+len(entry)
		p.pending = append(p.pending, r)
		p.entries = append(p.entries, entry)
		p.changes = append(p.changes, cluster.Change{Index: doc.Index, State: doc, Mutation: r.mutation, Outcome: out})
	}
	return p
}

// logFault logs what only a fault of this program can cause.
func (w *writer) logFault(err error) {
	stack := ""
	if p := (*panicError)(nil); errors.As(err, &p) {
		stack = p.stack
	}
	w.log.Error("a mutation was not logged", "error", err, "stack", stack)
}

// commit makes a plan durable, then visible, then answers.
func (b *Broker) commit(p plan) {
	w := b.writer
	settled, err := true, w.makeWritable()
	if err == nil {
		settled, err = w.store.append(recordEntries, p.entries)
	}
	b.report(err)
	if err != nil {
		for _, r := range p.pending {
			r.done <- answer{err: refusal(r, settled, err)}
		}
		return
	}
	w.doc = p.changes[len(p.changes)-1].State
	b.state.Store(w.doc)
	b.feed.Publish(p.changes)
	for i, r := range p.pending {
		r.done <- answer{index: p.changes[i].Index, outcome: p.changes[i].Outcome}
	}
}

func refusal(r *request, settled bool, cause error) error {
	if settled {
		return notLogged(cause)
	}
	return &cluster.UnknownError{ID: r.mutation.ID, Cause: cause}
}

// makeWritable returns nil if the log may be written to; if it must not be
// trusted any more, it begins a new generation first.
func (w *writer) makeWritable() error {
	s := w.store
	if s.distrust == nil {
		return nil
	}
	start := time.Now()
	if start.Before(w.renewAfter) {
		return s.distrust
	}
	if err := s.renew(w.doc); err != nil {
		// Writing a large document again and again must leave time for other
		// things; failing at once, as on a full disk, costs nothing.
		w.renewAfter = time.Now().Add(4 * time.Since(start))
		return fmt.Errorf("%w (a new log is needed, because %w)", err, s.distrust)
	}
	w.log.Info("the log was begun anew behind a snapshot", "index", w.doc.Index)
	return nil
}

// probeSize is how much a probe writes: enough that a disk with a few free bytes
// in the last block does not count as healed.
const probeSize = 4096

// probe finds out whether the disk takes writes again, while nobody proposes.
func (w *writer) probe() error {
	if err := w.makeWritable(); err != nil {
		return err
	}
	blank := make([]byte, probeSize)
	for i := range blank {
		blank[i] = '.' // not zero: see scan.go
	}
	_, err := w.store.append(recordBlank, [][]byte{blank})
	return err
}

// rollIfDue starts a snapshot when the log has become long. The document is
// immutable, so it is encoded and written beside the work; only the new log and
// the seal of the old one are made here.
func (w *writer) rollIfDue() {
	s := w.store
	if !w.isLong() || s.beside != "" || s.distrust != nil || time.Now().Before(w.rollAfter) {
		return
	}
	if err := s.roll(); err != nil {
		w.postpone(err)
		return
	}
	doc, d, id := w.doc, s.disk, s.id
	s.beside = snapshotName(doc.Index)
	w.spawn(func() {
		size, err := writeBeside(d, id, doc)
		w.snapshots <- snapshotDone{doc.Index, size, err}
	})
}

// isLong reports whether the log should be replaced by a snapshot. A log much
// shorter than the snapshot would be is left alone, or a large document would
// be written over and over.
func (w *writer) isLong() bool {
	s := w.store
	long := s.entries >= w.snapshotEvery || s.end >= w.snapshotBytes
	return long && s.entries > 0 && s.end >= s.snapshotSize/2
}

// writeBeside writes a snapshot under its temporary name.
func writeBeside(d disk, id state.MemberID, doc *state.State) (size int64, err error) {
	content, err := encodeSnapshot(id, doc)
	if err != nil {
		return 0, err
	}
	f, err := writeUnnamed(d, snapshotName(doc.Index), content)
	if err != nil {
		return 0, err
	}
	return int64(len(content)), f.Close()
}

func (w *writer) snapshotWritten(done snapshotDone) {
	w.store.beside = ""
	if done.err == nil {
		done.err = w.store.adoptSnapshot(done.index, done.size)
	}
	if done.err != nil {
		w.postpone(done.err)
	}
}

// postpone puts the next snapshot off. Changes go on meanwhile, in a log that
// grows longer than planned.
func (w *writer) postpone(cause error) {
	w.rollAfter = time.Now().Add(w.retryEvery)
	w.log.Warn("no snapshot could be made; the log grows until one can", "retry", w.retryEvery, "error", cause)
}
