package commands

import "redis-failover/cluster/state"

// labelCommand reads the label of a master, or sets it.
func labelCommand() *Command {
	return &Command{
		Name: "label", Arity: -2, Flags: Admin, Since: "next", Kind: Propose,
		Syntax: "<master-name> [<label>]", Summary: "Reads or sets the label of a master.",
		Handler: func(c *Context, args []string) Reply {
			if len(args) == 1 {
				m, fault := c.master(args[0])
				if fault != nil {
					return fault
				}
				return Bulk(m.Label + "/" + m.Tag)
			}
			if _, fault := c.propose(state.OpLabel{Name: args[0], Label: args[1]}); fault != nil {
				return fault
			}
			return OK
		},
	}
}
