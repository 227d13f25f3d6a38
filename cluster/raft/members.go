package raft

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"redis-failover/cluster"

	"github.com/lni/dragonboat/v4"
)

// member is a member of the group with the node that raft knows it by.
type member struct {
	cluster.Peer
	node string
}

// list is what Peers returns, with the nodes.
func (b *Broker) list() []member {
	id, links, leader := b.keeper.get(), b.mesh.peers(), b.events.lead.now().leader
	var list []member
	for replica, node := range b.members.Load().nodes {
		p := b.peerOf(node, links[node])
		if node == id.Node {
			p = cluster.Peer{ID: b.self, Addr: id.Addr, Self: true, Reachable: true, Serving: b.health.served()}
		}
		p.Leader = replica == leader && b.host.Load() != nil
		list = append(list, member{p, node})
	}
	slices.SortFunc(list, func(a, b member) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(a.node, b.node))
	})
	return list
}

func (b *Broker) peerOf(node string, p peer) cluster.Peer {
	e, _, _ := b.mesh.book.get(node)
	return cluster.Peer{ID: e.Member, Addr: e.Addr, Reachable: p.Reachable, Serving: p.Serving, Trouble: inWords(p.Trouble)}
}

// Peers lists the members of the group: see cluster.Membership.
func (b *Broker) Peers() []cluster.Peer {
	var peers []cluster.Peer
	for _, m := range b.list() {
		peers = append(peers, m.Peer)
	}
	return peers
}

// askAll makes the links find out now who can be reached: what they know may be
// some time old.
func (b *Broker) askAll(ctx context.Context) {
	var wg sync.WaitGroup
	for node := range b.others() {
		wg.Go(func() {
			if err := b.mesh.ask(ctx, node); err != nil {
				b.mesh.suspect(node, err)
			}
		})
	}
	wg.Wait()
}

// learnRemoved finds out who is no member any more, after each change of the
// members: whoever was down meanwhile has to be told.
func (b *Broker) learnRemoved() {
	h, changed := b.host.Load(), b.members.Load().changed
	if h == nil || changed == b.removedAsOf || !h.enter() {
		return
	}
	defer h.leave()
	ctx, cancel := context.WithTimeout(h.ctx, h.attempt())
	defer cancel()
	if m, err := h.nh.SyncGetShardMembership(ctx, shard); err == nil {
		b.mesh.setRemoved(m.Removed)
		b.removedAsOf = changed
	}
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", cluster.ErrRefused, fmt.Sprintf(format, args...))
}

// serveWait is how long AddMember waits for the new member to serve.
const serveWait = 10 * time.Second

// AddMember makes the node that waits at addr a member: see cluster.Membership.
//
// All present members must be reachable. With one of three dead, a fourth would
// make three of four needed, of which one does not run yet.
func (b *Broker) AddMember(ctx context.Context, addr string) (cluster.Peer, error) {
	if err := checkAddr(addr); err != nil {
		return cluster.Peer{}, refuse("%s", err)
	}
	ctx, done, err := b.beginChange(ctx)
	if err != nil {
		return cluster.Peer{}, err
	}
	defer done()
	b.askAll(ctx)
	if names := b.missingNames(); len(names) > 0 {
		return cluster.Peer{}, refuse("a member is added only while all others can be reached; remove those that will not come back first. Not reachable: %s", strings.Join(names, ", "))
	}
	joiner, err := b.meetJoiner(ctx, addr)
	if err != nil {
		return cluster.Peer{}, err
	}
	if err := b.leaveSolitude(ctx); err != nil {
		return cluster.Peer{}, err
	}
	b.mesh.kick() // so that all know where the new one is
	err = b.change(ctx, func(h *host, m *dragonboat.Membership, timeout time.Duration) (*dragonboat.RequestState, error) {
		for _, node := range m.Nodes {
			if node == joiner.Node {
				return nil, nil // a repetition
			}
		}
		return h.nh.RequestAddReplica(shard, nextReplica(m), joiner.Node, m.ConfigChangeID, timeout)
	})
	if err != nil {
		return cluster.Peer{}, err
	}
	b.awaitList(ctx, joiner.Node, true)
	b.log.Info("a member was added to the group", "member", addr, "id", joiner.Member)
	return b.awaitServing(ctx, joiner), nil
}

// meetJoiner makes sure that a node waits at an address, or is a member there by
// an earlier call, and learns who it is.
func (b *Broker) meetJoiner(ctx context.Context, addr string) (card, error) {
	theirs, err := b.mesh.visit(ctx, addr)
	if r := (refusal{}); errors.As(err, &r) {
		return card{}, refuse("the node at %s: %s", addr, r.Text)
	}
	if err != nil {
		return card{}, refuse("no node waits at %s to be added (%s): start it there with the cluster state join first", addr, inWords(err))
	}
	c := theirs.Card
	listed := slices.ContainsFunc(b.list(), func(m member) bool { return m.node == c.Node })
	if c.Replica != 0 && !(listed && c.Group == b.keeper.get().Group) {
		return card{}, refuse("the node at %s is a member already, or was one: a node that is to be added has an empty data directory and the cluster state join", addr)
	}
	for _, m := range b.list() {
		switch {
		case m.node == c.Node: // a repetition of a call whose outcome was unknown
		case m.Addr == c.Addr:
			return card{}, refuse("the group has a member at %s already, with the id %q: remove that one first", m.Addr, m.ID)
		case m.ID == c.Member:
			return card{}, refuse("the node at %s has the id %s, which the member at %s has: give it another, or remove that member first", addr, c.Member, m.Addr)
		}
	}
	return c, nil
}

// leaveSolitude opens the engine anew with the timing of a group, if this member
// was alone: what it had would elect new leaders at every hiccup.
func (b *Broker) leaveSolitude(ctx context.Context) error {
	if !b.keeper.get().Solo {
		return nil
	}
	return b.do(ctx, func() error {
		if reason := b.obstacle(); reason != "" { // the engine may be closed because of it
			return notLogged(errors.New(reason))
		}
		if err := b.keeper.update(func(id *identity) { id.Solo = false }); err != nil {
			return notLogged(err)
		}
		b.stopHost()
		if err := b.startHost(); err != nil {
			b.stop(fmt.Sprintf("the raft engine could not be opened: %s", err))
			return notLogged(err)
		}
		return nil
	})
}

// nextReplica is a number that was never given.
func nextReplica(m *dragonboat.Membership) uint64 {
	var last uint64
	for replica := range m.Nodes {
		last = max(last, replica)
	}
	for replica := range m.Removed {
		last = max(last, replica)
	}
	return last + 1
}

// awaitServing waits until a new member serves, for a while. It is a member in
// any case.
func (b *Broker) awaitServing(ctx context.Context, joiner card) cluster.Peer {
	ctx, cancel := context.WithTimeout(ctx, serveWait)
	defer cancel()
	tick := time.NewTicker(max(b.mesh.pace/4, breather))
	defer tick.Stop()
	if _, err := b.mesh.visit(ctx, joiner.Addr); err != nil { // tells it that it was added
		b.log.Warn("the new member could not be told that it was added; it asks by itself", "member", joiner.Addr, "error", err)
	}
	for {
		b.mesh.kick()
		p, _ := b.mesh.peer(joiner.Node)
		if p.Serving {
			return b.peerOf(joiner.Node, p)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.log.Warn("the new member does not serve yet", "member", joiner.Addr)
			return b.peerOf(joiner.Node, p)
		}
	}
}

// RemoveMember takes a member out of the group: see cluster.Membership.
func (b *Broker) RemoveMember(ctx context.Context, idOrAddr string) error {
	ctx, done, err := b.beginChange(ctx)
	if err != nil {
		return err
	}
	defer done()
	b.askAll(ctx)
	target, err := b.removable(idOrAddr)
	if err != nil {
		return err
	}
	err = b.change(ctx, func(h *host, m *dragonboat.Membership, timeout time.Duration) (*dragonboat.RequestState, error) {
		for replica, node := range m.Nodes {
			if node == target.node {
				return h.nh.RequestDeleteReplica(shard, replica, m.ConfigChangeID, timeout)
			}
		}
		return nil, nil // it is gone
	})
	if err != nil {
		return err
	}
	b.awaitList(ctx, target.node, false)
	b.log.Info("a member was removed from the group", "member", target.Addr, "id", target.ID)
	return nil
}

// awaitList waits until a change of the members that was made shows in this
// node's own list, so that the next one is judged by it.
func (b *Broker) awaitList(ctx context.Context, node string, listed bool) {
	ctx, cancel := context.WithTimeout(ctx, serveWait)
	defer cancel()
	read := func() error { b.readMembers(); return nil }
	for b.do(ctx, read) == nil {
		if slices.Contains(slices.Collect(maps.Values(b.members.Load().nodes)), node) == listed || b.pause(ctx) != nil {
			return
		}
	}
}

// removable finds the member that is meant and makes sure that it may go.
func (b *Broker) removable(idOrAddr string) (member, error) {
	peers := b.list()
	i := slices.IndexFunc(peers, func(m member) bool {
		return idOrAddr != "" && (string(m.ID) == idOrAddr || m.Addr == idOrAddr)
	})
	if i < 0 {
		return member{}, refuse("no member has the id or the raft address %q", idOrAddr)
	}
	target := peers[i]
	if target.Self {
		return member{}, refuse("a member does not remove itself: do it on another one")
	}
	left, reachable := len(peers)-1, 0
	for j, p := range peers {
		if j != i && p.Reachable {
			reachable++
		}
	}
	if 2*reachable <= left {
		return member{}, refuse("without %s the group has %d members, of whom %d can be reached from here: no majority. Bring the others back first",
			target.Addr, left, reachable)
	}
	return target, nil
}

// beginChange waits until no other change of the members is under way here.
func (b *Broker) beginChange(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel, err := b.begin(ctx)
	if err != nil {
		return nil, nil, err
	}
	select {
	case b.changing <- struct{}{}:
		return ctx, func() { <-b.changing; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, b.notSent(ctx.Err())
	}
}

// request asks the engine for a change of the members that it knows; nil and no
// error when nothing is to be done.
type request func(*host, *dragonboat.Membership, time.Duration) (*dragonboat.RequestState, error)

// change carries out one change of the members. The engine takes one only if
// nothing changed since the list that it is based on: then it is based on the
// new list.
func (b *Broker) change(ctx context.Context, ask request) error {
	sent := false
	for {
		h, _, err := b.ready(ctx)
		if err == nil {
			var done bool
			if done, err = b.changeOnce(ctx, h, ask, &sent); done {
				return nil
			}
		}
		if err == nil {
			err = b.pause(ctx)
		}
		switch {
		case err == nil:
		case sent:
			return fmt.Errorf("%w: the list of members may have been changed: %w", cluster.ErrUnknown, plain(err))
		default:
			return b.notSent(err)
		}
	}
}

func (b *Broker) changeOnce(ctx context.Context, h *host, ask request, sent *bool) (done bool, err error) {
	if !h.enter() {
		return false, nil
	}
	defer h.leave()
	attempt, cancel := context.WithTimeout(ctx, h.attempt())
	defer cancel()
	m, err := h.nh.SyncGetShardMembership(attempt, shard)
	if err != nil {
		return false, ctx.Err()
	}
	r, err := ask(h, m, h.attempt())
	if r == nil && err == nil {
		return true, nil
	}
	if err != nil {
		return false, ctx.Err()
	}
	wasSent := *sent
	*sent = true
	select {
	case answer := <-r.ResultC():
		if answer.Rejected() || answer.Dropped() { // this attempt; an earlier one may yet succeed
			*sent = wasSent
		}
		return answer.Completed(), nil
	case <-h.ctx.Done():
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
