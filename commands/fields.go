package commands

import (
	"slices"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// This file makes the maps that describe servers. Their fields, order and
// spelling are Sentinel's: some clients read them by position. It is also where
// "slave" is written, because the wire says so.

// observation is what this node sees of a group, joined with the document.
type observation struct {
	master  failover.ServerView
	byAddr  map[state.Addr]failover.ServerView
	current bool // the view is of the document's generation
}

// observe returns what this node sees of m's servers. Facts count for the
// address they were seen at; a judgement (SDOWN) counts only if it was formed
// in m's present generation, so a master that has just been switched to is not
// shown with the verdict over another role or another server.
func (c *Context) observe(m *state.Master) observation {
	view, ok := c.Node.Watcher.View(m.Name)
	o := observation{current: ok && view.Generation == m.Generation, byAddr: make(map[state.Addr]failover.ServerView)}
	if ok {
		o.byAddr[view.Master.Addr] = view.Master
		for _, v := range view.Replicas {
			o.byAddr[v.Addr] = v
		}
	}
	o.master = o.server(m.Addr, m.RunID, string(failover.RoleMaster))
	return o
}

// status is how the master is, as INFO says it.
func (o observation) status(m *state.Master) string {
	switch {
	case m.ODown:
		return "odown"
	case o.master.SDown:
		return "sdown"
	}
	return "ok"
}

func (o observation) replica(r state.Replica) failover.ServerView {
	return o.server(r.Addr, r.RunID, string(failover.RoleReplica))
}

// server is what is seen of the server at an address; while that is nothing,
// what the document knows and expects.
func (o observation) server(a state.Addr, id state.RunID, role string) failover.ServerView {
	v, ok := o.byAddr[a]
	if !ok {
		v = failover.ServerView{Addr: a}
	}
	if v.RunID == "" {
		v.RunID = id
	}
	if v.Role == "" {
		v.Role = role
	}
	if !v.HasInfo {
		// What Sentinel assumes before the first INFO.
		v.Priority, v.Announced = 100, true
	}
	if !o.current {
		v.SDown, v.SDownFor = false, 0
	}
	return v
}

// fieldList collects the fields of one map.
type fieldList struct{ pairs Map }

func (f *fieldList) text(name, value string)   { f.pairs = append(f.pairs, Pair{name, Bulk(value)}) }
func (f *fieldList) number(name string, n int) { f.count(name, int64(n)) }
func (f *fieldList) count(name string, n int64) {
	f.pairs = append(f.pairs, Pair{name, Number(n)})
}
func (f *fieldList) age(name string, d time.Duration) { f.count(name, d.Milliseconds()) }

// optional adds a text that is shown only when it is set.
func (f *fieldList) optional(name, value string) {
	if value != "" {
		f.text(name, value)
	}
}

// flagList joins flags that are set. The order of the calls is the order on the
// wire.
type flagList []string

func (f *flagList) add(is bool, name string) {
	if is {
		*f = append(*f, name)
	}
}

func (f flagList) String() string { return strings.Join(f, ",") }

func (c *Context) masterFields(m *state.Master) Map {
	v := c.observe(m).master
	var f fieldList
	f.text("name", m.Name)
	f.head(c.state().Shown(m, m.Addr), v, masterFlags(m, v), func() {
		if m.Failover != nil {
			f.text("failover-state", string(m.Failover.Phase))
		}
	})
	if m.ODown {
		f.age("o-down-time", odownFor(m, time.Now()))
	}
	f.age("down-after-milliseconds", m.DownAfter)
	f.seen(v)
	f.count("config-epoch", int64(m.ConfigEpoch))
	f.number("num-slaves", len(m.Replicas))
	f.number("num-other-sentinels", len(c.othersWatching(m)))
	f.number("quorum", m.Quorum)
	f.age("failover-timeout", m.FailoverTimeout)
	f.number("parallel-syncs", m.ParallelSyncs)
	f.optional("notification-script", m.NotificationScript)
	f.optional("client-reconfig-script", m.ClientReconfigScript)
	return f.pairs
}

func masterFlags(m *state.Master, v failover.ServerView) string {
	var flags flagList
	flags.add(v.SDown, "s_down")
	flags.add(m.ODown, "o_down")
	flags.add(true, "master")
	flags.add(!v.Linked, "disconnected")
	flags.add(m.Failover != nil, "failover_in_progress")
	flags.add(m.Failover != nil && m.Failover.Kind == state.Manual, "force_failover")
	flags.add(v.ScriptKillSent, "script_kill_sent")
	flags.add(v.RebootPending, "master_reboot")
	return flags.String()
}

// odownFor is for how long ODOWN has stood: since the vote that made the quorum
// full. The votes carry their voters' wall clocks, so it is for people only.
func odownFor(m *state.Master, now time.Time) time.Duration {
	if len(m.Votes) < m.Quorum {
		return 0
	}
	times := make([]state.Time, len(m.Votes))
	for i, vote := range m.Votes {
		times[i] = vote.At
	}
	slices.Sort(times)
	return max(0, now.Sub(time.UnixMilli(int64(times[m.Quorum-1]))))
}

func replicaFields(s *state.State, m *state.Master, r state.Replica, v failover.ServerView) Map {
	var f fieldList
	addr := s.Shown(m, r.Addr)
	f.text("name", addr.String())
	f.head(addr, v, replicaFlags(m, r, v), nil)
	f.age("down-after-milliseconds", m.DownAfter)
	f.seen(v)
	f.age("master-link-down-time", v.MasterLinkDown)
	f.text("master-link-status", word(v.MasterLinkUp, "ok", "err"))
	f.text("master-host", word(v.MasterHost == "", "?", v.MasterHost))
	f.number("master-port", v.MasterPort)
	f.number("slave-priority", v.Priority)
	f.count("slave-repl-offset", v.Offset)
	f.number("replica-announced", bit(v.Announced))
	return f.pairs
}

// replicaFlags has no "promoted": that word marks a replica between its
// promotion and the switch, and here these two are one step.
func replicaFlags(m *state.Master, r state.Replica, v failover.ServerView) string {
	var flags flagList
	flags.add(v.SDown, "s_down")
	flags.add(true, "slave")
	flags.add(!v.Linked, "disconnected")
	if m.Failover != nil {
		status := m.Failover.ReconfOf(r.Addr)
		flags.add(status != "", string(status))
	}
	return flags.String()
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// head adds the fields that all servers that are Redis begin with, but for the
// name: they are told addr. more, if not nil, adds those between the link and the ages.
func (f *fieldList) head(addr state.Addr, v failover.ServerView, flags string, more func()) {
	f.text("ip", addr.Host)
	f.number("port", addr.Port)
	f.text("runid", string(v.RunID))
	f.text("flags", flags)
	f.number("link-pending-commands", v.Pending)
	f.number("link-refcount", 1)
	if more != nil {
		more()
	}
	f.age("last-ping-sent", v.LastPingSent)
	f.age("last-ok-ping-reply", v.LastOKPing)
	f.age("last-ping-reply", v.LastPing)
	if v.SDown {
		f.age("s-down-time", v.SDownFor)
	}
}

// seen adds what a server said of itself.
func (f *fieldList) seen(v failover.ServerView) {
	var age time.Duration
	if v.HasInfo {
		age = v.InfoAge
	}
	f.age("info-refresh", age)
	f.text("role-reported", v.Role)
	f.age("role-reported-time", v.RoleFor)
}

// memberFields describes another node as Sentinel describes another Sentinel.
// Nodes send no greetings by way of the masters, so the last answer stands for
// the last greeting.
func memberFields(s *state.State, m *state.Master, member state.Member, v failover.MemberView) Map {
	leader, epoch := "?", state.Epoch(0)
	if m.Failover != nil {
		leader, epoch = string(m.Failover.Holder), m.Failover.Epoch
	}
	var f fieldList
	f.text("name", string(member.ID))
	f.text("ip", memberHost(s, member, v))
	f.number("port", member.Addr.Port)
	f.text("runid", string(member.ID))
	f.text("flags", memberFlags(m, member, v))
	f.number("link-pending-commands", bit(v.LinkPending))
	f.number("link-refcount", max(1, s.Len()))
	f.age("last-ping-sent", v.PendingFor)
	f.age("last-ok-ping-reply", v.LastHeard)
	f.age("last-ping-reply", v.LastHeard)
	if v.Down(member) {
		f.age("s-down-time", v.DownFor())
	}
	f.age("down-after-milliseconds", m.DownAfter)
	f.age("last-hello-message", v.LastHeard)
	f.text("voted-leader", leader)
	f.count("voted-leader-epoch", int64(epoch))
	return f.pairs
}

// memberHost is the host that a member is shown with: as it is announced, or, if
// that is a name and clients are to be told addresses, where this node has reached
// it.
func memberHost(s *state.State, member state.Member, v failover.MemberView) string {
	if v.IP == "" || s.AnnounceHostnames() {
		return member.Addr.Host
	}
	return v.IP
}

func memberFlags(m *state.Master, member state.Member, v failover.MemberView) string {
	var flags flagList
	flags.add(v.Down(member), "s_down")
	flags.add(true, "sentinel")
	flags.add(!v.Connected, "disconnected")
	flags.add(m.VotedDown(member.ID), "master_down")
	return flags.String()
}

// cachedInfo is one entry of INFO-CACHE: the age and the text.
func cachedInfo(v failover.ServerView) Array {
	if !v.HasInfo {
		return Array{Int(0), Null{}}
	}
	return Array{Int(v.InfoAge.Milliseconds()), Bulk(v.Info)}
}
