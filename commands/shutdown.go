package commands

import "strings"

func shutdownCommand() *Command {
	return &Command{
		Name: "shutdown", Arity: -1, Flags: Admin | NoScript | Loading | Stale | NoMulti | AllowBusy,
		Group: "server", Since: "1.0.0", Kind: Connection,
		Syntax:  "[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
		Summary: "Stops the server. Everything acknowledged is durable already, so the options change nothing.",
		Handler: shutdown,
	}
}

func shutdown(c *Context, args []string) Reply {
	given := make(map[string]bool, len(args))
	for _, word := range args {
		option := strings.ToLower(word)
		switch option {
		case "nosave", "save", "now", "force", "abort":
			given[option] = true
		default:
			return errSyntax
		}
	}
	if given["abort"] && len(args) > 1 || given["save"] && given["nosave"] {
		return errSyntax
	}
	if given["abort"] {
		return errNoShutdown
	}
	c.Host.Shutdown()
	return NoReply{}
}

// quitCommand is more than Sentinel 7 knows. Many clients and health checks end
// with QUIT and wait for its OK.
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
