package acl

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"iter"
	"slices"
	"strings"
)

// User is who a client can be and what that one may do. It never changes and is
// safe for all goroutines.
type User struct {
	name     string
	language *Language
	on       bool
	noPass   bool
	// skipSanitize is about commands that a sentinel does not have.
	skipSanitize bool
	// passwords are SHA-256 hashes in lower case hex, in the order given.
	passwords []string
	root      selector
	selectors []selector
}

// NewUser makes a user who may do nothing and not log in.
func (l *Language) NewUser(name string) *User {
	return &User{name: name, language: l, root: newSelector(l)}
}

// NewDefaultUser makes a user who may do everything and needs no password.
func (l *Language) NewDefaultUser(name string) *User {
	u := l.NewUser(name)
	u.on, u.noPass = true, true
	u.root.allKeys, u.root.allChannels = true, true
	u.root.commands.setAll(true)
	return u
}

// IsName reports whether a user can have that name.
func IsName(name string) bool { return !hasSpaces(name) }

// Name is the user's name; names may be empty.
func (u *User) Name() string { return u.name }

// On reports whether the user may log in.
func (u *User) On() bool { return u.on }

// NoPass reports whether any password, or none, will do.
func (u *User) NoPass() bool { return u.noPass }

// With returns the user that the rules make of this one, or why not: a
// [RuleError] or a [ParenthesisError].
func (u *User) With(rules ...string) (*User, error) {
	merged, err := mergeSelectors(rules)
	if err != nil {
		return nil, err
	}
	c := u.clone()
	for _, rule := range merged {
		if reason := c.apply(rule); reason != "" {
			return nil, &RuleError{rule, reason}
		}
	}
	return c, nil
}

func (u *User) clone() *User {
	c := *u
	c.passwords = slices.Clone(u.passwords)
	c.root = u.root.clone()
	c.selectors = make([]selector, len(u.selectors))
	for i := range u.selectors {
		c.selectors[i] = u.selectors[i].clone()
	}
	return &c
}

// mergeSelectors makes one rule of the words between two parentheses.
func mergeSelectors(words []string) ([]string, error) {
	var merged []string
	open, first := false, ""
	for _, word := range words {
		switch {
		case open:
			merged[len(merged)-1] += " " + word
			open = !strings.HasSuffix(word, ")")
			continue
		case strings.HasPrefix(word, "(") && !strings.HasSuffix(word, ")"):
			open, first = true, word
		}
		merged = append(merged, word)
	}
	if open {
		return nil, &ParenthesisError{first}
	}
	return merged, nil
}

// apply applies one rule. An empty one changes nothing.
func (u *User) apply(rule string) Reason {
	switch strings.ToLower(rule) {
	case "":
	case "on":
		u.on = true
	case "off":
		u.on = false
	case "nopass":
		u.noPass, u.passwords = true, nil
	case "resetpass":
		u.noPass, u.passwords = false, nil
	case "skip-sanitize-payload":
		u.skipSanitize = true
	case "sanitize-payload":
		u.skipSanitize = false
	case "clearselectors":
		u.selectors = nil
	case "reset":
		*u = *u.language.NewUser(u.name)
	default:
		return u.applyPrefixed(rule)
	}
	return ""
}

func (u *User) applyPrefixed(rule string) Reason {
	rest := rule[1:]
	switch {
	case rule[0] == '>':
		u.addPassword(hash(rest))
	case rule[0] == '#' && !isHash(rest), rule[0] == '!' && !isHash(rest):
		return BadHash
	case rule[0] == '#':
		u.addPassword(rest)
	case rule[0] == '<':
		return u.removePassword(hash(rest))
	case rule[0] == '!':
		return u.removePassword(rest)
	case rule[0] == '(' && strings.HasSuffix(rule, ")"):
		return u.addSelector(rule[1 : len(rule)-1])
	default:
		return u.root.apply(rule)
	}
	return ""
}

func (u *User) addPassword(hash string) {
	if !slices.Contains(u.passwords, hash) {
		u.passwords = append(u.passwords, hash)
	}
	u.noPass = false
}

func (u *User) removePassword(hash string) Reason {
	i := slices.Index(u.passwords, hash)
	if i < 0 {
		return NoSuchPassword
	}
	u.passwords = slices.Delete(u.passwords, i, i+1)
	return ""
}

// addSelector adds a set of permissions. A pattern in it must not end with a
// parenthesis: the selector would be shown, and kept, as one that ends there.
// (Redis accepts it, and does not start with the file that it then writes.)
func (u *User) addSelector(rules string) Reason {
	s := newSelector(u.language)
	for rule := range strings.FieldsFuncSeq(rules, isSpace) {
		if strings.HasSuffix(rule, ")") {
			return Syntax
		}
		if reason := s.apply(rule); reason != "" {
			return reason
		}
	}
	u.selectors = append(u.selectors, s)
	return ""
}

// hash is how passwords are kept.
func hash(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

func isHash(text string) bool {
	return len(text) == hex.EncodedLen(sha256.Size) && strings.Trim(text, "0123456789abcdef") == ""
}

// Admits reports whether the user may log in with this password. The time that
// it takes tells nothing of the right ones: all hashes are compared, and as
// wholes.
func (u *User) Admits(password string) bool {
	given, found := []byte(hash(password)), 0
	for _, kept := range u.passwords {
		found |= subtle.ConstantTimeCompare(given, []byte(kept))
	}
	return u.on && (u.noPass || found == 1)
}

// Flags are the user's properties as ACL GETUSER shows them.
func (u *User) Flags() []string {
	flags := []string{"off"}
	if u.on {
		flags[0] = "on"
	}
	if u.noPass {
		flags = append(flags, "nopass")
	}
	if u.skipSanitize {
		return append(flags, "skip-sanitize-payload")
	}
	return append(flags, "sanitize-payload")
}

// Passwords are the hashes in lower case hex, in the order given.
func (u *User) Passwords() []string { return slices.Clone(u.passwords) }

// Permissions are one set of a user's permissions, as rules.
type Permissions struct{ Commands, Keys, Channels string }

// Permissions are the user's own, followed by those of the selectors.
func (u *User) Permissions() []Permissions {
	all := make([]Permissions, 0, 1+len(u.selectors))
	for s := range u.sets() {
		all = append(all, Permissions{s.commands.String(), s.shownKeys(), s.shownChannels()})
	}
	return all
}

// sets are the root and the selectors.
func (u *User) sets() iter.Seq[*selector] {
	return func(yield func(*selector) bool) {
		if !yield(&u.root) {
			return
		}
		for i := range u.selectors {
			if !yield(&u.selectors[i]) {
				return
			}
		}
	}
}

// String is the user as a line of the file of users and of a sentinel.conf. It
// holds the hashes of the passwords.
func (u *User) String() string {
	words := append([]string{"user", u.name}, u.Flags()...)
	for _, p := range u.passwords {
		words = append(words, "#"+p)
	}
	words = append(words, u.root.String())
	for i := range u.selectors {
		words = append(words, "("+u.selectors[i].String()+")")
	}
	return strings.Join(words, " ")
}
