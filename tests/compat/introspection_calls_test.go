package compat

import (
	"strings"
	"testing"
)

var introspectionCalls = []conversation{
	{name: "command", calls: []call{
		{line: "COMMAND FOO"}, {line: "COMMAND COUNT x"}, {line: "COMMAND COUNT", differs: quits, ours: ":17"}, {line: "COMMAND INFO ping", how: sorted}, {line: "COMMAND INFO foo"}, {line: "COMMAND INFO foo|bar"},
		{line: "COMMAND INFO PING auth Sentinel|MASTER sentinel|foo", how: sorted}, {line: "COMMAND DOCS foo"}, {line: "COMMAND DOCS sentinel|foo"},
		{line: "COMMAND LIST foo"}, {line: "COMMAND LIST FILTERBY"}, {line: "COMMAND LIST FILTERBY FOO x"}, {line: "COMMAND LIST FILTERBY MODULE x"},
		{line: "COMMAND LIST FILTERBY ACLCAT pubsub", how: sorted}, {line: "COMMAND LIST FILTERBY ACLCAT nope"}, {line: "COMMAND LIST FILTERBY PATTERN p*", how: sorted},
		{line: "COMMAND LIST FILTERBY PATTERN x[", how: sorted}, {line: "COMMAND LIST FILTERBY PATTERN SENTINEL|m[^e]*", how: sorted},
		{line: "COMMAND LIST FILTERBY PATTERN SENTINEL|s*", how: sorted},
		{line: "COMMAND LIST FILTERBY PATTERN sentinel|ME*", how: sorted, differs: ownMembers, ours: `*["sentinel|member" "sentinel|members"]`},
		{line: "COMMAND GETKEYS client kill"}, {line: "COMMAND GETKEYS sentinel master x"}, {line: "COMMAND GETKEYS foo a b"}, {line: "COMMAND GETKEYS ping a b c d"},
		{line: "COMMAND GETKEYSANDFLAGS sentinel master x"}, {line: "COMMAND GETKEYSANDFLAGS sentinel foo x"}, {line: "COMMAND GETKEYS"},
		{line: "COMMAND GETKEYS ping", differs: since72, ours: "-ERR The command has no key arguments"},
		{line: "COMMAND HELP", how: kind}, {line: "COMMAND HELP x"},
	}},
}

// changed are those that COMMAND INFO describes in another way.
var changed = map[string]reason{
	"command|getkeys":         since72,
	"command|getkeysandflags": since72,
	"sentinel|config":         since72,
	"sentinel|failover":       valkey9,
}

// Every command of Sentinel is there and described in the same way.
func TestCommandTable(t *testing.T) {
	p := newPair(t, "")
	theirs, ours := describe(t, p.stock), describe(t, p.ours)
	if len(theirs) < 60 {
		t.Fatalf("redis-sentinel describes only %d commands", len(theirs))
	}
	for name, want := range theirs {
		got, known := ours[name]
		switch {
		case !known:
			t.Errorf("%s is not there", name)
		case (got == want) != (changed[name] == ""):
			t.Errorf("%s (%s)\nredis-sentinel: %s\nredis-failover: %s", name, changed[name], want, got)
		}
	}
}

// describe is COMMAND of a side, as text by full name, without the subcommands'
// descriptions inside their containers'.
func describe(t *testing.T, s side) map[string]string {
	t.Helper()
	c := s.dial(t)
	c.send([]string{"COMMAND"})
	texts := make(map[string]string)
	var file func(list []value)
	file = func(list []value) {
		for _, v := range list {
			const subcommands = 9
			if len(v.list) != subcommands+1 {
				t.Fatalf("%s: a description of %d parts: %v", s.name, len(v.list), v)
			}
			file(v.list[subcommands].list)
			texts[v.list[0].text] = value{kind: '*', list: v.list[:subcommands]}.String()
		}
	}
	file(c.read(1)[0].list)
	return texts
}

// The documentation has the same parts, in the words of each.
func TestCommandDocs(t *testing.T) {
	p := newPair(t, "")
	for _, name := range []string{"ping", "auth", "sentinel|master", "sentinel|slaves", "client|kill"} {
		for _, s := range []side{p.stock, p.ours} {
			c := s.dial(t)
			c.send([]string{"COMMAND", "DOCS", name})
			docs := c.read(1)[0].list
			if len(docs) != 2 || docs[0].text != name {
				t.Fatalf("%s: COMMAND DOCS %s: %v", s.name, name, docs)
			}
			has := docs[1].String()
			for _, part := range []string{`"summary" "`, `"since" "`, `"group" "`} {
				if !strings.Contains(has, part) {
					t.Errorf("%s: COMMAND DOCS %s has no %s: %s", s.name, name, part, has)
				}
			}
			if deprecated := strings.Contains(has, "+deprecated"); deprecated != (name == "sentinel|slaves") {
				t.Errorf("%s: COMMAND DOCS %s: %s", s.name, name, has)
			}
		}
	}
}
