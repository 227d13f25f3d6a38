package acl

import (
	"errors"
	"fmt"
	"strings"
)

// ReadFile reads a file of users, "user <name> <rule>..." a line. name is the
// file's own, for the errors. The error is a [FileErrors] with all that is wrong.
// No password is ever part of it.
func (l *Language) ReadFile(name, text string) ([]*User, error) {
	r := fileReader{language: l, name: name, seen: make(map[string]bool)}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.Trim(line, " \t\r\n"); line != "" {
			r.line(i+1, strings.Split(line, " "))
		}
	}
	if len(r.errors) > 0 {
		return nil, r.errors
	}
	return r.users, nil
}

// FileErrors are what is wrong with a file of users, in Redis's words.
type FileErrors []string

// Error is what ACL LOAD answers.
func (e FileErrors) Error() string {
	return strings.Join(e, "") + "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
}

type fileReader struct {
	language *Language
	name     string
	users    []*User
	seen     map[string]bool
	errors   FileErrors
}

func (r *fileReader) fail(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *fileReader) line(number int, words []string) {
	switch {
	case words[0] != "user" || len(words) < 2:
		r.fail("%s:%d should start with user keyword followed by the username. ", r.name, number)
	case !IsName(words[1]):
		r.fail("'%s:%d: username '%s' contains invalid characters. ", r.name, number, words[1])
	case r.seen[words[1]]:
		r.fail("WARNING: Duplicate user '%s' found on line %d. ", words[1], number)
	default:
		r.seen[words[1]] = true
		r.user(number, r.language.NewUser(words[1]), words[2:])
	}
}

// user applies the rules of a line. As Redis does, it reports all unknown names,
// but of other errors only the first: the rest may follow from it.
func (r *fileReader) user(number int, u *User, words []string) {
	rules, err := mergeSelectors(words)
	if err != nil {
		r.fail("%s:%d: Unmatched parenthesis in selector definition.", r.name, number)
		return
	}
	failed := false
	for _, rule := range rules {
		switch reason := u.apply(strings.Trim(rule, "\t\r\n")); {
		case reason == "":
		case reason == Unknown:
			r.fail("%s:%d: Error in applying operation '%s': %s. ", r.name, number, cString(rule), string(reason))
		case !failed:
			r.fail("%s:%d: %s. ", r.name, number, string(reason))
			failed = true
		}
	}
	r.users = append(r.users, u)
}

// FileText is a file of these users.
func FileText(users []*User) string {
	var b strings.Builder
	for _, u := range users {
		b.WriteString(u.String() + "\n")
	}
	return b.String()
}

// Explain is an error of [User.With] as it may be logged: without passwords.
func Explain(err error) string {
	if rule := new(RuleError); errors.As(err, &rule) {
		return fmt.Sprintf("'%s': %s", rule.Show(), string(rule.Reason))
	}
	if open := new(ParenthesisError); errors.As(err, &open) {
		return (&ParenthesisError{hidden(open.Word)}).Error()
	}
	return err.Error()
}
