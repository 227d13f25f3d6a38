package acl

import (
	"slices"
	"strings"
)

// selector is one set of permissions.
type selector struct {
	commands commandRules
	keys     []keyPattern
	allKeys  bool
	channels []string
	// allChannels: every channel and every pattern.
	allChannels bool
}

// keyPattern is a pattern of keys with what it permits.
type keyPattern struct {
	pattern     string
	read, write bool
}

// String is the pattern as a rule.
func (p keyPattern) String() string {
	switch {
	case p.read && p.write:
		return "~" + p.pattern
	case p.read:
		return "%R~" + p.pattern
	}
	return "%W~" + p.pattern
}

func newSelector(l *Language) selector {
	s := selector{commands: commandRules{language: l}, allChannels: l.options.AllChannels}
	s.commands.setAll(false)
	return s
}

func (s *selector) clone() selector {
	c := *s
	c.commands = s.commands.clone()
	c.keys, c.channels = slices.Clone(s.keys), slices.Clone(s.channels)
	return c
}

// apply applies one rule. A refused rule may have changed a part.
func (s *selector) apply(rule string) Reason {
	switch strings.ToLower(rule) {
	case "allkeys", "~*":
		s.allKeys, s.keys = true, nil
	case "resetkeys":
		s.allKeys, s.keys = false, nil
	case "allchannels", "&*":
		s.allChannels, s.channels = true, nil
	case "resetchannels":
		s.allChannels, s.channels = false, nil
	case "allcommands", "+@all":
		s.commands.setAll(true)
	case "nocommands", "-@all":
		s.commands.setAll(false)
	default:
		return s.applyPrefixed(rule)
	}
	return ""
}

// applyPrefixed applies a rule whose first byte says what it is about.
func (s *selector) applyPrefixed(rule string) Reason {
	if rule == "" {
		return Syntax
	}
	rest := rule[1:]
	switch rule[0] {
	case '~':
		return s.addKeys(keyPattern{rest, true, true})
	case '%':
		p, ok := parseKeyPattern(rest)
		if !ok && !s.allKeys {
			return Syntax
		}
		return s.addKeys(p)
	case '&':
		return s.addChannels(rest)
	case '+', '-':
		return s.applyCommand(rest, rule[0] == '+')
	}
	return Syntax
}

// parseKeyPattern reads "RW~pattern".
func parseKeyPattern(text string) (keyPattern, bool) {
	var p keyPattern
	for i := range len(text) {
		switch c := text[i]; {
		case (c == 'R' || c == 'r') && !p.read:
			p.read = true
		case (c == 'W' || c == 'w') && !p.write:
			p.write = true
		case c == '~':
			p.pattern = text[i+1:]
			return p, p.read || p.write
		default:
			return p, false
		}
	}
	// Redis takes the pattern that is missing for an empty one.
	return p, p.read || p.write
}

func (s *selector) addKeys(p keyPattern) Reason {
	switch {
	case s.allKeys:
		return AllKeysAlready
	case hasSpaces(p.pattern):
		return Syntax
	}
	for i := range s.keys {
		if old := &s.keys[i]; old.pattern == p.pattern {
			old.read, old.write = old.read || p.read, old.write || p.write
			return ""
		}
	}
	s.keys = append(s.keys, p)
	return ""
}

func (s *selector) addChannels(pattern string) Reason {
	switch {
	case s.allChannels:
		return AllChannels
	case hasSpaces(pattern):
		return Syntax
	case !slices.Contains(s.channels, pattern):
		s.channels = append(s.channels, pattern)
	}
	return ""
}

func (s *selector) applyCommand(name string, allow bool) Reason {
	if category, ok := strings.CutPrefix(name, "@"); ok {
		return s.commands.setCategory(category, allow)
	}
	if allow && strings.Contains(name, "|") {
		return s.commands.allowPart(name)
	}
	return s.commands.setCommand(name, allow)
}

// permitsChannel reports whether a channel, or literally that pattern, may be
// subscribed to.
func (s *selector) permitsChannel(name string, pattern bool) bool {
	if s.allChannels {
		return true
	}
	if pattern {
		return slices.Contains(s.channels, name)
	}
	return slices.ContainsFunc(s.channels, func(p string) bool { return s.commands.language.options.Match(p, name) })
}

// shownKeys and shownChannels are the patterns as ACL GETUSER shows them.
func (s *selector) shownKeys() string {
	if s.allKeys {
		return "~*"
	}
	texts := make([]string, len(s.keys))
	for i, p := range s.keys {
		texts[i] = p.String()
	}
	return strings.Join(texts, " ")
}

func (s *selector) shownChannels() string {
	if s.allChannels {
		return "&*"
	}
	texts := make([]string, len(s.channels))
	for i, p := range s.channels {
		texts[i] = "&" + p
	}
	return strings.Join(texts, " ")
}

// String is the rules that make the selector.
func (s *selector) String() string {
	var words []string
	if keys := s.shownKeys(); keys != "" {
		words = append(words, keys)
	}
	if !s.allChannels {
		words = append(words, "resetchannels")
	}
	if channels := s.shownChannels(); channels != "" {
		words = append(words, channels)
	}
	return strings.Join(append(words, s.commands.String()), " ")
}

// hasSpaces reports whether a text cannot be a word of the file of users.
func hasSpaces(text string) bool { return strings.ContainsFunc(text, isSpace) }

// isSpace is C's isspace, and true of NUL, where C's texts end.
func isSpace(r rune) bool { return r < 0x80 && strings.ContainsRune(" \t\n\v\f\r\x00", r) }
