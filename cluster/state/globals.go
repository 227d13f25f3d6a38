package state

import (
	"slices"
	"strings"
)

// The names of the global settings: those that Sentinel keeps for each node, and
// that all nodes share here.
const (
	ResolveHostnames  = "resolve-hostnames"
	AnnounceHostnames = "announce-hostnames"
	SentinelUser      = "sentinel-user"
	SentinelPass      = "sentinel-pass"
)

// globalRule is how the value of one global setting is read.
type globalRule struct {
	secret bool
	// unsaid is the value of a setting that nobody has set.
	unsaid string
	// read returns the value as it is kept, false if it is none.
	read func(text string) (string, bool)
}

// globalRules is the only list of global settings: SENTINEL CONFIG and Apply both
// use it.
var globalRules = map[string]globalRule{
	ResolveHostnames:  {unsaid: "no", read: readYesNo},
	AnnounceHostnames: {unsaid: "no", read: readYesNo},
	SentinelUser:      {read: readAny},
	SentinelPass:      {read: readAny, secret: true},
}

func readYesNo(text string) (string, bool) {
	text = strings.ToLower(text)
	return text, text == "yes" || text == "no"
}

func readAny(text string) (string, bool) { return text, true }

// IsGlobal reports whether there is a global setting of that name (lower case).
func IsGlobal(name string) bool {
	_, ok := globalRules[name]
	return ok
}

// CheckGlobal returns ErrUnknownOption or ErrInvalidValue if Apply would refuse
// the setting. Its name is lower case.
func CheckGlobal(o Option) error {
	_, err := readGlobal(o)
	return err
}

// readGlobal returns the setting as the document keeps it.
func readGlobal(o Option) (Option, error) {
	rule, ok := globalRules[o.Name]
	if !ok || len(o.Values) != 1 {
		return Option{}, ErrUnknownOption{o.Name}
	}
	value, ok := rule.read(o.Values[0])
	if !ok {
		return Option{}, ErrInvalidValue{o.Name, o.Values[0]}
	}
	return Option{Name: o.Name, Values: []string{value}}, nil
}

// Global returns the value of a global setting, and whether anybody has ever set
// it: if nobody has, it is the default. The value of a secret one must not be
// shown.
func (s *State) Global(name string) (value string, said bool) {
	for _, o := range s.globals {
		if o.Name == name {
			return o.Values[0], true
		}
	}
	return globalRules[name].unsaid, false
}

// ResolveHostnames reports whether host names of servers are accepted from
// clients and from what servers say of each other.
func (s *State) ResolveHostnames() bool { return s.says(ResolveHostnames) }

// AnnounceHostnames reports whether clients and servers are told the names of
// servers that are known by name, and not their IP addresses.
func (s *State) AnnounceHostnames() bool { return s.says(AnnounceHostnames) }

func (s *State) says(name string) bool {
	value, _ := s.Global(name)
	return value == "yes"
}

// config changes global settings, and the address of the member that was told to,
// all or none.
func (d *draft) config(op OpConfig) {
	d.out.Unchanged = true
	for _, o := range op.Options {
		kept, err := readGlobal(o)
		if err != nil {
			d.refuse(RefusedInvalid, "%s", err)
			return
		}
		was, said := d.Global(kept.Name)
		if said && (op.Seed || was == kept.Values[0]) {
			continue
		}
		d.setGlobal(kept)
		d.out.Unchanged = false
	}
	if op.Member == "" {
		return
	}
	member, ok := d.members.get(string(op.Member))
	switch {
	case !ok:
		d.refuse(RefusedInvalid, "no member %q", op.Member)
	case op.Announce.IsZero():
		d.refuse(RefusedInvalid, "a member needs an address to be announced with")
	case member.Addr != op.Announce:
		old := member
		member.Addr = op.Announce
		d.members = d.members.with(string(op.Member), member)
		d.introduce(old, member)
		d.out.Unchanged = false
	}
}

// setGlobal puts a setting in its place. The list is copied: older documents
// share it.
func (d *draft) setGlobal(o Option) {
	i, found := slices.BinarySearchFunc(d.globals, o.Name, func(k Option, name string) int { return strings.Compare(k.Name, name) })
	d.globals = slices.Clone(d.globals)
	if found {
		d.globals[i] = o
	} else {
		d.globals = slices.Insert(d.globals, i, o)
	}
}
