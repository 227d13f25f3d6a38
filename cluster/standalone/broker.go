// Package standalone is the broker of a node that works alone: the log is a
// file of its own folder, and every change is on the disk before it is
// acknowledged. It is the default, and needs nothing beside it.
//
// See DESIGN.md in this folder for the file format, the rules of recovery and
// what may never happen.
package standalone

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/feed"
	"redis-failover/cluster/state"
)

// Options of a broker. Only Dir is required.
type Options struct {
	// Dir is the folder for the broker's files; it is created if missing. One
	// process at a time can have it open.
	Dir string
	// ID is the identity to take at the first start, from the configuration's
	// myid; "" draws one. At later starts it must be "" or the same.
	ID state.MemberID
	// Logger is told what a person should know; nil for nothing.
	Logger *slog.Logger
	// SnapshotEvery is after how many changes, and SnapshotBytes after how many
	// bytes of log, the document is written out and the log before it deleted;
	// 0 for 10,000 and 8 MiB.
	SnapshotEvery int
	SnapshotBytes int64
	// Backlog is how many changes are kept for readers of Applied; who is
	// further behind gets a Reset. 0 for 4,096.
	Backlog int
	// RetryEvery is how often a suspended broker looks by itself whether the
	// disk takes writes again; 0 for 5 s.
	RetryEvery time.Duration

	disk disk // tests put a failing one here; nil for the operating system's
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SnapshotEvery <= 0 {
		o.SnapshotEvery = 10_000
	}
	if o.SnapshotBytes <= 0 {
		o.SnapshotBytes = 8 << 20
	}
	if o.Backlog <= 0 {
		o.Backlog = 4096
	}
	if o.RetryEvery <= 0 {
		o.RetryEvery = 5 * time.Second
	}
}

// seqGap is how far the mutation numbers of a new life begin above the last one
// that was logged. Numbers above that may have been given out in the life
// before: to proposals that were refused, or whose outcome nobody learned. None
// of them may ever name another mutation, or Apply would take the one for the
// other. A life that gives out a million numbers in a row without logging one
// is not to be feared.
const seqGap = 1 << 20

// Broker keeps the document in a folder of this node. It fulfils
// cluster.Broker.
type Broker struct {
	self  state.MemberID
	dir   string
	log   *slog.Logger
	state atomic.Pointer[state.State]

	queue  *queue
	feed   *feed.Feed
	health *health

	writer  *writer
	release func() error // the folder's lock
	done    chan struct{}
	closed  error // of Close; readable when done is closed
}

var _ cluster.Broker = (*Broker)(nil)

// Open starts a broker on a folder. It blocks while the folder is read.
//
// Errors: ErrInUse, *CorruptError, *NewerError, an ID that is not the folder's,
// or the file system's own. A folder that can be read and, because the disk is
// full or failing, not be written to is no error: the broker starts suspended,
// so that clients get answers.
func Open(o Options) (*Broker, error) {
	o.setDefaults()
	if o.ID != "" {
		if err := checkID(o.ID); err != nil {
			return nil, err
		}
	}
	if o.Dir == "" {
		return nil, errors.New("no data directory is given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("data directory %q: %w", o.Dir, err)
	}
	o.Dir = dir
	release := func() error { return nil }
	if o.disk == nil {
		if release, err = takeFolder(dir); err != nil {
			return nil, err
		}
		o.disk = folder(dir)
	}
	b, err := open(o)
	if err != nil {
		return nil, errors.Join(located(dir, err), release())
	}
	b.release = release
	go b.run()
	return b, nil
}

func takeFolder(dir string) (release func() error, err error) {
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("%s: %w", forPeople(dir, err), err)
	}
	release, err = folder(dir).lock()
	if err != nil && !errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%s: %w", forPeople(dir, err), err)
	}
	return release, err
}

// open reads the folder and makes it ready for writing.
func open(o Options) (*Broker, error) {
	found, err := recoverFolder(o.disk)
	if err != nil {
		return nil, err
	}
	s := &store{disk: o.disk, log: o.Logger}
	doc := state.New()
	if found == nil {
		s.id = o.ID
		if s.id == "" {
			s.id = newID()
		}
		if err := s.renew(doc); err != nil { // an identity must be durable before it is used
			return nil, fmt.Errorf("%s: %w", forPeople(o.Dir, err), err)
		}
		return newBroker(o, s, doc, nil), nil
	}
	if o.ID != "" && o.ID != found.id {
		return nil, fmt.Errorf("the data directory %s belongs to the member %s, the configuration's myid is %s: "+
			"take myid out of the configuration, or use another data directory", o.Dir, found.id, o.ID)
	}
	s.id, doc = found.id, found.state
	err = s.adopt(found)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		s.closeFile()
		return nil, fmt.Errorf("%s: %w", forPeople(o.Dir, err), err)
	}
	if err != nil {
		s.distrust = fmt.Errorf("writing the log anew failed: %w", err)
		s.unsettled = true // what was read may not be durable
	}
	return newBroker(o, s, doc, err), nil
}

func newBroker(o Options, s *store, doc *state.State, trouble error) *Broker {
	b := &Broker{
		self: s.id, dir: o.Dir, log: o.Logger,
		queue:  &queue{self: s.id, ready: make(chan struct{}, 1), seq: doc.LastSeq(s.id) + seqGap},
		feed:   feed.New(o.Backlog, doc),
		health: newHealth(),
		done:   make(chan struct{}),
	}
	b.writer = newWriter(o, s, doc)
	b.state.Store(doc)
	b.report(trouble)
	return b
}

// newID draws an identity.
func newID() state.MemberID {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return state.MemberID(hex.EncodeToString(b[:]))
}

// Self is the identity that was drawn, or given, when the folder was new.
func (b *Broker) Self() state.MemberID { return b.self }

// State is the document with all that was acknowledged.
func (b *Broker) State() *state.State { return b.state.Load() }

// Propose logs a mutation: see cluster.Broker. What is applied is the mutation
// as the codec reads it back, so that a restart reaches the same document; one
// that the codec cannot read back is refused with ErrNotLogged.
//
// With a disk that takes no writes the error is ErrNotLogged. It is ErrUnknown
// if ctx ends while the change is being written, or if the disk failed in such a
// way that the change may be found there at the next start.
func (b *Broker) Propose(ctx context.Context, m state.Mutation) (state.Outcome, state.Index, error) {
	own, err := throughCodec(m)
	if err != nil {
		return state.Outcome{}, 0, notLogged(err)
	}
	a := b.call(ctx, &request{mutation: own})
	return a.outcome, a.index, a.err
}

// throughCodec returns the mutation as it will be read from the log. It shares
// nothing with m.
func throughCodec(m state.Mutation) (state.Mutation, error) {
	if m.Op == nil {
		return state.Mutation{}, errors.New("the mutation has no operation")
	}
	text, err := state.EncodeMutation(m)
	if err != nil {
		return state.Mutation{}, err
	}
	if len(text) > maxEntry {
		return state.Mutation{}, fmt.Errorf("a mutation of %d bytes; %d is the most", len(text), maxEntry)
	}
	own, err := state.DecodeMutation(text)
	if err != nil {
		return state.Mutation{}, fmt.Errorf("the mutation cannot be read back: %w", err)
	}
	return own, nil
}

// Barrier waits until all calls of Propose that were begun before it have ended,
// and returns the index of the document. There is no other node that could know
// more. It fails with ErrNotLogged as long as a proposal that ended in ErrUnknown
// may still come back at the next start.
func (b *Broker) Barrier(ctx context.Context) (state.Index, error) {
	a := b.call(ctx, &request{barrier: true})
	return a.index, a.err
}

// call hands a request to the writer and waits.
func (b *Broker) call(ctx context.Context, r *request) answer {
	if err := ctx.Err(); err != nil {
		return answer{err: notLogged(err)}
	}
	r.done = make(chan answer, 1)
	if err := b.queue.put(r); err != nil {
		return answer{err: err}
	}
	select {
	case a := <-r.done:
		return a
	case <-ctx.Done():
	}
	if r.giveUp() {
		return answer{err: notLogged(ctx.Err())}
	}
	select {
	case a := <-r.done: // both were there
		return a
	default:
	}
	if r.barrier {
		return answer{err: notLogged(ctx.Err())}
	}
	return answer{err: &cluster.UnknownError{ID: r.mutation.ID, Cause: ctx.Err()}}
}

// Applied yields the changes after position from: see cluster.Broker. Changes
// made before Open are not at hand. Those that were published before Close are
// still handed out after it.
func (b *Broker) Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change] {
	return func(yield func(cluster.Change) bool) { b.feed.Follow(ctx, from, yield) }
}

// Health is Suspended while the disk takes no writes.
func (b *Broker) Health() cluster.Health { return b.health.get() }

// HealthChanged is closed at the next change of Health.
func (b *Broker) HealthChanged() <-chan struct{} { return b.health.wait() }

// report makes the health fit what became of the last write.
func (b *Broker) report(trouble error) {
	now := cluster.Health{}
	if trouble != nil {
		now = cluster.Health{
			Condition: cluster.Suspended,
			Reason:    fmt.Sprintf("%s; changes are refused until then (%s)", forPeople(b.dir, trouble), trouble),
		}
	}
	was := b.health.get()
	switch {
	case !b.health.set(now):
	case trouble != nil:
		b.log.Error("the data directory cannot be written; reads go on, changes are refused", "reason", now.Reason)
	case was.Condition == cluster.Suspended:
		b.log.Info("the data directory can be written again", "dir", b.dir)
	}
}

// Close lets the write in progress finish and gives the folder back. Calls that
// wait for their turn end with ErrClosed, and nothing of them was logged.
func (b *Broker) Close() error {
	b.queue.close()
	<-b.done
	return b.closed
}
