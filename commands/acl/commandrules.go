package acl

import (
	"slices"
	"strings"
)

// commandRules are the permissions of one selector to call commands: what the
// rules came to, and the rules themselves as they are shown.
type commandRules struct {
	language *Language
	// allowed is by the number of the command.
	allowed []bool
	// others: commands that the language does not know may be called.
	others bool
	// firstArgs are, for a command that is refused, the arguments with which it
	// may be called all the same.
	firstArgs map[int][]string
	// shown are the rules since the last about all commands, in lower case.
	shown []string
}

func (r *commandRules) clone() commandRules {
	c := *r
	c.allowed = slices.Clone(r.allowed)
	c.shown = slices.Clone(r.shown)
	c.firstArgs = make(map[int][]string, len(r.firstArgs))
	for i, args := range r.firstArgs {
		c.firstArgs[i] = slices.Clone(args)
	}
	return c
}

// setAll is +@all or -@all.
func (r *commandRules) setAll(allow bool) {
	r.allowed = make([]bool, len(r.language.options.Commands))
	for i := range r.allowed {
		r.allowed[i] = allow
	}
	r.others, r.firstArgs, r.shown = allow, make(map[int][]string), nil
}

// setCategory is +@name or -@name, for a name without "@".
func (r *commandRules) setCategory(name string, allow bool) Reason {
	name = strings.ToLower(name)
	if !slices.Contains(Categories(), name) {
		return Unknown
	}
	r.set(r.language.numbersIn(name), allow)
	r.show("@"+name, allow)
	return ""
}

// setCommand is +name or -name, also of a subcommand.
func (r *commandRules) setCommand(name string, allow bool) Reason {
	i, ok := r.language.find(name)
	if !ok {
		return Unknown
	}
	r.set(r.language.parts[i], allow)
	r.show(r.language.options.Commands[i].Name, allow)
	return ""
}

// allowPart is +name|part: of a container it is a subcommand, of anything else
// its first argument.
func (r *commandRules) allowPart(text string) Reason {
	last := strings.LastIndexByte(text, '|')
	name, part := text[:last], text[last+1:]
	i, ok := r.language.find(name)
	switch {
	case !ok:
		return Unknown
	case strings.Contains(name, "|"):
		return FirstArgOfChild
	case part == "" || hasSpaces(part): // with spaces it could not be kept in a file
		return Syntax
	case r.language.options.Commands[i].Container:
		return r.setCommand(text, true)
	}
	if !containsFold(r.firstArgs[i], part) {
		r.firstArgs[i] = append(r.firstArgs[i], part)
	}
	r.show(strings.ToLower(text), true)
	return ""
}

func (r *commandRules) set(numbers []int, allow bool) {
	for _, i := range numbers {
		r.allowed[i] = allow
		delete(r.firstArgs, i)
	}
}

// show adds a rule to those that are shown, and takes out the ones that it makes
// meaningless: those about the same name and about parts of it.
func (r *commandRules) show(name string, allow bool) {
	r.shown = slices.DeleteFunc(r.shown, func(old string) bool {
		rest, ok := strings.CutPrefix(old[1:], name)
		return ok && (rest == "" || rest[0] == '|')
	})
	sign := "-"
	if allow {
		sign = "+"
	}
	r.shown = append(r.shown, sign+name)
}

// permits reports whether a command may be called with that first argument ("" if
// there is none).
func (r *commandRules) permits(name, firstArg string) bool {
	i, ok := r.language.number[name]
	if !ok {
		return r.others
	}
	return r.allowed[i] || firstArg != "" && containsFold(r.firstArgs[i], firstArg)
}

func containsFold(list []string, word string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, word) })
}

// String is the rules as they are shown.
func (r *commandRules) String() string {
	all := "-@all"
	if r.others {
		all = "+@all"
	}
	return strings.Join(append([]string{all}, r.shown...), " ")
}
