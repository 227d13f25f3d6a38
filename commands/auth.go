package commands

import (
	"strconv"
	"strings"
)

func authCommand() *Command {
	return &Command{
		Name: "auth", Arity: -2, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		Categories: []string{"connection"}, Group: "connection", Since: "1.0.0", Kind: Connection,
		Syntax: "[username] password", Summary: "Logs the connection in.",
		Handler: auth,
	}
}

func auth(c *Context, args []string) Reply {
	user, pass := DefaultUser, args[0]
	switch {
	case len(args) > 2:
		return errSyntax
	case len(args) == 2:
		user, pass = args[0], args[1]
	case c.Node.Users.needsNoPass():
		return errNoPass
	}
	return c.login(user, pass)
}

// login returns OK or the refusal.
func (c *Context) login(user, pass string) Reply {
	account, ok := c.Node.Users.login(user, pass)
	if !ok {
		c.Node.Users.refused(ofLogin, c.Word, user, c.Session.Client())
		return errWrongPass
	}
	c.Session.Update(func(client *Client) { client.User, client.Login, client.Authenticated = user, account.id, true })
	// The user may have been deleted since it was found, and this session have been
	// passed over because it was not yet that user's.
	if !c.Node.Users.Admitted(c.Session.Client()) {
		c.Session.Close()
	}
	return OK
}

func helloCommand() *Command {
	return &Command{
		Name: "hello", Arity: -1, Flags: NoScript | Loading | Stale | Fast | NoAuth | AllowBusy,
		Categories: []string{"connection"}, Group: "connection", Since: "6.0.0", Kind: Connection,
		Syntax:  "[protover [AUTH username password] [SETNAME clientname]]",
		Summary: "Greets the server, chooses the protocol version and may log in.",
		Handler: hello,
	}
}

// greeting is what HELLO was asked to do.
type greeting struct {
	protocol   int // 0: as it is
	login      bool
	user, pass string
	named      bool
	name       string
}

func hello(c *Context, args []string) Reply {
	g, fault := parseHello(args)
	if fault != nil {
		return fault
	}
	if g.login {
		if reply := c.login(g.user, g.pass); reply != OK {
			return reply
		}
	}
	if !c.Node.Users.Admitted(c.Session.Client()) {
		return errHelloNoAuth
	}
	c.Session.Update(func(client *Client) {
		if g.named {
			client.Name = g.name
		}
		if g.protocol != 0 {
			client.Protocol = g.protocol
		}
	})
	client := c.Session.Client()
	return Map{
		{"server", Bulk("redis")},
		{"version", Bulk(RedisVersion)},
		{"proto", Int(client.Protocol)},
		{"id", Int(client.ID)},
		{"mode", Bulk("sentinel")},
		{"modules", Array{}},
	}
}

func parseHello(args []string) (greeting, Reply) {
	var g greeting
	if len(args) == 0 {
		return g, nil
	}
	version, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return g, errBadProto
	}
	if version < 2 || version > 3 {
		return g, errNoProto
	}
	g.protocol = int(version)
	for rest := args[1:]; len(rest) > 0; {
		switch option := strings.ToLower(rest[0]); {
		case option == "auth" && len(rest) >= 3:
			g.login, g.user, g.pass = true, rest[1], rest[2]
			rest = rest[3:]
		case option == "setname" && len(rest) >= 2:
			if !printable(rest[1]) {
				return g, errBadName("Client names")
			}
			g.named, g.name = true, rest[1]
			rest = rest[2:]
		default:
			return g, errHelloOption(rest[0])
		}
	}
	return g, nil
}

// printable reports whether a client's name fits into CLIENT LIST: visible
// ASCII without spaces.
func printable(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r < '!' || r > '~' })
}
