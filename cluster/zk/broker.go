// Package zk is the broker of nodes that share an existing ZooKeeper: the log is
// made of its sequence nodes, and all that a node keeps itself is its identity.
//
// The client is github.com/go-zookeeper/zk. Nothing of it shows in the API. See
// DESIGN.md in this folder for how the log works and what may never happen, and
// docs/ZOOKEEPER.md for what other programs find in ZooKeeper.
package zk

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/datadir"
	"redis-failover/cluster/local"
	"redis-failover/cluster/state"
)

// Broker is one node of those that share a document in ZooKeeper. It fulfils
// cluster.Broker and cluster.Membership.
type Broker struct {
	options Options
	self    state.MemberID
	log     *slog.Logger
	// life is drawn at each start.
	life    string
	link    *link
	doc     *local.Document
	numbers *local.Numbers
	outbox  *outbox
	reader  *reader
	reads   *local.Rounds
	health  *health
	judging sync.Mutex
	// stint is the present one, once it has read the log to its end; nil while
	// there is none.
	stint atomic.Pointer[stint]
	// peers are the members as last seen in ZooKeeper.
	peers atomic.Pointer[[]cluster.Peer]
	// loaded is closed when the document was read for the first time.
	loaded     chan struct{}
	loadedOnce sync.Once

	// The present stint and no other goroutine uses what follows.

	// fenced: this process has raised its fence before.
	fenced bool
	// document is the id of the document at the path, "" before the first look.
	document string
	// card is what the node of this member among the living says.
	card card

	ctx     context.Context // ends when Close begins
	cancel  context.CancelFunc
	mu      sync.Mutex // guards wg against a late Add
	wg      sync.WaitGroup
	release func() error
	once    sync.Once
	closed  error
}

var _ cluster.Broker = (*Broker)(nil)

// Open starts a node. It waits for a moment until the document was read; when
// ZooKeeper cannot be reached it returns all the same, and Health says so.
//
// Errors: ErrInUse, ErrTooOld, ErrForeign, options that make no sense or are not
// the folder's, or those of the file system.
func Open(o Options) (*Broker, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	if err := datadir.Make(dir); err != nil {
		return nil, err
	}
	release, err := datadir.Lock(dir)
	if err != nil {
		return nil, err
	}
	self, first, err := takeIdentity(dir, o.ID, time.Now())
	if err != nil {
		return nil, errors.Join(err, release())
	}
	b := &Broker{
		options: o, self: self, log: o.Logger, life: randomHex(16),
		doc: local.NewDocument(o.Backlog, o.Logger), numbers: local.NewNumbers(first),
		outbox: newOutbox(), reader: newReader(), health: newHealth(),
		loaded: make(chan struct{}), release: release,
	}
	b.peers.Store(&[]cluster.Peer{{ID: self, Self: true, Reachable: true}})
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.reads = local.NewRounds(b.work, b.read, errClosed)
	b.link = newLink(b.ctx, &b.options)
	b.work(b.supervise)
	b.work(b.watchHealth)
	if err := b.awaitFirst(); err != nil {
		return nil, err
	}
	return b, nil
}

// awaitFirst waits until the document was read or it is clear that this takes
// its time. It closes the broker when it can never be.
func (b *Broker) awaitFirst() error {
	timer := time.NewTimer(b.options.SessionTimeout)
	defer timer.Stop()
	for {
		changed := b.HealthChanged()
		health := b.Health()
		switch {
		case health.Condition == cluster.Lost:
			b.health.mu.Lock()
			err := b.health.trouble
			b.health.mu.Unlock()
			return errors.Join(err, b.Close())
		case health.Condition == cluster.Suspended && b.hopeless():
			return nil
		}
		select {
		case <-b.loaded:
			return nil
		case <-timer.C:
			return nil
		case <-changed:
		}
	}
}

// hopeless reports whether something is wrong that takes its time to change.
func (b *Broker) hopeless() bool {
	b.health.mu.Lock()
	defer b.health.mu.Unlock()
	return b.link.unreachable() != nil || b.health.trouble != nil && refusedByServer(b.health.trouble)
}

// supervise works as long as the broker is open: one stint after the other.
func (b *Broker) supervise() {
	for b.ctx.Err() == nil {
		line, err := b.link.connect()
		if err == nil {
			err = b.spend(line)
		}
		if b.ctx.Err() != nil {
			return
		}
		b.troubled(err)
		b.judge()
		if fatal(err) {
			return
		}
		b.log.Debug("the work with ZooKeeper begins anew", "error", err)
		if line != nil && line.ctx.Err() != nil {
			continue
		}
		select { // the connection is good, so what was wrong may stay so for a while
		case <-time.After(b.options.SessionTimeout / 20):
		case <-b.ctx.Done():
		}
	}
}

var errDisconnected = errors.New("the connection to ZooKeeper was lost")

// spend spends one stint, until the connection is lost.
func (b *Broker) spend(on *line) error {
	ctx, cancel := context.WithCancelCause(b.ctx)
	defer cancel(nil)
	stop := context.AfterFunc(on.ctx, func() { cancel(errDisconnected) })
	defer stop()
	s := &stint{
		b: b, ctx: ctx, line: on, conn: on.conn, at: layout{b.options.Path},
		own: map[place][]byte{}, kick: make(chan struct{}, 1), flights: map[chan struct{}]bool{}, complained: map[string]time.Time{},
	}
	s.head.Store(&headNode{})
	defer b.stint.Store(nil)
	return s.run()
}

// work runs f on a goroutine that Close waits for. It reports whether it does:
// not when the broker is closing.
func (b *Broker) work(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		return false
	}
	b.wg.Go(f)
	return true
}

// Self is the identity that was drawn, or given, when the folder was new.
func (b *Broker) Self() state.MemberID { return b.self }

// State is the document as this node knows it: empty until ZooKeeper was reached
// for the first time.
func (b *Broker) State() *state.State { return b.doc.State() }

// Applied yields the changes after position from: see cluster.Broker. What was
// in the snapshot that this node began with is not at hand. Changes that were
// published before Close are still handed out after it.
func (b *Broker) Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change] {
	return func(yield func(cluster.Change) bool) { b.doc.Follow(ctx, from, yield) }
}

// Close ends the session with ZooKeeper and stops. Calls in progress end with
// ErrClosed.
func (b *Broker) Close() error {
	b.once.Do(func() {
		b.mu.Lock()
		b.cancel()
		b.mu.Unlock()
		b.wg.Wait()
		b.link.close()
		b.closed = b.release()
		b.health.mu.Lock()
		b.health.now = cluster.Health{Condition: cluster.Lost, Reason: "the broker was closed"}
		close(b.health.changed)
		b.health.changed = make(chan struct{})
		b.health.mu.Unlock()
		b.doc.Close()
	})
	return b.closed
}
