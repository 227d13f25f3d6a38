package commands

import (
	"slices"
	"strings"
)

func commandCommand() *Command {
	sub := func(name string, arity int, syntax, since, summary string, handler Handler) *Command {
		return &Command{
			Name: name, Arity: arity, Flags: Loading | Stale, Categories: []string{"connection"},
			Since: since, Kind: Connection, Syntax: syntax, Summary: summary, Handler: handler,
		}
	}
	unordered := func(cmd *Command) *Command {
		cmd.Tips = []string{"nondeterministic_output_order"}
		return cmd
	}
	return unordered(&Command{
		Name: "command", Arity: -1, Flags: Loading | Stale, Categories: []string{"connection"},
		Group: "server", Since: "2.8.13", Kind: Connection,
		Summary: "Returns details of all commands.",
		Handler: func(c *Context, _ []string) Reply { return c.Table.details(nil) },
		Subcommands: []*Command{
			sub("count", 2, "", "2.8.13", "Returns the number of commands.", commandCount),
			unordered(sub("docs", -2, "[<command-name> ...]", "7.0.0",
				"Returns the documentation of these commands, or of all.", commandDocs)),
			sub("getkeys", -3, "<full-command>", "2.8.13",
				"Returns the keys in a full command. No command here has any.", commandGetKeys),
			sub("getkeysandflags", -3, "<full-command>", "7.0.0",
				"Returns the keys in a full command with their access flags. No command here has any.", commandGetKeys),
			unordered(sub("info", -2, "[<command-name> ...]", "2.8.13",
				"Returns details of these commands, or of all.", commandInfo)),
			unordered(sub("list", -2, "[FILTERBY (MODULE <module-name>|ACLCAT <cat>|PATTERN <pattern>)]", "7.0.0",
				"Returns the names of all commands, or of those that pass the filter.", commandList)),
			helpCommand("5.0.0", "connection"),
		},
	})
}

func commandCount(c *Context, _ []string) Reply { return Int(len(c.Table.commands)) }

func commandInfo(c *Context, args []string) Reply { return c.Table.details(args) }

// details are COMMAND INFO of the named commands ("container|sub" too), or of
// all.
func (t *Table) details(names []string) Reply {
	if len(names) == 0 {
		return detailList(t.commands)
	}
	list := make(Array, len(names))
	for i, name := range names {
		if cmd := t.byFullName(name); cmd != nil {
			list[i] = detail(cmd)
		} else {
			list[i] = Null{}
		}
	}
	return list
}

func detailList(list []*Command) Array {
	array := make(Array, len(list))
	for i, cmd := range list {
		array[i] = detail(cmd)
	}
	return array
}

// detail is the ten-element description of one command. No command here takes
// keys.
func detail(cmd *Command) Array {
	categories := cmd.ACLCategories()
	for i, name := range categories {
		categories[i] = "@" + name
	}
	return Array{
		Bulk(cmd.FullName()),
		Int(cmd.Arity),
		Set(simples(cmd.Flags.Names())),
		Int(0), Int(0), Int(0),
		Set(simples(categories)),
		Set(bulks(cmd.Tips)),
		Set{},
		subcommandDetails(cmd),
	}
}

// subcommandDetails is a set when it is empty and a list otherwise: so Redis
// sends it.
func subcommandDetails(cmd *Command) Reply {
	if cmd.Subcommands == nil {
		return Set{}
	}
	return detailList(cmd.Subcommands)
}

// byFullName finds "name" or "container|sub" in any case, nil if there is none.
func (t *Table) byFullName(name string) *Command {
	name, sub, isSub := strings.Cut(name, "|")
	cmd := lookup(t.byName, name)
	if cmd == nil || !isSub {
		return cmd
	}
	return lookup(cmd.byName, sub)
}

func commandList(c *Context, args []string) Reply {
	keep := func(*Command) bool { return true }
	if len(args) > 0 {
		if len(args) != 3 || !strings.EqualFold(args[0], "filterby") {
			return errSyntax
		}
		if keep = listFilter(args[1], args[2]); keep == nil {
			return errSyntax
		}
	}
	var names []string
	for _, cmd := range c.Table.flat() {
		if keep(cmd) {
			names = append(names, cmd.FullName())
		}
	}
	return bulks(names)
}

// listFilter is nil for a kind of filter that does not exist.
func listFilter(kind, value string) func(*Command) bool {
	value = strings.ToLower(value)
	switch strings.ToLower(kind) {
	case "module":
		return func(*Command) bool { return false }
	case "aclcat":
		return func(cmd *Command) bool { return slices.Contains(cmd.ACLCategories(), value) }
	case "pattern":
		return func(cmd *Command) bool { return Match(value, cmd.FullName()) }
	}
	return nil
}

func commandDocs(c *Context, args []string) Reply {
	docs := Map{}
	if len(args) == 0 {
		for _, cmd := range c.Table.commands {
			docs = append(docs, Pair{cmd.FullName(), documentation(cmd, cmd.Group)})
		}
		return docs
	}
	for _, name := range args {
		if cmd := c.Table.byFullName(name); cmd != nil {
			group := cmd.Group
			if cmd.container != nil {
				group = cmd.container.Group
			}
			docs = append(docs, Pair{cmd.FullName(), documentation(cmd, group)})
		}
	}
	return docs
}

func documentation(cmd *Command, group string) Map {
	doc := Map{
		{"summary", Bulk(strings.TrimSuffix(cmd.Summary, "."))},
		{"since", Bulk(cmd.Since)},
		{"group", Bulk(group)},
	}
	if cmd.Replaces != "" {
		doc = append(doc,
			Pair{"doc_flags", Set{Simple("deprecated")}},
			Pair{"replaced_by", Bulk("`" + cmd.Replaces + "`")})
	}
	if cmd.Subcommands != nil {
		subs := make(Map, len(cmd.Subcommands))
		for i, sub := range cmd.Subcommands {
			subs[i] = Pair{sub.FullName(), documentation(sub, group)}
		}
		doc = append(doc, Pair{"subcommands", subs})
	}
	return doc
}

func commandGetKeys(c *Context, args []string) Reply {
	if _, _, fault := c.Table.find(args); fault != nil {
		return errBadCommand
	}
	return errNoKeys
}
