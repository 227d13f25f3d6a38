package commands

import (
	"strconv"
	"time"

	"redis-failover/monitor/scripts"
)

func pendingScriptsCommand() *Command {
	return &Command{
		Name: "pending-scripts", Arity: 2, Flags: Admin, Since: "2.8.4", Kind: Local,
		Summary: "Shows the scripts that run or wait to run.",
		Handler: func(c *Context, _ []string) Reply {
			list := Array{}
			for _, s := range c.Node.Scripts.Pending() {
				list = append(list, scriptFields(s))
			}
			return list
		},
	}
}

// scriptFields are Sentinel's, in its order.
func scriptFields(s scripts.Script) Reply {
	flags, timer := "scheduled", "run-delay"
	if s.Running {
		flags, timer = "running", "run-time"
	}
	return Map{
		{"argv", bulks(s.Argv)},
		{"flags", Bulk(flags)},
		{"pid", Bulk(strconv.Itoa(s.Pid))},
		{timer, Bulk(strconv.FormatInt(int64(s.Time/time.Millisecond), 10))},
		{"retry-num", Bulk(strconv.Itoa(s.Attempts))},
	}
}

// countScripts are the scripts that run, and all of them.
func (c *Context) countScripts() (running, all int) {
	pending := c.Node.Scripts.Pending()
	for _, s := range pending {
		running += bit(s.Running)
	}
	return running, len(pending)
}
