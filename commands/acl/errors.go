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

// Show is the rule as it may be logged.
func (e *RuleError) Show() string {
	if e.Rule != "" && strings.IndexByte("><#!", e.Rule[0]) >= 0 {
		return e.Rule[:1] + "******"
	}
	return cString(e.Rule)
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
