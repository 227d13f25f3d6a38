package raft

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"redis-failover/cluster/state"
)

// The supervisor is the one goroutine that opens and closes the engine after
// Open: when a joiner has been added, when space runs out and when there is
// some again, when a member that was alone gets company, and when this member
// is removed. It also judges the health.

// order asks the supervisor to do something between two looks.
type order struct {
	do   func() error
	done chan error // has room for one
}

// do has the supervisor carry f out.
func (b *Broker) do(ctx context.Context, f func() error) error {
	o := order{do: f, done: make(chan error, 1)}
	select {
	case b.orders <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return errClosed
	}
	return <-o.done
}

func (b *Broker) supervise() {
	disk := time.NewTicker(b.options.watch)
	defer disk.Stop()
	pulse := time.NewTicker(max(b.timing().Election()/4, 10*time.Millisecond))
	defer pulse.Stop()
	adopted := b.adopted
	var led lead
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-disk.C:
			b.mindTheDisk()
		case <-adopted:
			adopted = nil
			b.reopen("this node has been added to the group")
		case o := <-b.orders:
			o.done <- o.do()
		case <-b.events.bell:
		case <-pulse.C:
		}
		b.mindTheEngine()
		b.mindTheMembers()
		b.mindTheMove()
		led = b.mindTheLeader(led)
		b.judge()
		b.confirm()
	}
}

// startHost opens the engine. Only open and the supervisor call it.
func (b *Broker) startHost() error {
	id := b.keeper.get()
	o := hostOptions{
		identity: id, dir: pathIn(b.options.Dir, engineFolder),
		timing: b.nextTiming(), snapshotEvery: b.options.SnapshotEvery, behind: b.options.behind,
		mesh: b.mesh, ledger: b.ledger, events: b.events, files: b.options.files, slow: b.noteSlow,
	}
	if id.LogDir != "" {
		o.logDir = pathIn(id.LogDir, engineFolder)
	}
	h, err := openHost(o)
	if errors.Is(err, ErrRemoved) {
		b.setRemoved()
	}
	if err != nil {
		return err
	}
	b.host.Store(h)
	if !id.Begun {
		if err := b.keeper.update(func(id *identity) { id.Begun = true }); err != nil {
			b.log.Warn("that this member takes part in the group could not be noted", "error", err)
		}
	}
	b.mindTheMembers()
	return nil
}

// stopHost closes the engine, handing leadership over.
func (b *Broker) stopHost() {
	h := b.host.Swap(nil)
	if h == nil {
		return
	}
	h.close(b.heirs())
}

// heirs are the other replicas that could lead, those that serve first.
func (b *Broker) heirs() []uint64 {
	var serving, reachable []uint64
	peers := b.mesh.peers()
	for replica, node := range b.members.Load().nodes {
		switch p := peers[node]; {
		case p.Serving:
			serving = append(serving, replica)
		case p.Reachable:
			reachable = append(reachable, replica)
		}
	}
	return append(serving, reachable...)
}

// reopen opens the engine if it is closed and may be open.
func (b *Broker) reopen(why string) {
	if b.host.Load() != nil || b.low.Load() != nil || b.stopped.Load() != nil || b.keeper.get().Replica == 0 {
		return
	}
	if err := b.startHost(); err != nil {
		b.stop(fmt.Sprintf("the raft engine could not be opened: %s", err))
		return
	}
	b.log.Info("the raft engine is open", "because", why)
}

// stop ends this member's part in the group until the process is restarted.
func (b *Broker) stop(why string) {
	b.stopped.CompareAndSwap(nil, &why)
	b.stopHost()
}

// mindTheEngine gives up when the engine has.
func (b *Broker) mindTheEngine() {
	if why := b.events.failure.Load(); why != nil && b.stopped.Load() == nil {
		b.stop((*why).Error())
	}
}

// noteSlow warns of a disk that takes so long to sync that the others elect a
// new leader, once a minute at most. The engine calls it.
func (b *Broker) noteSlow(took time.Duration) {
	if took < b.options.Timing.Election()/2 {
		return
	}
	now, last := time.Now().UnixNano(), b.slowNoted.Load()
	if now-last > int64(time.Minute) && b.slowNoted.CompareAndSwap(last, now) {
		b.log.Warn("the disk of the raft log was slow: give it a disk of its own, or raise the election timeout",
			"sync", took.Round(time.Millisecond), "election_timeout", b.options.Timing.Election())
	}
}

// setRemoved keeps in mind that the group has removed this member.
func (b *Broker) setRemoved() {
	if err := b.keeper.update(func(id *identity) { id.Removed = true }); err != nil {
		b.log.Warn("that this member was removed could not be noted", "error", err)
	}
	b.stop(fmt.Sprintf("%s. %s", ErrRemoved, removedAdvice))
}

// mindTheDisk leaves off before the disk is full, which would stop the process
// in the middle of something, and begins again when there is space.
func (b *Broker) mindTheDisk() {
	was := b.low.Load()
	b.look()
	now := b.low.Load()
	switch {
	case was == nil && now != nil:
		b.stopHost()
	case was != nil && now == nil:
		b.reopen("there is space on the disk again")
	}
}

// look sets low from the space that is left.
func (b *Broker) look() {
	limit := b.options.MinFree
	if b.low.Load() != nil {
		limit += limit / 2 // come back when it is worth it
	}
	for _, dir := range []string{b.options.Dir, b.options.LogDir} {
		if dir == "" {
			continue
		}
		free, err := b.options.free(dir)
		if b.health.noteUnseen(dir, err != nil) && err != nil {
			b.log.Warn("the free space of the data directory is not known", "dir", dir, "error", err)
		}
		if err != nil {
			continue
		}
		if free < limit {
			why := fmt.Sprintf("the disk of %s has %d MiB left, and this member leaves off below %d MiB, because the engine does not survive a full disk: free some space",
				dir, free>>20, limit>>20)
			b.low.CompareAndSwap(nil, &why)
			return
		}
		b.warnOfSpace(dir, free)
	}
	b.low.Store(nil)
}

// warnOfSpace says once that space gets scarce.
func (b *Broker) warnOfSpace(dir string, free uint64) {
	scarce := free < 4*b.options.MinFree
	if b.health.noteScarce(dir, scarce) && scarce {
		b.log.Warn("the disk of the data directory gets full", "dir", dir, "free_mib", free>>20, "leaves_off_below_mib", b.options.MinFree>>20)
	}
}

// mindTheMembers follows raft's list of members.
func (b *Broker) mindTheMembers() {
	if b.events.deleted.Load() && b.stopped.Load() == nil {
		b.setRemoved()
	}
	if b.events.membershipChanged.Swap(false) || b.members.Load().changed == 0 {
		b.readMembers()
	}
}

// readMembers takes over raft's list of members as it is.
func (b *Broker) readMembers() {
	h := b.host.Load()
	if h == nil {
		return
	}
	m, ok := h.membership()
	if !ok || m.changed == b.members.Load().changed {
		return
	}
	b.setMembers(m)
	b.mesh.setPeers(b.others())
	b.mesh.kick()
	if solo := len(m.nodes) == 1; solo != b.keeper.get().Solo {
		if err := b.keeper.update(func(id *identity) { id.Solo = solo }); err != nil {
			b.log.Warn("the number of members could not be noted", "error", err)
		}
	}
}

// mindTheLeader logs who leads when that is another than before.
func (b *Broker) mindTheLeader(was lead) lead {
	now := b.events.lead.now()
	if now.leader == was.leader && now.term == was.term {
		return was
	}
	for _, p := range b.Peers() {
		if p.Leader {
			b.log.Info("a member leads the group", "member", p.Addr, "self", p.Self, "term", now.term)
		}
	}
	return now
}

// mindTheMove makes a snapshot in the place that the folder was moved to: see
// engine_folder.go. The engine makes none while nothing has changed since its
// last one; then there will be another attempt.
func (b *Broker) mindTheMove() {
	h := b.host.Load()
	if !b.moved.Load() || h == nil || !b.health.served() || !b.moving.CompareAndSwap(false, true) {
		return
	}
	begun := b.work(func() {
		defer b.moving.Store(false)
		if h.snapshot() != nil {
			return
		}
		if err := b.keeper.update(func(id *identity) { id.Dir = b.options.Dir }); err == nil {
			b.moved.Store(false)
		}
	})
	if !begun { // closing
		b.moving.Store(false)
	}
}

func (b *Broker) setMembers(m membership) { b.members.Store(&m) }

// others are the nodes of all other members.
func (b *Broker) others() map[string]bool {
	nodes := map[string]bool{}
	for _, node := range b.members.Load().nodes {
		nodes[node] = true
	}
	delete(nodes, b.keeper.get().Node)
	return nodes
}

// status is what this node tells others.
func (b *Broker) status() status {
	id, m := b.keeper.get(), b.members.Load()
	return status{
		Card: card{
			Group: id.Group, Node: id.Node, Life: id.Life, Member: id.Member, Replica: id.Replica,
			Addr: id.Addr, Version: id.Version, Schema: state.SchemaVersion,
		},
		Book: id.Book, Members: maps.Clone(m.nodes), Changed: m.changed,
		Serving: b.health.served(),
	}
}

// hear takes in what another node tells. A joiner learns so that it was added.
func (b *Broker) hear(theirs status) {
	id := b.keeper.get()
	if id.Replica != 0 || theirs.Card.Group == "" {
		return
	}
	for replica, node := range theirs.Members {
		if node == id.Node {
			b.adopt(theirs, replica)
		}
	}
}

// adopt makes a joiner a member: from the next start on it is one like any other.
func (b *Broker) adopt(theirs status, replica uint64) {
	err := b.keeper.update(func(id *identity) { id.Group, id.Replica = theirs.Card.Group, replica })
	if err != nil {
		b.log.Error("this node was added to the group and cannot note it", "error", err)
		return
	}
	b.adoptedOnce.Do(func() {
		b.setMembers(membership{nodes: theirs.Members})
		close(b.adopted)
	})
}

// askWhetherWiped asks the other founders, before raft begins on an empty
// folder, whether this member has lived before. Those that are down cannot be
// asked; they refuse it when they come up: see book.go.
func (b *Broker) askWhetherWiped(id identity) error {
	if id.Founders == nil || len(id.Founders) == 1 || hasEngine(b.options.Dir) {
		return nil
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.mesh.shake())
	defer cancel()
	for node := range b.others() {
		for p, alarm := b.mesh.peer(node); !p.Reachable && p.Trouble == nil; p, alarm = b.mesh.peer(node) {
			select {
			case <-alarm:
			case <-ctx.Done():
				return nil
			}
		}
	}
	if r := b.mesh.verdict(); r.Code != "" {
		return r.asError()
	}
	return nil
}
