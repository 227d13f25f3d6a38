package commands

import (
	"errors"
	"strings"

	"redis-failover/monitor/failover"
)

func failoverCommand() *Command {
	return &Command{
		Name: "failover", Arity: -3, Flags: Admin, Since: "2.8.4", Kind: Propose,
		Syntax: "<master-name>",
		Summary: "Starts a failover as if the master were not reachable, without asking the other nodes whether it is. " +
			"Answers when it is begun, not when it is done.",
		Handler: startFailover,
	}
}

// startFailover refuses the options that Valkey 9 knows, in its words: whoever
// asks for a coordinated failover must not get one that may lose writes.
func startFailover(c *Context, args []string) Reply {
	if len(args) > 2 {
		return errWrongArity(c.Command)
	}
	if len(args) == 2 {
		if _, fault := c.master(args[0]); fault != nil {
			return fault
		}
		if strings.EqualFold(args[1], "coordinated") {
			return errNotCoordinated
		}
		return errFailoverOption
	}
	err := c.Node.Watcher.Failover(c, args[0])
	switch {
	case err == nil:
		return OK
	case errors.Is(err, failover.ErrNoSuchMaster):
		return errNoSuchMaster
	case errors.Is(err, failover.ErrInProgress):
		return errInProgress
	case errors.Is(err, failover.ErrNoGoodReplica):
		return errNoGoodReplica
	}
	return errBroker(err)
}
