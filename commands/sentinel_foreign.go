package commands

import (
	"fmt"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// foreignCommand shows other authorities. Sentinel's own map of a master has a
// fixed list of fields, which some clients read by position, so this is not there.
func foreignCommand() *Command {
	return &Command{
		Name: "foreign", Arity: 3, Flags: Admin, Since: "ours", Kind: Local,
		Syntax: "<master-name>",
		Summary: "Shows the Sentinels, none of this cluster, that were heard at the master within the last six seconds. " +
			"They fail over by themselves, so in good order there are none.",
		Handler: func(c *Context, args []string) Reply {
			m, fault := c.master(args[0])
			if fault != nil {
				return fault
			}
			list := Array{}
			if view, ok := c.Node.Watcher.View(m.Name); ok {
				for _, f := range view.Foreign {
					list = append(list, foreignFields(f))
				}
			}
			return list
		},
	}
}

// foreign is, in words, who else watches a master.
func (c *Context) foreign(m *state.Master) string {
	view, _ := c.Node.Watcher.View(m.Name)
	var list []string
	for _, f := range view.Foreign {
		list = append(list, fmt.Sprintf("a Sentinel at %s, which takes %s for the master", f.Addr, f.Master))
	}
	return strings.Join(list, "; ")
}

func foreignFields(v failover.ForeignView) Map {
	var f fieldList
	f.text("runid", string(v.ID))
	f.text("ip", v.Addr.Host)
	f.number("port", v.Addr.Port)
	f.count("current-epoch", int64(v.Epoch))
	f.text("master-name", v.Name)
	f.text("master-ip", v.Master.Host)
	f.number("master-port", v.Master.Port)
	f.count("config-epoch", int64(v.ConfigEpoch))
	f.age("last-hello-message", v.LastHeard)
	return f.pairs
}
