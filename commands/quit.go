package commands

// QUIT and RESET are more than Sentinel 7 knows: many clients and health checks
// end with QUIT and wait for its OK, and pools of connections send RESET.

func quitCommand() *Command {
	return &Command{
		Name: "quit", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy | WhileSubscribed,
		Categories: []string{"connection"}, Group: "connection", Since: "1.0.0", Kind: Connection,
		Summary: "Ends the connection.",
		Handler: quit,
	}
}

func quit(c *Context, _ []string) Reply {
	c.Session.Close()
	return OK
}

func resetConnectionCommand() *Command {
	return &Command{
		Name: "reset", Arity: 1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy | WhileSubscribed,
		Categories: []string{"connection"}, Group: "connection", Since: "6.2.0", Kind: Connection,
		Summary: "Makes the connection what it was when it was new: no subscriptions, no name, RESP2, not logged in.",
		Handler: resetConnection,
	}
}

func resetConnection(c *Context, _ []string) Reply {
	c.Session.DropSubscriptions()
	c.Session.Update(func(client *Client) {
		client.Name, client.Protocol, client.Tracking = "", 2, nil
		client.NoEvict, client.Replies = false, ReplyOn
		client.User, client.Login, client.Authenticated = DefaultUser, 0, c.Node.Users.Open()
	})
	return Simple("RESET")
}
