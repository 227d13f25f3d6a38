package commands

// All returns a new set of all commands: one line here for each value in the
// files of this package. Pass it to NewTable, with commands of your own if you
// embed the server.
func All() []*Command {
	return []*Command{
		aclCommand(),
		authCommand(),
		clientCommand(),
		commandCommand(),
		helloCommand(),
		infoCommand(),
		pingCommand(),
		psubscribeCommand(),
		publishCommand(),
		punsubscribeCommand(),
		quitCommand(),
		resetConnectionCommand(),
		roleCommand(),
		sentinelCommand(),
		shutdownCommand(),
		subscribeCommand(),
		unsubscribeCommand(),
	}
}
