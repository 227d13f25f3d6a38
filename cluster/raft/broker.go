// Package raft is the broker of several nodes that hold the document together:
// each has an embedded raft replica, and a majority of them decides. It needs
// nothing beside it.
//
// The engine is github.com/lni/dragonboat/v4. Nothing of it shows in the API.
// See DESIGN.md in this folder for how members find and know each other, for the
// rules of founding, joining and coming back, and for what may never happen.
package raft

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/datadir"
	"redis-failover/cluster/local"
	"redis-failover/cluster/state"
)

// Broker is one member of a raft group. It fulfils cluster.Broker and
// cluster.Membership.
type Broker struct {
	options Options
	self    state.MemberID
	log     *slog.Logger
	keeper  *keeper
	mesh    *mesh
	ledger  *ledger
	numbers *local.Numbers
	events  *events
	reads   *local.Rounds
	health  *health

	// host is the engine, nil while it is not open. Only the supervisor changes
	// it.
	host atomic.Pointer[host]
	// members is raft's list as last seen.
	members atomic.Pointer[membership]
	// removedAsOf is the list of members for which it is known who was removed.
	// Only the confirmation of the leader uses it, of which there is one at a
	// time.
	removedAsOf uint64
	// stopped is why this member must not go on, "" while it may; low is why it
	// has left off for now.
	stopped, low atomic.Pointer[string]
	// slowNoted is when a slow disk was last warned of, in Unix nanoseconds.
	slowNoted atomic.Int64
	// orders are for the supervisor.
	orders chan order
	// adopted is closed when a joiner has learned that it was added.
	adopted     chan struct{}
	adoptedOnce sync.Once
	// moved: the engine's last snapshot says that it is where the folder was
	// before; moving: another is being made.
	moved, moving atomic.Bool
	// changing lets one change of the members go on at a time.
	changing chan struct{}

	ctx     context.Context // ends when Close begins
	cancel  context.CancelFunc
	mu      sync.Mutex // guards wg against a late Add
	wg      sync.WaitGroup
	release []func() error // what Close gives back, last first
	once    sync.Once
	closed  error
}

var _ cluster.Membership = (*Broker)(nil)

// Open starts a member. It returns when the document is as of this node's own
// folder; whether the others can be reached, Health says. A node that is to join
// returns at once and waits to be added.
//
// Errors: ErrInUse, ErrWiped, ErrRemoved, options that make no sense or are not
// the folder's, or those of the file system and the network.
func Open(o Options) (*Broker, error) {
	o.setDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	b := &Broker{
		options: o, log: o.Logger, events: newEvents(), health: newHealth(),
		orders: make(chan order), adopted: make(chan struct{}), changing: make(chan struct{}, 1),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.reads = local.NewRounds(b.work, b.read, errClosed)
	if err := b.open(); err != nil {
		b.endWork()
		return nil, errors.Join(err, b.giveBack())
	}
	return b, nil
}

// giveBack undoes what open did.
func (b *Broker) giveBack() error {
	var err error
	for i := len(b.release) - 1; i >= 0; i-- {
		err = errors.Join(err, b.release[i]())
	}
	b.release = nil
	return err
}

func (b *Broker) open() error {
	first, err := b.openFolder()
	if err != nil {
		return err
	}
	b.ledger = &ledger{Document: local.NewDocument(b.options.Backlog, b.log), log: b.log}
	b.numbers = local.NewNumbers(first)
	detach := logs().attach(&engineUser{log: b.log, fail: b.events.fail})
	b.release = append(b.release, func() error { detach(); return nil })
	if err := b.openMesh(); err != nil {
		return err
	}
	b.release = append(b.release, func() error { b.stopHost(); return nil }) // whenever it was opened
	if err := b.openEngine(); err != nil {
		return err
	}
	b.judge()
	b.work(b.supervise)
	return nil
}

// openFolder takes the folder and this node's identity in it.
func (b *Broker) openFolder() (first uint64, err error) {
	o := &b.options
	if err := datadir.Make(o.Dir); err != nil {
		return 0, err
	}
	release, err := datadir.Lock(o.Dir)
	if err != nil {
		return 0, err
	}
	b.release = append(b.release, func() error {
		if isClosed(b.events.failed) {
			return nil // the engine still has its files open
		}
		return release()
	})
	id, found, err := loadIdentity(o.Dir, o.LogDir)
	if err == nil && !found {
		id, err = newIdentity(o)
	}
	if err != nil {
		return 0, err
	}
	if err := fits(id, o); err != nil {
		return 0, err
	}
	b.moved.Store(found && id.Dir != o.Dir)
	b.keeper = &keeper{dir: o.Dir, id: id}
	b.self = id.Member
	if first, err = b.keeper.begin(o, time.Now()); err != nil {
		return 0, fmt.Errorf("the data directory %s cannot be written: %w", o.Dir, err)
	}
	b.setMembers(membership{nodes: id.Founders})
	return first, nil
}

// fits holds the folder's identity against the options.
func fits(id identity, o *Options) error {
	switch {
	case id.Removed:
		return fmt.Errorf("%w: the data directory %s is that of a former member. %s", ErrRemoved, o.Dir, removedAdvice)
	case o.ID != "" && o.ID != id.Member:
		return fmt.Errorf("the data directory %s belongs to the member %s, the configuration's id is %s: "+
			"take the id out of the configuration, or use another data directory", o.Dir, id.Member, o.ID)
	case id.Begun && !hasEngine(o.Dir), id.Begun && o.LogDir != "" && o.LogDir == id.LogDir && !hasEngine(o.LogDir):
		return fmt.Errorf("%w: the raft log of this member was in %s and is gone; %s", ErrWiped, orDir(id.LogDir, o.Dir), wipedAdvice)
	case o.LogDir != id.LogDir && (o.LogDir == "" || id.LogDir == "" || !hasEngine(o.LogDir)):
		return fmt.Errorf("the raft log of this member is in %s, the configuration says %s, where it is not: "+
			"without its log a member forgets what it promised. Correct the configuration, or move what is in the one folder to the other",
			orDir(id.LogDir, o.Dir), orDir(o.LogDir, o.Dir))
	}
	return nil
}

func orDir(logDir, dir string) string {
	if logDir == "" {
		return dir
	}
	return logDir
}

// openMesh begins to talk to the others.
func (b *Broker) openMesh() error {
	o, id := &b.options, b.keeper.get()
	election := b.meshTiming().Election()
	m := &mesh{
		log: b.log, network: o.network, tls: o.TLS, secret: o.Secret,
		status: b.status, heard: b.hear, inForce: func() int { return b.State().Schema },
		pace: max(election/2, 10*time.Millisecond), patience: max(3*election/2, leastPatience),
	}
	m.book = newBook(id.Node, id.Book, func(entries []entry) error {
		return b.keeper.update(func(id *identity) { id.Book = entries })
	})
	for _, a := range o.Founders {
		if a != o.Addr {
			m.seeds = append(m.seeds, a)
		}
	}
	if err := m.open(o.Listen); err != nil {
		return err
	}
	b.mesh = m
	b.release = append(b.release, func() error { m.close(); return nil })
	if !o.TLS.enabled() && o.Secret == "" && len(m.seeds) > 0 {
		b.log.Warn("there is neither TLS nor a shared secret between members: whoever reaches the raft port can take part", "addr", o.Addr)
	}
	m.setPeers(b.others())
	m.start()
	return nil
}

// openEngine opens the engine, unless this node has yet to be added.
func (b *Broker) openEngine() error {
	id := b.keeper.get()
	if id.Replica == 0 {
		b.log.Info("waiting to be added to the group: add this node on one of the members", "addr", id.Addr, "members", strings.Join(b.mesh.seeds, ","))
		return nil
	}
	if err := b.askWhetherWiped(id); err != nil {
		return err
	}
	if b.look(); b.low.Load() != nil {
		return nil // the supervisor opens it when there is space
	}
	return b.startHost()
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

// endWork waits for what work has begun, and from then on it begins nothing.
func (b *Broker) endWork() {
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	b.wg.Wait()
}

// timing is that of the engine as it is open, or will be opened.
func (b *Broker) timing() Timing {
	if h := b.host.Load(); h != nil {
		return h.timing
	}
	return b.nextTiming()
}

// nextTiming is that with which the engine is opened next.
func (b *Broker) nextTiming() Timing {
	if b.keeper.get().Solo {
		return soloTiming
	}
	return b.options.Timing
}

// meshTiming is for the talk between members, of whom there may be more soon.
func (b *Broker) meshTiming() Timing { return b.options.Timing }

// Self is the identity that was drawn, or given, when the folder was new.
func (b *Broker) Self() state.MemberID { return b.self }

// State is the document as this node knows it.
func (b *Broker) State() *state.State { return b.ledger.State() }

// Applied yields the changes after position from: see cluster.Broker. What was
// in the snapshot that this node began with is not at hand. Changes that were
// published before Close are still handed out after it.
func (b *Broker) Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change] {
	return func(yield func(cluster.Change) bool) { b.ledger.Follow(ctx, from, yield) }
}

// Health is Ready while there is a leader and a majority has confirmed it of
// late, Suspended with the names of the missing members otherwise, and Lost for
// a member that was removed or has lost its folder.
func (b *Broker) Health() cluster.Health { return b.health.get() }

// HealthChanged is closed at the next change of Health.
func (b *Broker) HealthChanged() <-chan struct{} { return b.health.wait() }

// Close hands leadership over, if this node has it, and stops. Calls in progress
// end with ErrClosed.
func (b *Broker) Close() error {
	b.once.Do(func() {
		b.endWork()
		b.closed = b.giveBack()
		b.health.set(cluster.Health{Condition: cluster.Lost, Reason: "the broker was closed"})
		b.ledger.Close()
	})
	return b.closed
}
