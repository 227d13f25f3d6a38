package raft

import (
	"errors"
	"fmt"

	"redis-failover/cluster/state"
)

// purpose is what a connection is for.
type purpose string

const (
	// purposeTalk: both tell each other what they know, again and again; it is
	// also how each knows whom it can reach.
	purposeTalk purpose = "talk"
	// purposeRaft: raft messages from the dialler to the acceptor.
	purposeRaft purpose = "raft"
	// purposeSnapshot: one snapshot from the dialler to the acceptor.
	purposeSnapshot purpose = "snapshot"
)

// card is who a node says that it is.
type card struct {
	Group   string `json:",omitempty"`
	Node    string
	Life    string
	Member  state.MemberID
	Replica uint64 `json:",omitempty"`
	Addr    string
	Version uint64
	// Schema is the newest document that its build understands.
	Schema int
}

func (c card) entry() entry {
	return entry{Node: c.Node, Member: c.Member, Addr: c.Addr, Version: c.Version}
}

// hello is the dialler's first frame.
type hello struct {
	Purpose purpose
	// To is the node that it means to reach, "" for whoever is there.
	To   string
	Card card
	Book []entry
}

// answer is the acceptor's first frame. The connection goes on unless there is a
// refusal in it.
type answer struct {
	Refusal refusal
	Card    card
	Book    []entry
}

// status is what two nodes tell each other on a connection for talk.
type status struct {
	Card card
	Book []entry
	// Members are raft's, replica to node, as of its log index Changed; nil
	// while unknown.
	Members map[uint64]string `json:",omitempty"`
	Changed uint64            `json:",omitempty"`
	// Serving: its document has been current at least once since its start.
	Serving bool `json:",omitempty"`
}

// refusal is why a connection was not accepted. The zero value is none.
type refusal struct {
	Code code   `json:",omitempty"`
	Text string `json:",omitempty"`
}

func (r refusal) Error() string { return r.Text }

// code is the class of a refusal.
type code string

const (
	refusedNotMe    code = "not-me"   // another node is at this address
	refusedSelf     code = "self"     // dialler and acceptor are one
	refusedGroup    code = "group"    // another group, or other founders
	refusedWiped    code = "wiped"    // the dialler lost its folder
	refusedRemoved  code = "removed"  // the dialler is no member any more
	refusedConflict code = "conflict" // the books contradict each other
	refusedNotYet   code = "not-yet"  // raft does not run here, or cannot yet
	refusedTooOld   code = "too-old"  // the dialler's build knows less than what is in force
	refusedSameID   code = "same-id"  // two members have one id
)

// refused makes a refusal.
func refused(c code, format string, args ...any) refusal {
	return refusal{Code: c, Text: fmt.Sprintf(format, args...)}
}

// judge says whether this node may talk to another whose card and book are these:
// acceptors judge diallers by their hello, and diallers acceptors.
func (m *mesh) judge(h hello, self, other card, book []entry) refusal {
	known, _, _ := m.book.get(other.Node)
	switch {
	case self.Group != "" && other.Group != "" && self.Group != other.Group:
		return refused(refusedGroup, "%s is of another group than %s: all founding members must be given the same list of members", other.Addr, self.Addr)
	case h.To != "" && h.To != self.Node:
		return refused(refusedNotMe, "another member than the expected one is at %s", self.Addr)
	case other.Node == self.Node && other.Life == self.Life:
		return refused(refusedSelf, "this is the node itself")
	case other.Node == self.Node:
		return refused(refusedWiped, "two nodes claim to be the member that was founded as %s", self.Addr)
	case known.Life != "" && known.Life != other.Life:
		return refused(refusedWiped, "the member at %s has lost its data directory: %s has worked with it before, when it had another", other.Addr, self.Addr)
	case m.isRemoved(other.Replica):
		return refused(refusedRemoved, "the member at %s was removed from the group", other.Addr)
	case other.Schema < m.inForce():
		return refused(refusedTooOld, "the build at %s knows schema %d, and the group has %d in force", other.Addr, other.Schema, m.inForce())
	}
	m.admitting.Lock()
	defer m.admitting.Unlock()
	if addr := m.namesake(self, other); addr != "" {
		return refused(refusedSameID, "the members at %s and %s have the same id %s: take it (sentinel myid) out of the configuration of the one that is not to keep it, and start that one with an empty data directory", addr, other.Addr, other.Member)
	}
	return m.judgeBook(h.Purpose, self, other, book)
}

// namesake is the address of a member that has the id of another one, "" if there
// is none: founders that were given copies of one configuration do, and would
// number their changes alike, of which Apply would take one for a repetition of
// another. It is not enough that the two refuse each other: both could work
// through a third. A joiner is held against all members when it is added.
func (m *mesh) namesake(self, other card) string {
	if other.Member == self.Member && other.Node != self.Node {
		return self.Addr
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links[other.Node] == nil {
		return "" // no member as far as is known here, or the successor of one that was removed
	}
	for node := range m.links {
		if e, _, _ := m.book.get(node); node != other.Node && e.Member != "" && e.Member == other.Member {
			return e.Addr
		}
	}
	return ""
}

func (m *mesh) judgeBook(p purpose, self, other card, book []entry) refusal {
	e := other.entry()
	if p != purposeTalk {
		if self.Group == "" || other.Group == "" || !m.running() {
			return refused(refusedNotYet, "raft does not run at both ends yet")
		}
		e.Life = other.Life // from now on
	}
	err := m.book.learn(append([]entry{e}, book...))
	if lives := (contradiction{}); errors.As(err, &lives) {
		return refused(refusedConflict, "%s and %s do not agree on who is in the group: %s", self.Addr, other.Addr, lives)
	}
	if err != nil {
		return refused(refusedNotYet, "%s", err)
	}
	return refusal{}
}
