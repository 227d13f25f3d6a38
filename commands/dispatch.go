package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"redis-failover/commands/acl"
)

// Context is what a handler may use while it answers one command. It ends with
// the server, and for commands that need a majority after answerWithin.
type Context struct {
	context.Context
	Node    *Node
	Host    Host
	Session Session
	Table   *Table
	// Command is the command that is being answered, Word its first word as the
	// client wrote it.
	Command *Command
	Word    string
}

// answerWithin is how long a command waits for the broker, if it does not say
// otherwise. Longer than any election of a new raft leader takes, and short
// enough that a script that configures a node without a majority does not hang.
const answerWithin = 10 * time.Second

// Table is a set of commands. It is immutable and safe for all goroutines.
type Table struct {
	commands []*Command // by name
	byName   map[string]*Command
}

// NewTable makes a table of commands, which must not be in another table. It
// refuses a name that is there twice and a command that nothing answers.
func NewTable(list ...*Command) (*Table, error) {
	t := &Table{commands: slices.Clone(list)}
	slices.SortFunc(t.commands, byName)
	var err error
	if t.byName, err = index(t.commands, nil); err != nil {
		return nil, err
	}
	return t, nil
}

func byName(a, b *Command) int { return strings.Compare(a.Name, b.Name) }

// index makes the look-up keys of a list of commands and of their subcommands.
func index(list []*Command, container *Command) (map[string]*Command, error) {
	keys := make(map[string]*Command, len(list))
	for _, cmd := range list {
		cmd.container, cmd.fullName = container, cmd.Name
		if container != nil {
			cmd.fullName = container.Name + "|" + cmd.Name
		}
		switch {
		case cmd.Name == "" || cmd.Name != strings.ToLower(cmd.Name):
			return nil, fmt.Errorf("command %q: the name must be lower case", cmd.Name)
		case keys[cmd.Name] != nil:
			return nil, fmt.Errorf("command %q is in the table twice", cmd.FullName())
		case cmd.Handler == nil && cmd.Subcommands == nil:
			return nil, fmt.Errorf("command %q has neither handler nor subcommands", cmd.FullName())
		case cmd.Arity == 0:
			return nil, fmt.Errorf("command %q has no arity", cmd.FullName())
		}
		keys[cmd.Name] = cmd
		if cmd.Subcommands == nil {
			continue
		}
		var err error
		if cmd.byName, err = index(cmd.Subcommands, cmd); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// Commands returns the commands by name; containers hold their subcommands.
func (t *Table) Commands() []*Command { return slices.Clone(t.commands) }

// flat yields all commands by name, each container before its subcommands.
func (t *Table) flat() []*Command {
	var all []*Command
	for _, cmd := range t.commands {
		all = append(all, cmd)
		all = append(all, slices.SortedFunc(maps.Values(cmd.byName), byName)...)
	}
	return all
}

// find returns the command that words call and how many words name it, or the
// error reply. words is not empty.
func (t *Table) find(words []string) (*Command, int, Reply) {
	cmd := lookup(t.byName, words[0])
	if cmd == nil {
		return nil, 0, errUnknownCommand(words)
	}
	if cmd.Subcommands == nil || len(words) == 1 {
		return cmd, 1, nil
	}
	sub := lookup(cmd.byName, words[1])
	if sub == nil {
		return nil, 0, errUnknownSubcommand(words[1], cmd)
	}
	return sub, 2, nil
}

// lookup finds a name in any case. Most clients send one of the two spellings
// that need no new string.
func lookup(names map[string]*Command, name string) *Command {
	if cmd, ok := names[name]; ok {
		return cmd
	}
	return names[strings.ToLower(name)]
}

// Dispatch answers one command: words are its name and arguments, at least
// one. The order of the checks is Sentinel's: is there such a command, does its
// arity fit, is the client logged in, may its user call this, may it be called
// while subscribed. Dispatch is called by the session's goroutine, one command of a
// session at a time.
func (t *Table) Dispatch(c *Context, words []string) Reply {
	cmd, named, fault := t.find(words)
	if fault != nil {
		return fault
	}
	if !cmd.fits(len(words)) || cmd.Handler == nil {
		return errWrongArity(cmd)
	}
	var client Client
	c.Session.Update(func(known *Client) {
		known.Command = cmd.FullName()
		client = *known
	})
	if fault := gate(c.Node.Users, cmd, client, words[named:]); fault != nil {
		return fault
	}
	c.Table, c.Command, c.Word = t, cmd, words[0]
	reply := run(c, words[named:])
	forgetCaching(c, client)
	return reply
}

// gate refuses what the client may not call now.
func gate(users *Users, cmd *Command, client Client, args []string) Reply {
	user, ok := users.of(client)
	if !ok && cmd.Flags&NoAuth == 0 {
		return errNoAuth
	}
	if ok {
		if fault := permit(users, user, cmd, client, args); fault != nil {
			return fault
		}
	}
	if client.Subscribed() && client.Protocol == 2 && cmd.Flags&WhileSubscribed == 0 {
		return errSubscribed(cmd)
	}
	return nil
}

// permit refuses what the client's user may not call, and notes that.
func permit(users *Users, user account, cmd *Command, client Client, args []string) Reply {
	verdict, channel := user.Check(cmd.call(args))
	switch verdict {
	case acl.Permitted:
		return nil
	case acl.ChannelRefused:
		users.refused(ofChannel, channel, user.Name(), client)
	case acl.CommandRefused:
		users.refused(ofCommand, cmd.FullName(), user.Name(), client)
	}
	return errNoPerm(verdict, user.Name(), cmd)
}

func run(c *Context, args []string) Reply {
	if within := c.Command.within(); within > 0 {
		ctx, cancel := context.WithTimeout(c.Context, within)
		defer cancel()
		c.Context = ctx
	}
	if c.Command.Kind == LookUp {
		if err := c.Node.LookUps.check(c); err != nil {
			return errLookUp(c.Command, err)
		}
	}
	return c.Command.Handler(c, args)
}

// forgetCaching ends what CLIENT CACHING said for one command. As in Redis, a
// CLIENT command does not use it up.
func forgetCaching(c *Context, before Client) {
	if before.Tracking == nil || !before.Tracking.Caching {
		return
	}
	if container := c.Command.container; container != nil && container.Name == "client" {
		return
	}
	c.Session.Update(func(client *Client) {
		if client.Tracking != nil {
			used := *client.Tracking
			used.Caching = false
			client.Tracking = &used
		}
	})
}
