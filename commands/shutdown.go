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
