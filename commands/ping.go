package commands

func pingCommand() *Command {
	return &Command{
		Name: "ping", Arity: -1, Flags: Fast | WhileSubscribed, Categories: []string{"connection"},
		Tips:  []string{"request_policy:all_shards", "response_policy:all_succeeded"},
		Group: "connection", Since: "1.0.0", Kind: Connection,
		Syntax: "[message]", Summary: "Returns PONG, or the message.",
		Handler: ping,
	}
}

func ping(c *Context, args []string) Reply {
	if len(args) > 1 {
		return errWrongArity(c.Command)
	}
	client := c.Session.Client()
	switch {
	case client.Subscribed() && client.Protocol == 2:
		// Clients tell replies from messages by the first word here.
		message := ""
		if len(args) == 1 {
			message = args[0]
		}
		return Array{Bulk("pong"), Bulk(message)}
	case len(args) == 1:
		return Bulk(args[0])
	}
	return Simple("PONG")
}
