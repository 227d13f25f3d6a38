package acl

import (
	"path"
	"testing"
)

// language knows a few commands and matches channels as far as the tests need.
func language() *Language {
	return NewLanguage(Options{
		Commands: []Command{
			{Name: "ping", Categories: []string{"fast", "connection"}},
			{Name: "info", Categories: []string{"slow", "dangerous"}},
			{Name: "subscribe", Categories: []string{"pubsub", "slow"}},
			{Name: "sentinel", Categories: []string{"admin", "slow", "dangerous"}, Container: true},
			{Name: "sentinel|masters", Categories: []string{"admin", "slow", "dangerous"}},
			{Name: "sentinel|help", Categories: []string{"slow"}},
			{Name: "client", Categories: []string{"slow"}, Container: true},
			{Name: "client|kill", Categories: []string{"admin", "slow", "dangerous", "connection"}},
		},
		Match: func(pattern, channel string) bool {
			ok, _ := path.Match(pattern, channel)
			return ok
		},
	})
}

func with(t *testing.T, rules ...string) *User {
	t.Helper()
	u, err := language().NewUser("bob").With(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
