package commands

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

func mastersCommand(name, since string) *Command {
	return &Command{
		Name: name, Arity: 2, Flags: Admin, Since: since, Kind: LookUp,
		Summary: "Shows all monitored masters and their state.",
		Handler: func(c *Context, _ []string) Reply {
			list := Array{}
			for m := range c.state().Masters() {
				list = append(list, c.masterFields(m))
			}
			return list
		},
	}
}

func masterCommand(name, since string) *Command {
	return &Command{
		Name: name, Arity: 3, Flags: Admin, Since: since, Kind: LookUp,
		Syntax: "<master-name>", Summary: "Shows one monitored master and its state.",
		Handler: func(c *Context, args []string) Reply {
			m, fault := c.master(args[0])
			if fault != nil {
				return fault
			}
			return c.masterFields(m)
		},
	}
}

func replicasCommand(name, since, replaces string) *Command {
	return &Command{
		Name: name, Arity: 3, Flags: Admin, Since: since, Kind: LookUp, Replaces: replaces,
		Syntax: "<master-name>", Summary: "Shows the replicas of a master and their state.",
		Handler: replicas,
	}
}

// replicas leaves out those that asked not to be listed.
func replicas(c *Context, args []string) Reply {
	m, fault := c.master(args[0])
	if fault != nil {
		return fault
	}
	seen := c.observe(m)
	list := Array{}
	for _, r := range m.Replicas {
		if v := seen.replica(r); v.Announced {
			list = append(list, replicaFields(c.state(), m, r, v))
		}
	}
	return list
}

func sentinelsCommand() *Command {
	return &Command{
		Name: "sentinels", Arity: 3, Flags: Admin, Since: "2.8.4", Kind: LookUp,
		Syntax: "<master-name>", Summary: "Shows the other nodes that watch a master.",
		Handler: func(c *Context, args []string) Reply {
			m, fault := c.master(args[0])
			if fault != nil {
				return fault
			}
			list := Array{}
			for _, other := range c.othersWatching(m) {
				list = append(list, memberFields(c.state(), m, other.agreed, other.seen))
			}
			return list
		},
	}
}

// watching is a member that watches a master, with what this node sees of it.
type watching struct {
	agreed state.Member
	seen   failover.MemberView
}

// othersWatching are the members of the document but this node, without those
// that have not been heard since m was reset. All members watch all masters, so
// this only takes up again what SENTINEL RESET is used for, to have the dead no
// longer listed; who has a say is not told by it.
func (c *Context) othersWatching(m *state.Master) []watching {
	var others []watching
	view, known := c.Node.Watcher.View(m.Name)
	if known && view.Generation != m.Generation && view.Master.Addr == m.Addr {
		return nil // it was reset a moment ago
	}
	self := c.Node.Broker.Self()
	for member := range c.state().Members() {
		if member.ID == self {
			continue
		}
		seen, _ := c.Node.Watcher.Member(member.ID)
		if !view.Reset || seen.Heard && seen.LastHeard < view.ResetFor {
			others = append(others, watching{member, seen})
		}
	}
	return others
}

func masterAddrCommand(name, since string) *Command {
	return &Command{
		Name: name, Arity: 3, Flags: Admin, Since: since, Kind: LookUp,
		Syntax: "<master-name>", Summary: "Returns the ip and port of the master of that name.",
		Handler: masterAddr,
	}
}

func masterAddr(c *Context, args []string) Reply {
	m, ok := c.state().Master(args[0])
	if !ok {
		return NullArray{}
	}
	addr := c.state().Shown(m, m.Addr)
	return Array{Bulk(addr.Host), Bulk(strconv.Itoa(addr.Port))}
}

func isMasterDownCommand(name, since string) *Command {
	return &Command{
		Name: name, Arity: 6, Flags: Admin, Since: since, Kind: Local,
		Syntax: "<ip> <port> <current-epoch> <runid>",
		Summary: "Says whether this node holds the master at an address for down. " +
			"No vote is given: votes are cast in the agreed document, by its members.",
		Handler: isMasterDown,
	}
}

// isMasterDown answers from this node's own view. Who asks for a vote is told
// who leads the failover that runs, as a Sentinel that has voted already does.
func isMasterDown(c *Context, args []string) Reply {
	port, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return errNotInteger
	}
	if _, err := strconv.ParseInt(args[2], 10, 64); err != nil {
		return errNotInteger
	}
	addr := state.Addr{Host: args[0], Port: int(port)}
	down, leader, epoch := false, "*", state.Epoch(0)
	for m := range c.state().Masters() {
		if m.Addr != addr && (m.Addr.Port != addr.Port || m.IP(m.Addr) != addr.Host) {
			continue
		}
		down = c.observe(m).master.SDown && c.Node.Watcher.TiltSeconds() < 0
		if m.Failover != nil && args[3] != "*" {
			leader, epoch = string(m.Failover.Holder), m.Failover.Epoch
		}
		break
	}
	return Array{Int(bit(down)), Bulk(leader), Int(epoch)}
}

func ckquorumCommand() *Command {
	return &Command{
		Name: "ckquorum", Arity: 3, Flags: Admin, Since: "2.8.4", Kind: Local, Within: answerWithin,
		Syntax: "<master-name>",
		Summary: "Checks whether enough nodes are alive to hold the master for down and to carry out a failover, " +
			"by asking the majority right now.",
		Handler: ckquorum,
	}
}

// ckquorum asks the majority itself, as having none is an answer here and not an
// obstacle.
func ckquorum(c *Context, args []string) Reply {
	_, noAnswer := c.Node.Broker.Barrier(c)
	m, fault := c.master(args[0])
	if reason := c.unchangeable(noAnswer); fault != nil && reason != "" && c.state().Index == 0 {
		return Error("NOQUORUM This node has learned nothing yet, so it does not know whether there is such a master: " + reason)
	}
	if fault != nil {
		return fault
	}
	usable, voters := c.countMembers(noAnswer == nil)
	var missing []string
	if usable < m.Quorum {
		missing = append(missing, "Not enough available Sentinels to reach the specified quorum for this master")
	}
	if usable < voters/2+1 || errors.Is(noAnswer, cluster.ErrNoQuorum) {
		missing = append(missing, "Not enough available Sentinels to reach the majority and authorize a failover")
	}
	if reason := c.unchangeable(noAnswer); reason != "" {
		// Ours: a Sentinel cannot be kept from deciding, a document can.
		missing = append(missing, "The document cannot be changed now, which every failover has to: "+reason)
	}
	if len(missing) == 0 {
		return Simple(fmt.Sprintf("OK %d usable Sentinels. Quorum and failover authorization can be reached", usable))
	}
	return Error(fmt.Sprintf("NOQUORUM %d usable Sentinels. %s", usable, strings.Join(missing, ". ")))
}

// countMembers counts the members that can be relied on, this node included as
// it answers, and those that a majority is counted of. Who counts as alive is
// agreed; without an agreement that is current, it is whom this node hears.
func (c *Context) countMembers(agreed bool) (usable, voters int) {
	for _, m := range c.members() {
		self := m.id() == c.Node.Broker.Self()
		if c.Node.Members != nil && !m.inEngine && !self {
			continue
		}
		voters++
		seen, _ := c.Node.Watcher.Member(m.id())
		if self || m.agreed.Alive && (agreed || !seen.Down(m.agreed)) {
			usable++
		}
	}
	return usable, voters
}

// unchangeable is why the document takes no changes from this node, "" if it
// does.
func (c *Context) unchangeable(noAnswer error) string {
	if health := c.Node.Broker.Health(); health.Condition != cluster.Ready {
		return health.Reason
	}
	if noAnswer != nil {
		return noAnswer.Error()
	}
	return ""
}

func myIDCommand() *Command {
	return &Command{
		Name: "myid", Arity: 2, Flags: Admin, Since: "6.2.0", Kind: Local,
		Summary: "Returns the id of this node.",
		Handler: func(c *Context, _ []string) Reply { return Bulk(c.Node.Broker.Self()) },
	}
}

func infoCacheCommand() *Command {
	return &Command{
		Name: "info-cache", Arity: -3, Flags: Admin, Since: "3.2.0", Kind: Local,
		Syntax: "<master-name> [<master-name> ...]", Summary: "Returns the last INFO of these masters and of their replicas.",
		Handler: infoCache,
	}
}

// infoCache skips unknown names, and names that were given already.
func infoCache(c *Context, args []string) Reply {
	list := Array{}
	answered := make(map[string]bool, len(args))
	for _, name := range args {
		m, ok := c.state().Master(name)
		if !ok || answered[name] {
			continue
		}
		answered[name] = true
		seen := c.observe(m)
		entries := Array{cachedInfo(seen.master)}
		for _, r := range m.Replicas {
			entries = append(entries, cachedInfo(seen.replica(r)))
		}
		list = append(list, Bulk(name), entries)
	}
	return list
}

func flushConfigCommand() *Command {
	return &Command{
		Name: "flushconfig", Arity: 2, Flags: Admin, Since: "2.8.4", Kind: Local,
		Summary: "Answers OK: everything acknowledged is durable already.",
		Handler: func(*Context, []string) Reply { return OK },
	}
}
