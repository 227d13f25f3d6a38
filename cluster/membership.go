package cluster

import (
	"context"

	"redis-failover/cluster/state"
)

// Membership is what a Broker offers besides, if its engine has members of its
// own that can be added and removed while it runs. Test with a type assertion.
type Membership interface {
	// Peers lists the engine's members, this one included, by rising address.
	// It never blocks; it may lag behind the other nodes.
	Peers() []Peer

	// AddMember makes the node that waits at an engine address a member, and
	// waits for a while until it serves; for a node that is a member it changes
	// nothing, so that it may be repeated. It is refused with ErrRefused, and
	// nothing has changed, when no node waits there or when a member is
	// unreachable: replace the lost one first. Other errors are of the classes
	// of Propose.
	AddMember(ctx context.Context, addr string) (Peer, error)

	// RemoveMember takes a member out of the engine's group for good, alive or
	// dead. It is refused with ErrRefused, and nothing has changed, when what
	// remains would have no majority that can be reached, and for this node
	// itself. Which one is meant is said by its id or its engine address.
	RemoveMember(ctx context.Context, idOrAddr string) error
}

// Peer is one member of an engine's group.
type Peer struct {
	// ID is the member's identity, "" as long as it has never been met.
	ID state.MemberID
	// Addr is its address in the engine, "" if it is not known.
	Addr string
	// Self: it is this node.
	Self bool
	// Reachable: this node and that one talk to each other.
	Reachable bool
	// Serving: it says that its document has been current since its start.
	Serving bool
	// Leader: this node takes it for the one that leads the engine's group.
	// None is while there is no leader; after a change the nodes may disagree
	// for a moment.
	Leader bool
	// Trouble is why it is not reachable, in words.
	Trouble string
}
