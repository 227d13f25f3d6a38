package commands

import (
	"slices"
	"strings"
	"time"
)

// Kind says what a command needs before its handler can answer.
type Kind int8

const (
	// Local commands answer from the local document and observations; they
	// work without a majority.
	Local Kind = iota
	// LookUp commands are as Local ones, but they tell clients where a master
	// is, so the dispatcher first asks Node.LookUps whether to answer.
	LookUp
	// Propose commands change the document. They answer when the change is
	// durable and applied here, and are refused without a majority.
	Propose
	// Connection commands are about the session or the server itself.
	Connection
)

// String is the word for the documentation.
func (k Kind) String() string {
	return [...]string{"local", "look-up", "propose", "connection"}[k]
}

// Flags are properties of a command, as COMMAND INFO shows them.
type Flags uint16

// The flags, in the order in which COMMAND INFO lists them.
const (
	Admin Flags = 1 << iota
	PubSub
	NoScript
	Loading
	Stale
	Fast
	NoAuth // may be called before authentication
	NoMulti
	AllowBusy
	// WhileSubscribed commands may be called on a RESP2 session that has
	// subscriptions. It is no flag of Redis and not shown.
	WhileSubscribed
)

var flagNames = []struct {
	flag Flags
	name string
}{
	{Admin, "admin"}, {PubSub, "pubsub"}, {NoScript, "noscript"}, {Loading, "loading"}, {Stale, "stale"},
	{Fast, "fast"}, {NoAuth, "no_auth"}, {NoMulti, "no_multi"}, {AllowBusy, "allow_busy"},
}

// Names are the flags as COMMAND INFO shows them.
func (f Flags) Names() []string {
	var names []string
	for _, known := range flagNames {
		if f&known.flag != 0 {
			names = append(names, known.name)
		}
	}
	return names
}

// ChannelArgs says which arguments of a command name channels.
type ChannelArgs int8

// The ways to name channels. Those that somebody stops listening to need no
// permission and are not meant.
const (
	NoChannels ChannelArgs = iota
	FirstIsChannel
	AllAreChannels
	AllArePatterns
)

// Handler answers a command. args are the words after the command's name (and
// its subcommand's); their number fits the command's arity. It runs on the
// session's goroutine and may block until c ends.
type Handler func(c *Context, args []string) Reply

// Command is all there is to know of a command. The values are made once, in
// the table, and never changed.
type Command struct {
	// Name is lower case, without its container's.
	Name string
	// Arity is the number of words, the name (and the container's) included;
	// negative means "at least".
	Arity int
	Flags Flags
	// Categories are the ACL categories beside those that the flags imply,
	// without "@".
	Categories []string
	// Channels says which arguments name channels of pub/sub, which a user must be
	// permitted beside the command.
	Channels ChannelArgs
	// Tips are hints for proxies, as Redis words them.
	Tips []string
	Kind Kind
	// Within bounds the time that the command may take, if that is not the usual
	// for its Kind.
	Within time.Duration
	// Group and Since are for the documentation; Since is the version of Redis
	// (or "ours") that brought the command.
	Group, Since string
	// Syntax is what follows the name, "<name> <ip>"; Summary says in a
	// sentence what the command does.
	Syntax, Summary string
	// Replaces is what to use instead of a deprecated command, "" if this one
	// is not deprecated.
	Replaces string
	Handler  Handler
	// Subcommands make this a container. A container may have a Handler of its
	// own, for the call without a subcommand.
	Subcommands []*Command

	// container is filled in by NewTable, as are the full name and the look-up
	// keys.
	container *Command
	fullName  string
	byName    map[string]*Command
}

// FullName is "container|sub", or the bare name.
func (c *Command) FullName() string {
	if c.fullName == "" { // not in a table
		return c.Name
	}
	return c.fullName
}

// within is how long the command may take, 0 for as long as the server runs.
func (c *Command) within() time.Duration {
	if c.Within == 0 && c.Kind == Propose {
		return answerWithin
	}
	return c.Within
}

// fits reports whether that many words are right.
func (c *Command) fits(words int) bool {
	if c.Arity < 0 {
		return words >= -c.Arity
	}
	return words == c.Arity
}

// categoryOrder is the order in which Redis lists ACL categories.
var categoryOrder = []string{"pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection"}

// ACLCategories are all categories of the command, without "@", in the order
// in which Redis lists them.
func (c *Command) ACLCategories() []string {
	has := slices.Clone(c.Categories)
	if c.Flags&Admin != 0 {
		has = append(has, "admin", "dangerous")
	}
	if c.Flags&PubSub != 0 {
		has = append(has, "pubsub")
	}
	if c.Flags&Fast != 0 {
		has = append(has, "fast")
	} else {
		has = append(has, "slow")
	}
	return slices.DeleteFunc(slices.Clone(categoryOrder), func(name string) bool {
		return !slices.Contains(has, name)
	})
}

// help are the lines of the container's HELP subcommand, all made of the
// subcommands' own values.
func (c *Command) help() []string {
	lines := []string{strings.ToUpper(c.Name) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	if c.Handler != nil {
		lines = append(lines, "(no subcommand)", "    "+c.Summary)
	}
	for _, sub := range c.Subcommands {
		lines = append(lines, strings.TrimSpace(strings.ToUpper(sub.Name)+" "+sub.Syntax))
		lines = append(lines, wrap(sub.Summary, 76)...)
	}
	return lines
}

// helpCommand is the HELP subcommand of a container; it stands last in its
// list.
func helpCommand(since string, categories ...string) *Command {
	return &Command{
		Name: "help", Arity: 2, Flags: Loading | Stale, Categories: categories, Since: since, Kind: Connection,
		Summary: "Prints this help.",
		Handler: func(c *Context, _ []string) Reply { return Array(simples(c.Command.container.help())) },
	}
}

// wrap breaks a text into indented lines of at most width bytes (a longer word
// stays whole).
func wrap(text string, width int) []string {
	const indent = "    "
	var lines []string
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line) > len(indent) {
			if len(line)+1+len(word) > len(indent)+width {
				lines = append(lines, line)
				line = indent
			} else {
				line += " "
			}
		}
		line += word
	}
	return append(lines, line)
}
