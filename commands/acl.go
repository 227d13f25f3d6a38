package commands

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-failover/commands/acl"
)

func aclCommand() *Command {
	const plain = NoScript | Loading | Stale
	sub := func(name string, arity int, flags Flags, syntax, since, summary string, handler Handler) *Command {
		return &Command{
			Name: name, Arity: arity, Flags: flags, Since: since, Kind: Connection,
			Syntax: syntax, Summary: summary, Handler: handler,
		}
	}
	return &Command{
		Name: "acl", Arity: -2, Group: "server", Since: "6.0.0", Kind: Connection,
		Summary: "A container for commands about users and what they may do.",
		Subcommands: []*Command{
			sub("cat", -2, plain, "[<category>]", "6.0.0", "Lists the categories of commands, or the commands of one.", aclCat),
			sub("deluser", -3, plain|Admin, "<username> [<username> ...]", "6.0.0",
				"Deletes users of this node and closes their connections.", aclDelUser),
			sub("dryrun", -4, plain|Admin, "<username> <command> [<arg> ...]", "7.0.0",
				"Says whether a user may give a command, without giving it.", aclDryRun),
			sub("genpass", -2, plain, "[<bits>]", "6.0.0", "Draws a password of 256 bits, or of so many.", aclGenPass),
			sub("getuser", 3, plain|Admin, "<username>", "6.0.0", "Returns what a user is and may do.", aclGetUser),
			sub("list", 2, plain|Admin, "", "6.0.0", "Returns all users as lines of a file of users.", aclList),
			sub("load", 2, plain|Admin, "", "6.0.0", "Reads the file of users anew.", aclLoad),
			sub("log", -2, plain|Admin, "[<count> | RESET]", "6.0.0",
				"Returns the last calls and logins that were refused, or forgets them.", aclLog),
			sub("save", 2, plain|Admin, "", "6.0.0", "Writes the users to the file of users.", aclSave),
			sub("setuser", -3, plain|Admin, "<username> [<rule> ...]", "6.0.0",
				"Makes or changes a user of this node. Without ACL SAVE that lasts until the node ends.", aclSetUser),
			sub("users", 2, plain|Admin, "", "6.0.0", "Returns the names of all users.", aclUsers),
			sub("whoami", 2, plain, "", "6.0.0", "Returns the user of this connection.", aclWhoAmI),
			helpCommand("6.0.0"),
		},
	}
}

func aclCat(c *Context, args []string) Reply {
	switch len(args) {
	case 0:
		return bulks(acl.Categories())
	case 1:
		names, ok := c.Node.Users.language.In(args[0])
		if !ok {
			return errUnknownCategory(args[0])
		}
		return bulks(names)
	}
	return errSubcommandSyntax(c.Command)
}

func aclDelUser(c *Context, args []string) Reply {
	if slices.Contains(args, DefaultUser) {
		return errDefaultUser
	}
	n := c.Node.Users.deleteUsers(args)
	c.Node.Users.enforce(c.Host, c.Session)
	return Int(n)
}

func aclDryRun(c *Context, args []string) Reply {
	user, ok := c.Node.Users.find(args[0])
	if !ok {
		return errUserNotFound(args[0])
	}
	words := args[1:]
	cmd, named, fault := c.Table.find(words)
	switch {
	case fault != nil:
		return errCommandNotFound(words[0])
	case !cmd.fits(len(words)):
		return errWrongArity(cmd)
	}
	switch verdict, channel := user.Check(cmd.call(words[named:])); verdict {
	case acl.Permitted:
		return OK
	case acl.ChannelRefused:
		return Bulk("User " + args[0] + " has no permissions to access the '" + channel + "' channel")
	}
	return Bulk("User " + args[0] + " has no permissions to run the '" + cmd.FullName() + "' command")
}

// maxPassBits is Redis's.
const maxPassBits = 4096

func aclGenPass(c *Context, args []string) Reply {
	bits := int64(256)
	switch {
	case len(args) > 1:
		return errSubcommandSyntax(c.Command)
	case len(args) == 1:
		var err error
		if bits, err = strconv.ParseInt(args[0], 10, 64); err != nil {
			return errNotInteger
		}
	}
	if bits <= 0 || bits > maxPassBits {
		return errGenPass
	}
	random := make([]byte, (bits+7)/8)
	_, _ = rand.Read(random) // never fails
	return Bulk(hex.EncodeToString(random)[:(bits+3)/4])
}

func aclGetUser(c *Context, args []string) Reply {
	user, ok := c.Node.Users.find(args[0])
	if !ok {
		return Null{}
	}
	sets := user.Permissions()
	selectors := Array{}
	for _, set := range sets[1:] {
		selectors = append(selectors, permissions(set))
	}
	reply := Map{{"flags", Set(bulks(user.Flags()))}, {"passwords", bulks(user.Passwords())}}
	return append(append(reply, permissions(sets[0])...), Pair{"selectors", selectors})
}

func permissions(p acl.Permissions) Map {
	return Map{{"commands", Bulk(p.Commands)}, {"keys", Bulk(p.Keys)}, {"channels", Bulk(p.Channels)}}
}

func aclList(c *Context, _ []string) Reply {
	lines := Array{}
	for _, user := range c.Node.Users.all() {
		lines = append(lines, Bulk(user.String()))
	}
	return lines
}

func aclUsers(c *Context, _ []string) Reply {
	names := Array{}
	for _, user := range c.Node.Users.all() {
		names = append(names, Bulk(user.Name()))
	}
	return names
}

func aclWhoAmI(c *Context, _ []string) Reply { return Bulk(c.Session.Client().User) }

func aclSetUser(c *Context, args []string) Reply {
	if !acl.IsName(args[0]) {
		return errUserName
	}
	if err := c.Node.Users.setUser(args[0], args[1:]); err != nil {
		return Error("ERR " + err.Error())
	}
	c.Node.Users.enforce(c.Host, c.Session)
	return OK
}

func aclLoad(c *Context, _ []string) Reply {
	if c.Node.Users.file == "" {
		return errNoUserFile
	}
	if err := c.Node.Users.reload(c.Host, c.Session); err != nil {
		return Error("ERR " + err.Error())
	}
	return OK
}

func aclSave(c *Context, _ []string) Reply {
	if c.Node.Users.file == "" {
		return errNoUserFile
	}
	if err := c.Node.Users.save(); err != nil {
		return errUserSave(err)
	}
	return OK
}

// shownRefusals is how many ACL LOG shows if it is not told.
const shownRefusals = 10

func aclLog(c *Context, args []string) Reply {
	count := int64(shownRefusals)
	switch {
	case len(args) > 1:
		return errSubcommandSyntax(c.Command)
	case len(args) == 1 && strings.EqualFold(args[0], "reset"):
		c.Node.Users.forgetRefusals()
		return OK
	case len(args) == 1:
		var err error
		if count, err = strconv.ParseInt(args[0], 10, 64); err != nil {
			return errNotInteger
		}
	}
	now, entries := time.Now(), Array{}
	for _, e := range c.Node.Users.lastRefusals(int(count)) {
		entries = append(entries, refusal(e, now))
	}
	return entries
}

// refusal is an entry of the log. Everything here is said outside of transactions
// and scripts: there are none.
func refusal(e acl.Entry, now time.Time) Map {
	return Map{
		{"count", Int(e.Count)},
		{"reason", Bulk(e.Reason)},
		{"context", Bulk("toplevel")},
		{"object", Bulk(e.Object)},
		{"username", Bulk(e.User)},
		{"age-seconds", Double(float64(now.Sub(e.Updated).Milliseconds()) / 1000)},
		{"client-info", Bulk(e.Client)},
		{"entry-id", Int(e.ID)},
		{"timestamp-created", Int(e.Created.UnixMilli())},
		{"timestamp-last-updated", Int(e.Updated.UnixMilli())},
	}
}
