package acl

import (
	"fmt"
	"strings"
)

// Reason says why a rule was refused, in Redis's words.
type Reason string

// The reasons.
const (
	Unknown         Reason = "Unknown command or category name in ACL"
	Syntax          Reason = "Syntax error"
	AllKeysAlready  Reason = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
	AllChannels     Reason = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
	NoSuchPassword  Reason = "The password you are trying to remove from the user does not exist"
	BadHash         Reason = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
	FirstArgOfChild Reason = "Allowing first-arg of a subcommand is not supported"
)

// RuleError is a rule that was refused. Its text repeats the rule, which may
// hold a password: Show is for logs.
type RuleError struct {
	Rule   string
	Reason Reason
}

// Error is what ACL SETUSER answers.
func (e *RuleError) Error() string {
	return fmt.Sprintf("Error in ACL SETUSER modifier '%s': %s", cString(e.Rule), string(e.Reason))
}

// Show is the rule as it may be logged. A word of no known form is not shown: the
// likeliest is a password without ">" before it.
func (e *RuleError) Show() string { return hidden(e.Rule) }

// hidden is a rule, or the beginning of a selector, without what may be a password.
func hidden(rule string) string {
	switch {
	case harmless(rule):
		return cString(rule)
	case rule != "" && strings.IndexByte("><#!(", rule[0]) >= 0:
		return rule[:1] + "******"
	}
	return "******"
}

// harmless reports whether all words of a rule are about commands, keys or channels.
func harmless(rule string) bool {
	for word := range strings.FieldsFuncSeq(strings.TrimPrefix(rule, "("), isSpace) {
		if strings.IndexByte("+-~%&)", word[0]) < 0 {
			return false
		}
	}
	return true
}

// ParenthesisError is a selector that does not end.
type ParenthesisError struct {
	// Word is the one that begins it.
	Word string
}

// Error is what ACL SETUSER answers.
func (e *ParenthesisError) Error() string {
	return fmt.Sprintf("Unmatched parenthesis in acl selector starting at '%s'.", cString(e.Word))
}

// cString is a text as C's functions see it.
func cString(text string) string {
	text, _, _ = strings.Cut(text, "\x00")
	return text
}
