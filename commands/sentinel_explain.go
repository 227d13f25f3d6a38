package commands

import (
	"fmt"
	"strings"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

func explainCommand() *Command {
	return &Command{
		Name: "explain", Arity: 3, Flags: Admin, Since: "ours", Kind: Local,
		Syntax: "<master-name>",
		Summary: "Says in words how a master is, as this node sees it, who votes it down, what is done about it, and why nothing is done " +
			"if nothing is.",
		Handler: func(c *Context, args []string) Reply {
			m, fault := c.master(args[0])
			if fault != nil {
				return fault
			}
			return c.explain(m)
		},
	}
}

// explain is the answer to the question of whoever was paged: what is going on,
// and what keeps it from going on.
func (c *Context) explain(m *state.Master) Reply {
	var l fieldList
	l.text("name", m.Name)
	l.text("address", c.state().Shown(m, m.Addr).String())
	l.text("status", c.observe(m).status(m))
	l.text("trouble", c.trouble(m))
	l.text("votes", c.voters(m))
	l.count("quorum", int64(m.Quorum))
	l.text("failover", runningFailover(m))
	l.text("waiting", c.waiting(m))
	paused := ""
	if m.Pause != nil {
		paused = m.Pause.String()
	}
	l.text("paused", paused)
	l.text("last-failover", lastFailover(m))
	l.text("other-authorities", c.foreign(m))
	return l.pairs
}

// waiting is why this node does nothing about a master, "" if there is nothing
// to be done, or it is being done.
func (c *Context) waiting(m *state.Master) string {
	if health := c.Node.Broker.Health(); health.Condition != cluster.Ready {
		return "nothing can be decided now: " + health.Reason
	}
	view, ok := c.Node.Watcher.View(m.Name)
	if !ok {
		return "this node does not watch it yet"
	}
	return view.Why
}

// trouble is why this node gets no valid answers from a master, "" while it does.
func (c *Context) trouble(m *state.Master) string {
	view, _ := c.Node.Watcher.View(m.Name)
	return view.Master.Trouble
}

// voters are the members that hold the master for down; those that are not alive
// do not count.
func (c *Context) voters(m *state.Master) string {
	var list []string
	for _, v := range m.Votes {
		text := string(v.Member)
		if member, ok := c.state().Member(v.Member); ok {
			text = member.Addr.String()
			if !member.Alive {
				text += " (not alive, does not count)"
			}
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func runningFailover(m *state.Master) string {
	f := m.Failover
	if f == nil {
		return ""
	}
	text := fmt.Sprintf("epoch %d since %s, phase %s, carried out by %s: %s", f.Epoch, wallTime(f.Started), f.Phase, f.Holder, f.Reason)
	if !f.Candidate.IsZero() {
		text += ", candidate " + f.Candidate.String()
	}
	return text
}

func lastFailover(m *state.Master) string {
	if len(m.History) == 0 {
		return ""
	}
	f := &m.History[len(m.History)-1]
	return fmt.Sprintf("epoch %d ended %s, %s: %s", f.Epoch, wallTime(f.Ended), f.Outcome, f.EndReason)
}
