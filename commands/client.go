package commands

import (
	"strconv"
	"strings"
	"time"
)

func clientCommand() *Command {
	const plain = NoScript | Loading | Stale
	sub := func(name string, arity int, flags Flags, syntax, since, summary string, handler Handler) *Command {
		return &Command{
			Name: name, Arity: arity, Flags: flags, Categories: []string{"connection"},
			Since: since, Kind: Connection, Syntax: syntax, Summary: summary, Handler: handler,
		}
	}
	varying := func(cmd *Command) *Command {
		cmd.Tips = []string{"nondeterministic_output"}
		return cmd
	}
	return &Command{
		Name: "client", Arity: -2, Group: "connection", Since: "2.4.0", Kind: Connection,
		Summary: "A container for commands about client connections.",
		Subcommands: []*Command{
			sub("caching", 3, plain, "(YES|NO)", "6.0.0",
				"Says whether the keys of the next command are to be tracked. There are no keys here.", clientCaching),
			sub("getname", 2, plain, "", "2.6.9", "Returns the name of this connection.", clientGetName),
			sub("getredir", 2, plain, "", "6.0.0",
				"Returns the id of the connection that invalidations are redirected to.", clientGetRedir),
			sub("id", 2, plain, "", "5.0.0", "Returns the id of this connection.", clientID),
			varying(sub("info", 2, plain, "", "6.2.0", "Returns what is known of this connection.", clientInfo)),
			sub("kill", -3, plain|Admin, "(<ip:port> | <filter> <value> [<filter> <value> ...])", "2.4.0",
				"Ends the connection from an address, or all that pass the filters: ID <id>, ADDR <ip:port>, "+
					"LADDR <ip:port>, TYPE (NORMAL|MASTER|REPLICA|PUBSUB), USER <name>, MAXAGE <seconds>, "+
					"SKIPME (YES|NO) (default YES).", clientKill),
			varying(sub("list", -2, plain|Admin, "[TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <id> [<id> ...]]", "2.4.0",
				"Returns what is known of all connections, or of some.", clientList)),
			sub("no-evict", 3, plain|Admin, "(ON|OFF)", "7.0.0",
				"Notes a wish that changes nothing here: connections are not evicted.", clientNoEvict),
			sub("pause", -3, plain|Admin, "<timeout> [WRITE|ALL]", "3.0.0",
				"Holds back the commands of all connections for so many milliseconds. WRITE holds back none: "+
					"no command here writes data.", clientPause),
			sub("reply", 3, plain, "(ON|OFF|SKIP)", "3.2.0", "Says whether this connection wants replies.", clientReply),
			sub("setinfo", 4, plain, "(LIB-NAME <name> | LIB-VER <version>)", "7.2.0",
				"Names the client's library.", clientSetInfo),
			sub("setname", 3, plain, "<name>", "2.6.9", "Names this connection.", clientSetName),
			sub("tracking", -3, plain, "(ON|OFF) [REDIRECT <id>] [PREFIX <prefix> [...]] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]",
				"6.0.0", "Turns the tracking of keys on or off. There are no keys here, so no invalidation is ever sent.",
				clientTracking),
			sub("trackinginfo", 2, plain, "", "6.2.0", "Returns what was asked for with TRACKING.", clientTrackingInfo),
			sub("unblock", -3, plain|Admin, "<id> [TIMEOUT|ERROR]", "5.0.0",
				"Would unblock a connection. None is ever blocked here.", clientUnblock),
			sub("unpause", 2, plain|Admin, "", "6.2.0", "Ends a pause.", clientUnpause),
			helpCommand("5.0.0", "connection"),
		},
	}
}

func clientSetName(c *Context, args []string) Reply {
	if !printable(args[0]) {
		return errBadName("Client names")
	}
	c.Session.Update(func(client *Client) { client.Name = args[0] })
	return OK
}

func clientGetName(c *Context, _ []string) Reply {
	if name := c.Session.Client().Name; name != "" {
		return Bulk(name)
	}
	return Null{}
}

func clientSetInfo(c *Context, args []string) Reply {
	option, value := strings.ToLower(args[0]), args[1]
	if option != "lib-name" && option != "lib-ver" {
		return errUnrecognizedOption(args[0])
	}
	if !printable(value) {
		return errBadName(args[0])
	}
	c.Session.Update(func(client *Client) {
		if option == "lib-name" {
			client.LibName = value
		} else {
			client.LibVersion = value
		}
	})
	return OK
}

func clientID(c *Context, _ []string) Reply { return Int(c.Session.Client().ID) }

func clientNoEvict(c *Context, args []string) Reply {
	on, ok := onOff(args[0])
	if !ok {
		return errSyntax
	}
	c.Session.Update(func(client *Client) { client.NoEvict = on })
	return OK
}

func onOff(word string) (on, ok bool) {
	switch strings.ToLower(word) {
	case "on":
		return true, true
	case "off":
		return false, true
	}
	return false, false
}

func clientPause(c *Context, args []string) Reply {
	all := true
	switch {
	case len(args) > 2:
		return errSubcommandSyntax(c.Command)
	case len(args) == 2 && strings.EqualFold(args[1], "write"):
		all = false
	case len(args) == 2 && !strings.EqualFold(args[1], "all"):
		return errPauseMode
	}
	millis, err := strconv.ParseInt(args[0], 10, 64)
	switch {
	case err != nil || millis > maxPause.Milliseconds():
		return errPauseInteger
	case millis < 0:
		return errPauseNegative
	}
	if all {
		c.Host.Pause(time.Duration(millis) * time.Millisecond)
	}
	return OK
}

// maxPause keeps a pause far from the overflow of time.Duration.
const maxPause = 100 * 365 * 24 * time.Hour

func clientUnpause(c *Context, _ []string) Reply {
	c.Host.Unpause()
	return OK
}

func clientReply(c *Context, args []string) Reply {
	var mode ReplyMode
	switch strings.ToLower(args[0]) {
	case "on":
		mode = ReplyOn
	case "off":
		mode = ReplyOff
	case "skip":
		mode = ReplySkipNext
	default:
		return errSyntax
	}
	c.Session.Update(func(client *Client) {
		if mode == ReplySkipNext && client.Replies == ReplyOff {
			return // stays off
		}
		client.Replies = mode
	})
	if mode == ReplyOn {
		return OK
	}
	return NoReply{}
}

func clientUnblock(c *Context, args []string) Reply {
	switch {
	case len(args) > 2:
		return errSubcommandSyntax(c.Command)
	case len(args) == 2 && !strings.EqualFold(args[1], "timeout") && !strings.EqualFold(args[1], "error"):
		return errUnblockReason
	}
	if _, err := strconv.ParseInt(args[0], 10, 64); err != nil {
		return errNotInteger
	}
	return Int(0)
}
