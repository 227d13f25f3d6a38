package commands

import "strings"

// failureNames are the words of SIMULATE-FAILURE: Sentinel's two and then
// ours.
var failureNames = []string{
	"crash-after-election", "crash-after-promotion", "crash-after-selection", "crash-after-order",
	"freeze-after-election", "freeze-after-promotion", "freeze-after-selection", "freeze-after-order",
}

func simulateFailureCommand() *Command {
	return &Command{
		Name: "simulate-failure", Arity: -3, Flags: Admin, Since: "3.2.0", Kind: Local,
		Syntax: "<(crash|freeze)-after-(election|promotion|selection|order)|HELP> [...]",
		Summary: "Makes this node's process end, as if it crashed, or stand still until SIGCONT, when a failover " +
			"that it carries out reaches one of these steps: its claim is committed, the switch is committed, " +
			"the replica to promote is chosen, the order to it was carried out.",
		Handler: simulateFailure,
	}
}

// simulateFailure disarms everything first, on every call, as Sentinel does.
func simulateFailure(c *Context, args []string) Reply {
	names := make([]string, 0, len(args))
	for _, arg := range args {
		name := strings.ToLower(arg)
		if name == "help" {
			_ = c.Node.Watcher.SimulateFailure() // disarming does not fail
			return Array(bulks(failureNames[:2]))
		}
		names = append(names, name)
	}
	if err := c.Node.Watcher.SimulateFailure(names...); err != nil {
		return errFailureSimulation
	}
	return OK
}
