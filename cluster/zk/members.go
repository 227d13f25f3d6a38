package zk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"redis-failover/cluster"
	"redis-failover/cluster/state"

	"github.com/go-zookeeper/zk"
)

var _ cluster.Membership = (*Broker)(nil)

// watchMembers keeps the list of members up to date: who has a node for good is
// one, and who has an ephemeral one is there.
func (s *stint) watchMembers() error {
	for {
		living, err := s.childrenW(s.at.viewMembers())
		if err != nil {
			return err
		}
		known, err := s.childrenW(s.at.nodes())
		if err != nil {
			return err
		}
		if self := string(s.b.self); !slices.Contains(living.names, self) || !slices.Contains(known.names, self) {
			// Without it, what this node has yet to read might be removed.
			return fmt.Errorf("what says that this node is there was removed from %s or %s", s.at.viewMembers(), s.at.nodes())
		}
		s.list(known.names, living.names)
		select {
		case <-living.changed:
		case <-known.changed:
		case <-s.ctx.Done():
			return nil
		}
	}
}

// listing is the children of a node, with what tells of a change.
type listing struct {
	names   []string
	changed <-chan zk.Event
}

func (s *stint) childrenW(path string) (listing, error) {
	return ask(s, func() (listing, error) {
		names, _, changed, err := s.conn.ChildrenW(path)
		return listing{names, changed}, err
	})
}

func (s *stint) list(known, living []string) {
	peers := []cluster.Peer{}
	for _, id := range known {
		p := cluster.Peer{ID: state.MemberID(id), Self: id == string(s.b.self)}
		p.Reachable = slices.Contains(living, id)
		p.Serving = p.Reachable
		if !p.Reachable {
			p.Trouble = "it has no session with ZooKeeper"
		}
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b cluster.Peer) int { return cmp.Compare(a.ID, b.ID) })
	s.b.peers.Store(&peers)
}

// Peers lists the members that ZooKeeper knows, by rising id: members have no
// address of their own there. One that is reachable has a session with
// ZooKeeper; whether the nodes can reach each other, this does not say.
func (b *Broker) Peers() []cluster.Peer {
	peers := slices.Clone(*b.peers.Load())
	ready := b.Health().Condition == cluster.Ready
	for i := range peers {
		if peers[i].Self {
			peers[i].Reachable, peers[i].Serving, peers[i].Trouble = true, ready, ""
		}
	}
	return peers
}

// AddMember is refused always: nodes become members by themselves.
func (b *Broker) AddMember(context.Context, string) (cluster.Peer, error) {
	return cluster.Peer{}, refuse("with the zk broker a node becomes a member by itself: start it with the same zk_addr and zk_path")
}

// RemoveMember forgets a member that is not there: see cluster.Membership. It may
// come back by being started.
func (b *Broker) RemoveMember(_ context.Context, id string) error {
	if err := b.suspended(); err != nil {
		return err
	}
	s := b.stint.Load()
	if s == nil {
		return noQuorum("there is no connection to ZooKeeper")
	}
	i := slices.IndexFunc(b.Peers(), func(p cluster.Peer) bool { return id != "" && string(p.ID) == id })
	if i < 0 {
		return refuse("no member has the id %q", id)
	}
	member := state.MemberID(id)
	if member == b.self {
		return refuse("a member does not remove itself: do it on another one")
	}
	known, err := s.get(s.at.node(member))
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	}
	var there bool
	if err == nil {
		there, err = s.exists(s.at.viewMember(member))
	}
	if err != nil {
		return notLogged(err)
	}
	if there {
		return refuse("the member %s has a session with ZooKeeper, so it runs, or ran a moment ago: stop it first", id)
	}
	// One that is starting has changed its node before it appears.
	err = s.delete(s.at.node(member), known.stat.Version)
	switch {
	case err == nil, errors.Is(err, zk.ErrNoNode):
		return nil
	case errors.Is(err, zk.ErrBadVersion):
		return refuse("the member %s is starting", id)
	case refusedByServer(err):
		return notLogged(err)
	}
	return fmt.Errorf("%w: the member may have been removed: %w", cluster.ErrUnknown, err)
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", cluster.ErrRefused, fmt.Sprintf(format, args...))
}
