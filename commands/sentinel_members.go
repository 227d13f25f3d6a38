package commands

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// The commands about the nodes of redis-failover itself. All of them are ours:
// a Sentinel learns who its peers are from greetings and never forgets one.

func membersCommand() *Command {
	return &Command{
		Name: "members", Arity: 2, Flags: Admin, Since: "ours", Kind: Local,
		Summary: "Shows the nodes of redis-failover, this one included: where clients and where the other nodes reach them, " +
			"whether they count as alive, and what is wrong.",
		Handler: func(c *Context, _ []string) Reply {
			list := Array{}
			for _, m := range c.members() {
				list = append(list, c.memberEntry(m))
			}
			return list
		},
	}
}

// member is a node as the document and the engine have it, which need not be the
// same: a node is in the engine before it has announced itself in the document,
// and in the document for a moment after it has left the engine.
type member struct {
	agreed   state.Member
	peer     cluster.Peer
	inDoc    bool
	inEngine bool
}

func (m member) id() state.MemberID { return cmp.Or(m.agreed.ID, m.peer.ID) }

// isNamed reports whether a word is its id or one of its addresses.
func (m member) isNamed(word string) bool {
	return word != "" && (word == string(m.id()) || word == m.peer.Addr || word == m.agreed.Addr.String() && !m.agreed.Addr.IsZero())
}

// members are those of the document by rising id, then those that only the
// engine knows; and this node in any case, also while it waits to be added.
func (c *Context) members() []member {
	doc := c.state()
	peers := map[state.MemberID]cluster.Peer{}
	var unknown []member
	for _, p := range c.peers() {
		if _, ok := doc.Member(p.ID); ok {
			peers[p.ID] = p
		} else {
			unknown = append(unknown, member{peer: p, inEngine: true})
		}
	}
	var list []member
	for agreed := range doc.Members() {
		p, ok := peers[agreed.ID]
		list = append(list, member{agreed: agreed, peer: p, inDoc: true, inEngine: ok})
	}
	list = append(list, unknown...)
	self := c.Node.Broker.Self()
	if !slices.ContainsFunc(list, func(m member) bool { return m.id() == self }) {
		list = append(list, member{peer: cluster.Peer{ID: self, Self: true, Reachable: true}})
	}
	return list
}

// peers are the members of the engine, none if it has none of its own.
func (c *Context) peers() []cluster.Peer {
	if c.Node.Members == nil {
		return nil
	}
	return c.Node.Members.Peers()
}

// memberEntry describes a node. A value that is not known is empty.
func (c *Context) memberEntry(m member) Map {
	self := m.id() == c.Node.Broker.Self()
	seen, _ := c.Node.Watcher.Member(m.id())
	reachable, serving := m.peer.Reachable, m.peer.Serving
	if c.Node.Members == nil {
		// The engine has nothing to say. A member says that it is alive, when
		// it is told otherwise, by a commit; so it serves.
		reachable, serving = self || seen.Connected, m.agreed.Alive
	}
	var f fieldList
	f.text("id", string(m.id()))
	f.text("ip", m.agreed.Addr.Host)
	f.number("port", m.agreed.Addr.Port)
	f.text("engine-address", m.peer.Addr)
	f.text("version", m.agreed.Version)
	f.number("self", bit(self))
	f.number("alive", bit(m.agreed.Alive))
	f.number("reachable", bit(reachable))
	f.number("serving", bit(serving))
	f.number("leader", bit(m.peer.Leader))
	f.age("last-ok-ping-reply", seen.LastHeard)
	f.text("trouble", c.memberTrouble(m, seen))
	return f.pairs
}

// memberTrouble is what keeps a node from taking part, in words.
func (c *Context) memberTrouble(m member, seen failover.MemberView) string {
	switch {
	case m.peer.Trouble != "":
		return m.peer.Trouble
	case m.id() == c.Node.Broker.Self() && c.Node.Broker.Health().Condition != cluster.Ready:
		return c.Node.Broker.Health().Reason
	case seen.Trouble != "":
		return seen.Trouble
	case !m.inDoc:
		return "it has not announced itself yet"
	case c.Node.Members != nil && !m.inEngine:
		return "it is no member of the group any more; SENTINEL MEMBER REMOVE forgets it"
	case !m.agreed.Alive:
		return "the others do not hear from it"
	}
	return ""
}

// memberWithin bounds MEMBER: a new node gets some time to load the document
// before the answer.
const memberWithin = 30 * time.Second

func memberCommand() *Command {
	return &Command{
		Name: "member", Arity: 4, Flags: Admin, Since: "ours", Kind: Propose, Within: memberWithin,
		Syntax: "(ADD <host:port> | REMOVE <id|host:port>)",
		Summary: "ADD makes the node that waits at this address of the engine (started with raft_cluster_state=join) a member. " +
			"REMOVE takes a member out for good, dead or alive; its id and its addresses are those that SENTINEL MEMBERS shows.",
		Handler: changeMembers,
	}
}

func changeMembers(c *Context, args []string) Reply {
	switch strings.ToLower(args[0]) {
	case "add":
		return addMember(c, args[1])
	case "remove":
		return removeMember(c, args[1])
	}
	return errMemberVerb
}

func addMember(c *Context, addr string) Reply {
	if c.Node.Members == nil {
		return errNoMembership
	}
	peer, err := c.Node.Members.AddMember(c, addr)
	switch {
	case err != nil:
		return errMembers(err)
	case !peer.Serving:
		return errNotServing(peer)
	}
	return OK
}

// removeMember takes a node out of the engine, where it has a say, and then out
// of the document. What fails between the two is mended by the same command.
func removeMember(c *Context, word string) Reply {
	m, fault := c.findMember(word)
	if fault != nil {
		return fault
	}
	switch {
	case m.id() == c.Node.Broker.Self():
		return errRemoveSelf
	case m.inEngine:
		if err := c.Node.Members.RemoveMember(c, cmp.Or(string(m.peer.ID), m.peer.Addr)); err != nil {
			return errMembers(err)
		}
	case m.agreed.Alive:
		// The engine cannot keep it away, so it would act without being counted.
		return errRemoveAlive(m.agreed)
	}
	if m.id() == "" {
		return OK // it was never met, so the document cannot have it
	}
	if _, fault := c.propose(state.OpForget{Member: m.id()}); fault != nil {
		return errStillListed(fault)
	}
	return OK
}

// findMember finds a node by its id or one of its addresses.
func (c *Context) findMember(word string) (member, Reply) {
	var found []member
	for _, m := range c.members() {
		if m.isNamed(word) {
			found = append(found, m)
		}
	}
	switch {
	case len(found) == 0:
		return member{}, errNoSuchMember(word)
	case len(found) > 1:
		return member{}, errAmbiguousMember(word)
	}
	return found[0], nil
}
