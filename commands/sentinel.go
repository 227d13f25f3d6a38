package commands

func sentinelCommand() *Command {
	return &Command{
		Name: "sentinel", Arity: -2, Flags: Admin, Group: "sentinel", Since: "2.8.4", Kind: Local,
		Summary: "A container for the commands of Sentinel.",
		Subcommands: []*Command{
			ckquorumCommand(),
			configCommand(),
			debugCommand(),
			failoverCommand(),
			flushConfigCommand(),
			masterAddrCommand("get-master-addr-by-name", "2.8.4"),
			masterAddrCommand("get-primary-addr-by-name", "Valkey 8.0"),
			infoCacheCommand(),
			isMasterDownCommand("is-master-down-by-addr", "2.8.4"),
			isMasterDownCommand("is-primary-down-by-addr", "Valkey 8.0"),
			masterCommand("master", "2.8.4"),
			mastersCommand("masters", "2.8.4"),
			memberCommand(),
			membersCommand(),
			monitorCommand(),
			myIDCommand(),
			pendingScriptsCommand(),
			masterCommand("primary", "Valkey 8.0"),
			mastersCommand("primaries", "Valkey 8.0"),
			removeCommand(),
			replicasCommand("replicas", "5.0.0", ""),
			resetCommand(),
			sentinelsCommand(),
			setCommand(),
			simulateFailureCommand(),
			replicasCommand("slaves", "2.8.0", "SENTINEL REPLICAS"),
			helpCommand("6.2.0"),
		},
	}
}
