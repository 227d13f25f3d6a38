package commands

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// call is a command line and the reply it has to get on a fresh bench with one
// healthy master, "mymaster".
type call struct {
	line string // words separated by blanks; "" is an empty word
	want Reply
}

func (c call) words() []string {
	words := strings.Split(c.line, " ")
	for i, word := range words {
		if word == `""` {
			words[i] = ""
		}
	}
	return words
}

func runCalls(t *testing.T, calls []call) {
	t.Helper()
	for _, call := range calls {
		t.Run(strings.ReplaceAll(call.line, "/", "_"), func(t *testing.T) {
			b := newBench(t)
			b.monitor("mymaster")
			b.see("mymaster")
			if got := b.do(call.words()...); !reflect.DeepEqual(got, call.want) {
				t.Errorf("got  %#v\nwant %#v", got, call.want)
			}
		})
	}
}

func TestDispatchErrors(t *testing.T) {
	long := strings.Repeat("a", 200)
	runCalls(t, []call{
		{"FOO", Error("ERR unknown command 'FOO', with args beginning with: ")},
		{"FOO a b", Error("ERR unknown command 'FOO', with args beginning with: 'a' 'b' ")},
		{"FOO a\x00b", Error("ERR unknown command 'FOO', with args beginning with: 'a' ")},
		{long, Error("ERR unknown command '" + long[:128] + "', with args beginning with: ")},
		{"FOO " + long + " b", Error("ERR unknown command 'FOO', with args beginning with: '" + long[:128] + "' ")},
		{`""`, Error("ERR unknown command '', with args beginning with: ")},
		{"SENTINEL", Error("ERR wrong number of arguments for 'sentinel' command")},
		{"sentinel Foo", Error("ERR unknown subcommand 'Foo'. Try SENTINEL HELP.")},
		{"sentinel " + long, Error("ERR unknown subcommand '" + long[:128] + "'. Try SENTINEL HELP.")},
		{"SENTINEL masters a", Error("ERR wrong number of arguments for 'sentinel|masters' command")},
		{"sentinel MASTER", Error("ERR wrong number of arguments for 'sentinel|master' command")},
		{"CLIENT NO-TOUCH on", Error("ERR unknown subcommand 'NO-TOUCH'. Try CLIENT HELP.")},
		{"ping a b", Error("ERR wrong number of arguments for 'ping' command")},
		{"Ping", Simple("PONG")},
		{"pInG x", Bulk("x")},
	})
}

// The order of the checks is visible to clients: each refusal hides those after
// it.
func TestDispatchOrder(t *testing.T) {
	tests := []struct {
		name  string
		setup func(*Client)
		call
	}{
		{"existence before authentication", unknown, call{"FOO", Error("ERR unknown command 'FOO', with args beginning with: ")}},
		{"subcommand before authentication", unknown, call{"SENTINEL foo", Error("ERR unknown subcommand 'foo'. Try SENTINEL HELP.")}},
		{"arity before authentication", unknown, call{"ROLE x", Error("ERR wrong number of arguments for 'role' command")}},
		{"authentication", unknown, call{"ROLE", Error("NOAUTH Authentication required.")}},
		{"authentication before context", both, call{"ROLE", Error("NOAUTH Authentication required.")}},
		{"AUTH needs no authentication", unknown, call{"AUTH default pw", OK}},
		{"QUIT needs no authentication", unknown, call{"QUIT", OK}},
		{"authentication before permission", func(c *Client) { c.Authenticated, c.User = false, "reader" }, call{"ROLE", errNoAuth}},
		{"permission", reader, call{"ROLE", Error("NOPERM User reader has no permissions to run the 'role' command")}},
		{"arity before permission", reader, call{"ROLE x", Error("ERR wrong number of arguments for 'role' command")}},
		{"permission before context", func(c *Client) { reader(c); subscribed(c) }, call{"ROLE", Error("NOPERM User reader has no permissions to run the 'role' command")}},
		{"AUTH needs no permission", reader, call{"AUTH default pw", OK}},
		{"QUIT needs no permission", reader, call{"QUIT", OK}},
		{"permission of one subcommand", reader, call{"SENTINEL MASTERS", Array{}}},
		{"permission of another subcommand", reader, call{"SENTINEL MYID", Error("NOPERM User reader has no permissions to run the 'sentinel|myid' command")}},
		{"permission of a channel", reader, call{"SUBSCRIBE +sdown -sdown", Error("NOPERM No permissions to access a channel")}},
		{"an account that is no more", func(c *Client) { c.User, c.Login = "reader", 99 }, call{"PING", errNoAuth}},
		{"context", subscribed, call{"SENTINEL MASTERS", Error("ERR Can't execute 'sentinel|masters': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")}},
		{"existence before context", subscribed, call{"FOO", Error("ERR unknown command 'FOO', with args beginning with: ")}},
		{"PING in context", subscribed, call{"PING", Array{Bulk("pong"), Bulk("")}}},
		{"PING with a message in context", subscribed, call{"PING x", Array{Bulk("pong"), Bulk("x")}}},
		{"QUIT in context", subscribed, call{"QUIT", OK}},
		{"no context in RESP3", func(c *Client) { c.Protocol, c.Channels = 3, 1 }, call{"PING", Simple("PONG")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.node.Users = NewUsers("pw")
			if err := b.node.Users.setUser("reader", []string{"+ping", "+sentinel|masters", "+subscribe", "resetchannels", "&+*"}); err != nil {
				t.Fatal(err)
			}
			b.session.Update(test.setup)
			if got := b.do(test.words()...); !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %#v, want %#v", got, test.want)
			}
		})
	}
}

func reader(c *Client)     { c.User, c.Login = "reader", 1 }
func unknown(c *Client)    { c.Authenticated = false }
func subscribed(c *Client) { c.Patterns = 1 }
func both(c *Client)       { c.Authenticated, c.Channels = false, 1 }

func TestLastCommandIsNoted(t *testing.T) {
	b := newBench(t)
	b.do("SENTINEL", "MASTERS")
	if got := b.session.Client().Command; got != "sentinel|masters" {
		t.Errorf("the last command is %q", got)
	}
}

// Every value of the table has to carry all that COMMAND, HELP and the
// documentation say.
func TestTableIsComplete(t *testing.T) {
	table, err := NewTable(All()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range table.flat() {
		if cmd.Summary == "" || cmd.Since == "" || !strings.HasSuffix(cmd.Summary, ".") {
			t.Errorf("%s: summary %q, since %q", cmd.FullName(), cmd.Summary, cmd.Since)
		}
		if cmd.container == nil && cmd.Group == "" {
			t.Errorf("%s belongs to no group", cmd.FullName())
		}
		words := -cmd.Arity
		if cmd.Arity > 0 {
			words = cmd.Arity
		}
		if named := 1 + strings.Count(cmd.FullName(), "|"); words < named {
			t.Errorf("%s: arity %d is less than its own name", cmd.FullName(), cmd.Arity)
		}
		if cmd.Subcommands != nil && cmd.byName["help"] == nil {
			t.Errorf("%s has subcommands and no HELP", cmd.FullName())
		}
	}
}

func TestNewTableRefuses(t *testing.T) {
	fine := func() *Command { return &Command{Name: "x", Arity: 1, Handler: ping} }
	tests := map[string][]*Command{
		"twice":          {fine(), fine()},
		"upper case":     {{Name: "X", Arity: 1, Handler: ping}},
		"no name":        {{Arity: 1, Handler: ping}},
		"no handler":     {{Name: "x", Arity: 1}},
		"no arity":       {{Name: "x", Handler: ping}},
		"twice below":    {{Name: "y", Arity: -2, Subcommands: []*Command{fine(), fine()}}},
		"no arity below": {{Name: "y", Arity: -2, Subcommands: []*Command{{Name: "x", Handler: ping}}}},
	}
	for name, list := range tests {
		if _, err := NewTable(list...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewTable(fine()); err != nil {
		t.Error(err)
	}
}

func TestHelp(t *testing.T) {
	b := newBench(t)
	for _, container := range []string{"sentinel", "client", "command"} {
		lines := b.do(container, "help").(Array)
		text := make([]string, len(lines))
		for i, line := range lines {
			text[i] = string(line.(Simple))
		}
		upper := strings.ToUpper(container)
		if text[0] != upper+" <subcommand> [<arg> [value] [opt] ...]. Subcommands are:" {
			t.Errorf("%s HELP begins with %q", upper, text[0])
		}
		if end := text[len(text)-2:]; end[0] != "HELP" || end[1] != "    Prints this help." {
			t.Errorf("%s HELP ends with %q", upper, end)
		}
		for _, sub := range b.table.byName[container].Subcommands {
			head := strings.TrimSpace(strings.ToUpper(sub.Name) + " " + sub.Syntax)
			if !slices.Contains(text, head) {
				t.Errorf("%s HELP has no line %q", upper, head)
			}
		}
		for _, line := range text {
			if strings.HasPrefix(line, "    ") && len(line) > 80 && strings.Count(strings.TrimSpace(line), " ") > 0 {
				t.Errorf("%s HELP: line of %d bytes: %q", upper, len(line), line)
			}
		}
	}
}

func TestCommandCommand(t *testing.T) {
	b := newBench(t)
	if got := b.do("COMMAND", "COUNT"); got != Int(len(All())) {
		t.Errorf("COUNT is %v", got)
	}
	if got := len(b.do("COMMAND").(Array)); got != len(All()) {
		t.Errorf("COMMAND has %d entries", got)
	}
	want := Array{Array{
		Bulk("sentinel|master"), Int(3), Set{Simple("admin")}, Int(0), Int(0), Int(0),
		Set{Simple("@admin"), Simple("@slow"), Simple("@dangerous")}, Set{}, Set{}, Set{},
	}, Null{}}
	if got := b.do("COMMAND", "INFO", "Sentinel|MASTER", "nope"); !reflect.DeepEqual(got, want) {
		t.Errorf("INFO: got\n%#v, want\n%#v", got, want)
	}
	runCalls(t, []call{
		{"COMMAND LIST FILTERBY PATTERN P*", Array{Bulk("ping"), Bulk("psubscribe"), Bulk("publish"), Bulk("punsubscribe")}},
		{"COMMAND LIST FILTERBY ACLCAT PubSub", Array{Bulk("psubscribe"), Bulk("publish"), Bulk("punsubscribe"), Bulk("subscribe"), Bulk("unsubscribe")}},
		{"COMMAND LIST FILTERBY PATTERN *|set*", Array{Bulk("acl|setuser"), Bulk("client|setinfo"), Bulk("client|setname"), Bulk("sentinel|set")}},
		{"COMMAND LIST FILTERBY MODULE x", Array{}},
		{"COMMAND LIST FILTERBY FOO x", Error("ERR syntax error")},
		{"COMMAND LIST foo", Error("ERR syntax error")},
		{"COMMAND GETKEYS client kill", Error("ERR The command has no key arguments")},
		{"COMMAND GETKEYS foo x", Error("ERR Invalid command specified")},
		{"COMMAND DOCS foo", Map{}},
		{"COMMAND DOCS sentinel|slaves", Map{{"sentinel|slaves", Map{
			{"summary", Bulk("Shows the replicas of a master and their state")}, {"since", Bulk("2.8.0")}, {"group", Bulk("sentinel")},
			{"doc_flags", Set{Simple("deprecated")}}, {"replaced_by", Bulk("`SENTINEL REPLICAS`")},
		}}}},
	})
	if docs := b.do("COMMAND", "DOCS").(Map); len(docs) != len(All()) {
		t.Errorf("DOCS has %d entries", len(docs))
	}
}
