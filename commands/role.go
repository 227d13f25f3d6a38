package commands

import "redis-failover/cluster/state"

func roleCommand() *Command {
	return &Command{
		Name: "role", Arity: 1, Flags: NoScript | Loading | Stale | Fast, Categories: []string{"admin", "dangerous"},
		Group: "server", Since: "2.8.12", Kind: Local,
		Summary: "Returns \"sentinel\" and the names of the monitored masters.",
		Handler: role,
	}
}

func role(c *Context, _ []string) Reply {
	return Array{Bulk("sentinel"), bulks(masterNames(c.state()))}
}

func masterNames(s *state.State) []string {
	names := make([]string, 0, s.Len())
	for m := range s.Masters() {
		names = append(names, m.Name)
	}
	return names
}
