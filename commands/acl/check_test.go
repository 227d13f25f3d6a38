package acl

import (
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	ping, masters, help, kill := Call{Command: "ping"}, Call{Command: "sentinel|masters"}, Call{Command: "sentinel|help"}, Call{Command: "client|kill"}
	subscribe := func(names ...string) Call { return Call{Command: "subscribe", Channels: names} }
	psubscribe := func(names ...string) Call { return Call{Command: "subscribe", Channels: names, Patterns: true} }
	tests := []struct {
		rules string
		call  Call
		want  Verdict
		at    string
	}{
		{"", ping, CommandRefused, ""},
		{"", Call{Command: "ping", Free: true}, Permitted, ""},
		{"+ping", ping, Permitted, ""},
		{"+@all -ping", ping, CommandRefused, ""},
		{"+@fast", ping, Permitted, ""},
		{"+@all -@connection", ping, CommandRefused, ""},
		// A container's category reaches its subcommands.
		{"+@all -@dangerous", help, CommandRefused, ""},
		{"+@slow", kill, Permitted, ""},
		{"+@connection", Call{Command: "client"}, CommandRefused, ""},
		{"+sentinel -sentinel|masters", masters, CommandRefused, ""},
		{"+sentinel -sentinel|masters", help, Permitted, ""},
		{"-@all +sentinel|masters", masters, Permitted, ""},
		{"+sentinel|masters", help, CommandRefused, ""},
		// Commands that the language does not know follow the last +@all or -@all.
		{"+@all -@slow", Call{Command: "new"}, Permitted, ""},
		{"-@all +@slow", Call{Command: "new"}, CommandRefused, ""},
		{"+ping|X", Call{Command: "ping", FirstArg: "x"}, Permitted, ""},
		{"+ping|x", Call{Command: "ping", FirstArg: "y"}, CommandRefused, ""},
		{"+ping|x", ping, CommandRefused, ""},
		{"+ping|x -ping", Call{Command: "ping", FirstArg: "x"}, CommandRefused, ""},
		{"+ping|x -@fast", Call{Command: "ping", FirstArg: "x"}, CommandRefused, ""},
		{"+ping|x +ping", Call{Command: "ping", FirstArg: "y"}, Permitted, ""},

		{"+subscribe", subscribe("a"), ChannelRefused, "a"},
		{"+subscribe &a*", subscribe("a", "ab"), Permitted, ""},
		{"+subscribe &a*", subscribe("a", "b"), ChannelRefused, "b"},
		{"+subscribe &a*", psubscribe("a*"), Permitted, ""},
		{"+subscribe &a*", psubscribe("ab"), ChannelRefused, "ab"},
		{"+subscribe &*", psubscribe("ab"), Permitted, ""},
		{"&*", subscribe("a"), CommandRefused, ""},

		{"(+ping)", ping, Permitted, ""},
		{"+subscribe (&a)", subscribe("a"), ChannelRefused, "a"}, // no set permits all of it
		{"(+subscribe &a) (+subscribe &b)", subscribe("a", "b"), ChannelRefused, "b"},
		{"(+subscribe &b) (+subscribe &a)", subscribe("a", "b"), ChannelRefused, "b"},
		{"(+subscribe &a) (+subscribe &a &b)", subscribe("a", "b"), Permitted, ""},
	}
	for _, test := range tests {
		got, at := with(t, strings.Split(test.rules, " ")...).Check(test.call)
		if got != test.want || at != test.at {
			t.Errorf("%s: %+v: got %v %q, want %v %q", test.rules, test.call, got, at, test.want, test.at)
		}
	}
}

func TestMayHear(t *testing.T) {
	u := with(t, "&a*", "(&b)")
	for name, want := range map[string]bool{"ab": true, "b": true, "c": false} {
		if got := u.MayHear(name, false); got != want {
			t.Errorf("channel %s: %v", name, got)
		}
	}
	for name, want := range map[string]bool{"a*": true, "b": true, "ab": false, "*": false} {
		if got := u.MayHear(name, true); got != want {
			t.Errorf("pattern %s: %v", name, got)
		}
	}
}

func TestCategories(t *testing.T) {
	names, ok := language().In("ADMIN")
	if got := strings.Join(names, " "); !ok || got != "sentinel sentinel|masters client|kill" {
		t.Errorf("@admin: %s", got)
	}
	if names, ok := language().In("geo"); !ok || names != nil {
		t.Errorf("@geo: %v %v", names, ok)
	}
	if _, ok := language().In("all"); ok {
		t.Error("@all is no category")
	}
}

// BenchmarkCheck is what every command of every client pays.
func BenchmarkCheck(b *testing.B) {
	u, err := language().NewUser("bob").With("+@all", "-client|kill", "&*")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if v, _ := u.Check(Call{Command: "sentinel|masters", FirstArg: "x"}); v != Permitted {
			b.Fatal(v)
		}
	}
}
