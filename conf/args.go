package conf

import (
	"strings"

	"redis-failover/conf/fault"
	"redis-failover/conf/sentinelconf"
)

// How a command line is told apart. Redis Sentinel takes lines of its
// configuration file as arguments behind the file: a word with two dashes begins
// a line, and the words up to the next one are its arguments. Our flags have one
// dash or two. So a word that names one of our flags is that flag, wherever it
// stands, and ends the line before it; none of our flags has the name of a
// directive. Any other word with two dashes begins a line if it names a
// directive. Within a line a word with one dash is an argument (bind -::1), and so is
// one with two dashes right behind the name of a directive (requirepass --x).

// commandLine is what the arguments say.
type commandLine struct {
	// flags are in the order given; a later one replaces an earlier one.
	flags []flagValue
	// files are the words that are neither flags nor part of a directive.
	files []string
	// directives are lines for the end of a sentinel.conf.
	directives []sentinelconf.Line
}

// flagValue is one flag as given.
type flagValue struct {
	setting *setting
	// typed is the name as typed, with its dashes.
	typed, text string
}

func (f flagValue) origin() origin {
	subject := f.typed
	if f.setting.arg != "" {
		subject += " " + f.setting.shown(f.text)
	}
	name := "-" + fold(strings.TrimLeft(f.typed, "-"))
	return origin{at: Pos{Name: name}, subject: subject}
}

// argScanner goes through the arguments once.
type argScanner struct {
	table  table
	rest   []string
	line   commandLine
	faults *fault.Collector
	// inDirective: words belong to the last of line.directives; inUnknown: to a
	// name that nobody knows, and are dropped.
	inDirective, inUnknown bool
}

// scanArgs reads a command line, without the program's name.
func scanArgs(t table, args []string, faults *fault.Collector) commandLine {
	s := argScanner{table: t, rest: args, faults: faults}
	for len(s.rest) > 0 {
		word := s.next()
		if word == "--" {
			s.line.files = append(s.line.files, s.rest...)
			break
		}
		s.word(word)
	}
	return s.line
}

func (s *argScanner) next() string {
	word := s.rest[0]
	s.rest = s.rest[1:]
	return word
}

func (s *argScanner) word(word string) {
	name, value, hasValue := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
	dashed := len(word) > 1 && word[0] == '-'
	if dashed {
		if f := s.table.flag(name); f != nil {
			s.inDirective, s.inUnknown = false, false
			s.flag(f, word, value, hasValue)
			return
		}
	}
	switch twoDashes := strings.HasPrefix(word, "--"); {
	case twoDashes && sentinelconf.IsDirective(name):
		s.directive(name, value, hasValue)
	case twoDashes && s.wholeLine(word[2:]):
	case twoDashes && s.awaitsValue():
		last := &s.line.directives[len(s.line.directives)-1]
		last.Words = append(last.Words, word)
	case twoDashes || dashed && !s.isArgument(word):
		s.unknown(word, name)
	case s.inDirective:
		last := &s.line.directives[len(s.line.directives)-1]
		last.Words = append(last.Words, word)
	case !s.inUnknown:
		s.line.files = append(s.line.files, word)
	}
}

// wholeLine takes a directive and its arguments in one word, as in "--port 26380".
func (s *argScanner) wholeLine(text string) bool {
	words, err := sentinelconf.SplitArgs(text)
	if err != nil || len(words) < 2 || !sentinelconf.IsDirective(words[0]) {
		return false
	}
	s.directive(words[0], "", false)
	last := &s.line.directives[len(s.line.directives)-1]
	last.Words = append(last.Words, words[1:]...)
	s.inDirective = false // as in Redis, what follows begins anew
	return true
}

// awaitsValue reports whether the word before was the name of a directive other
// than sentinel, which Redis gives whatever comes next: a password may begin with
// two dashes.
func (s *argScanner) awaitsValue() bool {
	if !s.inDirective {
		return false
	}
	last := s.line.directives[len(s.line.directives)-1].Words
	return len(last) == 1 && !strings.EqualFold(last[0], "sentinel")
}

// isArgument reports whether a word with one dash belongs to what came before:
// always in a directive, and after an unknown name if it does not look like a
// flag.
func (s *argScanner) isArgument(word string) bool {
	c := word[1] | 0x20
	return s.inDirective || s.inUnknown && (c < 'a' || c > 'z')
}

// flag takes one of our flags, and its value from the next word if need be.
func (s *argScanner) flag(f *setting, word, value string, hasValue bool) {
	typed, _, _ := strings.Cut(word, "=")
	switch {
	case hasValue:
	case f.arg == "":
		value = "true"
	case len(s.rest) == 0:
		s.faults.Add(fault.Fault{At: Pos{Name: typed}, Subject: typed, Problem: "The flag has no value.", Remedy: f.want})
		return
	default:
		value = s.next()
	}
	s.line.flags = append(s.line.flags, flagValue{f, typed, value})
}

// directive begins a line.
func (s *argScanner) directive(name, value string, hasValue bool) {
	words := []string{name}
	if hasValue {
		words = append(words, value)
	}
	s.line.directives = append(s.line.directives, sentinelconf.Line{At: Pos{Name: "--" + name}, Words: words})
	s.inDirective, s.inUnknown = true, false
}

// unknown reports a name that is neither a flag nor a directive. Its arguments
// may be a password, so only the name is shown.
func (s *argScanner) unknown(word, name string) {
	s.inDirective, s.inUnknown = false, true
	typed, _, _ := strings.Cut(word, "=")
	remedy := "redis-failover -help lists the flags."
	if near := fault.Nearest(name, s.table.flagNames()); near != "" {
		remedy = "Did you mean -" + near + "?"
	} else if near := fault.Nearest(name, sentinelconf.DirectiveNames()); near != "" {
		remedy = "Did you mean --" + near + " (a line of a sentinel.conf)?"
	}
	s.faults.Add(fault.Fault{At: Pos{Name: typed}, Subject: fault.Show(typed), Problem: "There is no such flag.", Remedy: remedy})
}
