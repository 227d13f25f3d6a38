package acl

import (
	"slices"
	"strings"
)

// Command is what rules need to know of a command.
type Command struct {
	// Name is the full name in lower case, "sentinel" or "sentinel|masters".
	Name string
	// Categories are those that it is in, without "@".
	Categories []string
	// Container: it has subcommands.
	Container bool
}

// Options are what a Language is made of.
type Options struct {
	// Commands are those that rules may name.
	Commands []Command
	// Match reports whether a channel matches a glob pattern of Redis.
	Match func(pattern, channel string) bool
	// AllChannels: new users and selectors may subscribe to all channels, as
	// with "acl-pubsub-default allchannels".
	AllChannels bool
}

// Language is what rules are read with. It never changes and is safe for all
// goroutines.
type Language struct {
	options Options
	// number is the place of each command in options.Commands.
	number map[string]int
	// parts are, for each command, itself and its subcommands.
	parts [][]int
}

// NewLanguage makes a language. The subcommands of a container are the commands
// whose names begin with its own and a "|".
func NewLanguage(o Options) *Language {
	l := &Language{options: o, number: make(map[string]int), parts: make([][]int, len(o.Commands))}
	for i, cmd := range o.Commands {
		l.number[cmd.Name] = i
	}
	for i, cmd := range o.Commands {
		l.parts[i] = append(l.parts[i], i)
		if parent, _, ok := strings.Cut(cmd.Name, "|"); ok {
			at := l.number[parent]
			l.parts[at] = append(l.parts[at], i)
		}
	}
	return l
}

// Categories are all of Redis's, in its order. Rules may name those too that no
// command is in.
func Categories() []string {
	return []string{
		"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
		"stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
	}
}

// In returns the names of the commands that are in a category themselves; false
// if there is no such category. The case of the name does not matter.
func (l *Language) In(category string) ([]string, bool) {
	category = strings.ToLower(category)
	var names []string
	for _, cmd := range l.options.Commands {
		if slices.Contains(cmd.Categories, category) {
			names = append(names, cmd.Name)
		}
	}
	return names, slices.Contains(Categories(), category)
}

// numbersIn are the commands that a rule about a category is about.
func (l *Language) numbersIn(category string) []int {
	var numbers []int
	for i, cmd := range l.options.Commands {
		if slices.Contains(cmd.Categories, category) {
			numbers = append(numbers, l.parts[i]...)
		}
	}
	return numbers
}

// find returns the number of a command by its full name in any case.
func (l *Language) find(name string) (int, bool) {
	i, ok := l.number[strings.ToLower(name)]
	return i, ok
}
