package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// The commands by which a person takes redis-failover's hands off a group, and
// looks at what it did. They are ours.

func pauseCommand() *Command {
	return &Command{
		Name: "pause", Arity: -3, Flags: Admin, Since: "ours", Kind: Propose,
		Syntax: "<master-name> [FOR <seconds>] [REASON <text>]",
		Summary: "Keeps the hands off a group, on all nodes: no failover begins by itself and no replica is re-pointed, until RESUME or for some time. " +
			"It is watched on, a failover that runs is finished, and SENTINEL FAILOVER works. A pause that stands is replaced.",
		Handler: pause,
	}
}

func pause(c *Context, args []string) Reply {
	if fault := refuseControl(c.Command, args, 2); fault != nil {
		return fault
	}
	op := state.OpPause{Name: args[0], By: c.caller()}
	for words := args[1:]; len(words) > 0; words = words[2:] {
		switch option := strings.ToLower(words[0]); {
		case len(words) < 2:
			return errPauseWords
		case option == "reason" && op.Why == "":
			op.Why = words[1]
		case option == "for" && op.For == 0:
			seconds, err := strconv.ParseInt(words[1], 10, 64)
			if err != nil || seconds < 1 || seconds > int64(state.MaxPause/time.Second) {
				return errPauseFor(words[1])
			}
			op.For = time.Duration(seconds) * time.Second
		default:
			return errPauseWords
		}
	}
	if _, fault := c.propose(op); fault != nil {
		return fault
	}
	return OK
}

func resumeCommand() *Command {
	return &Command{
		Name: "resume", Arity: 3, Flags: Admin, Since: "ours", Kind: Propose,
		Syntax: "<master-name>",
		Summary: "Ends a pause, on all nodes: one that was asked for, or the one after a failed failover (stop-after-failed-failover). " +
			"Of a group that is not paused it is OK.",
		Handler: func(c *Context, args []string) Reply {
			if _, fault := c.propose(state.OpResume{Name: args[0], By: c.caller()}); fault != nil {
				return fault
			}
			return OK
		},
	}
}

// caller is who asks, for the record.
func (c *Context) caller() string {
	client := c.Session.Client()
	return fmt.Sprintf("%s at %s", client.User, client.Addr)
}

func historyCommand() *Command {
	return &Command{
		Name: "history", Arity: 3, Flags: Admin, Since: "ours", Kind: Local,
		Syntax: "<master-name>",
		Summary: "Shows the last failovers of a master, the newest first, and one that runs before them: why it began, who voted, " +
			"why each replica was or was not chosen, how it ended, and the milliseconds of each phase.",
		Handler: func(c *Context, args []string) Reply {
			m, fault := c.master(args[0])
			if fault != nil {
				return fault
			}
			list := Array{}
			if m.Failover != nil {
				list = append(list, failoverRecord(m.Failover))
			}
			for i := len(m.History) - 1; i >= 0; i-- {
				list = append(list, failoverRecord(&m.History[i]))
			}
			return list
		},
	}
}

// failoverRecord describes a failover. What has not happened is empty.
func failoverRecord(f *state.Failover) Reply {
	var l fieldList
	l.count("epoch", int64(f.Epoch))
	l.text("outcome", f.Outcome)
	l.text("reason", f.Reason)
	l.text("end-reason", f.EndReason)
	l.text("kind", string(f.Kind))
	l.text("phase", string(f.Phase))
	l.text("from", f.From.String())
	to := ""
	if !f.Candidate.IsZero() {
		to = f.Candidate.String()
	}
	l.text("candidate", to)
	l.text("holder", string(f.Holder))
	l.count("claim", int64(f.Number))
	l.text("started", wallTime(f.Started))
	l.text("switched", wallTime(f.Switched))
	l.text("ended", wallTime(f.Ended))
	l.pairs = append(l.pairs, Pair{"phase-milliseconds", phaseTimes(f)}, Pair{"votes", votes(f)}, Pair{"verdicts", verdicts(f)})
	return l.pairs
}

// wallTime is a time as people and programs read it, "" for none.
func wallTime(t state.Time) string {
	if t == 0 {
		return ""
	}
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z")
}

// phaseTimes are how long each phase took, in milliseconds; the one that runs has
// none. Two clocks may disagree, so a time may be negative.
func phaseTimes(f *state.Failover) Map {
	m := Map{}
	for i, p := range f.Phases {
		end := f.Ended
		if i+1 < len(f.Phases) {
			end = f.Phases[i+1].At
		}
		if end != 0 {
			m = append(m, Pair{string(p.Phase), Number(end - p.At)})
		}
	}
	return m
}

func votes(f *state.Failover) Array {
	list := Array{}
	for _, v := range f.Evidence {
		list = append(list, Map{{"member", Bulk(v.Member)}, {"at", Bulk(wallTime(v.At))}})
	}
	return list
}

func verdicts(f *state.Failover) Array {
	list := Array{}
	for _, v := range f.Verdicts {
		list = append(list, Map{
			{"replica", Bulk(v.Addr.String())},
			{"chosen", Number(bit(v.Chosen))},
			{"reason", Bulk(v.Reason)},
		})
	}
	return list
}
