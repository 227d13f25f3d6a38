package compat

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pwHash is of the password "pw".
const pwHash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4"

// Users are made with sanitize-payload, so that both show it.
var aclCalls = []conversation{
	{name: "the default user", only: 2, calls: []call{
		{line: "ACL LIST", differs: sanitizing, ours: `*["user default on nopass sanitize-payload ~* &* +@all"]`},
		{line: "ACL SETUSER default sanitize-payload"},
	}},
	{name: "acl", calls: []call{
		{line: "ACL"}, {line: "ACL FOO"}, {line: "acl foo bar"}, {line: "ACL WHOAMI"}, {line: "ACL WHOAMI x"}, {line: "ACL USERS"}, {line: "ACL USERS x"},
		{line: "ACL LIST x"}, {line: "ACL LIST"}, {line: "ACL GETUSER default"}, {line: "ACL GETUSER nobody"}, {line: "ACL GETUSER"},
		{line: "ACL LOAD"}, {line: "ACL SAVE"}, {line: "ACL LOAD x"}, {line: "ACL SAVE x"}, {line: "ACL HELP", how: kind}, {line: "ACL HELP x"},
	}},
	{name: "acl cat", calls: []call{
		{line: "ACL CAT"}, {line: "ACL CAT foo"}, {line: "ACL CAT all"}, {line: "ACL CAT a b"}, {line: "ACL CAT @pubsub"}, {line: "ACL CAT pubsub", how: sorted},
		{line: "ACL CAT PubSub", how: sorted}, {line: "ACL CAT geo"}, {line: "ACL CAT keyspace"}, {line: "ACL CAT scripting"}, {line: "ACL CAT blocking"},
	}},
	{name: "acl genpass", calls: []call{
		{line: "ACL GENPASS 0"}, {line: "ACL GENPASS -1"}, {line: "ACL GENPASS 4097"}, {line: "ACL GENPASS x"}, {line: "ACL GENPASS 1 2"},
		{line: "ACL GENPASS 99999999999999999999"}, {line: "ACL GENPASS", how: kind}, {line: "ACL GENPASS 5", how: kind},
	}},
	{name: "acl setuser", calls: []call{
		{line: "ACL SETUSER"}, {line: "ACL SETUSER bob"}, {line: "ACL SETUSER bob sanitize-payload"}, {line: "ACL GETUSER bob"},
		{line: `ACL SETUSER "a b"`}, {line: `ACL SETUSER "a\x00b"`}, {line: `ACL SETUSER ""`}, {line: "ACL USERS"}, {line: `ACL DELUSER ""`},
		{line: "ACL SETUSER bob ON >pw +ping ~a %R~b %W~c %RW~d &x &y &x"}, {line: "ACL GETUSER bob"}, {line: "ACL LIST"},
		{line: "ACL SETUSER bob >pw #" + pwHash}, {line: "ACL GETUSER bob"}, {line: "ACL SETUSER bob <pw"}, {line: "ACL SETUSER bob <pw"},
		{line: "ACL SETUSER bob nopass"}, {line: "ACL GETUSER bob"}, {line: "ACL SETUSER bob resetpass off"}, {line: "ACL LIST"},
		{line: "ACL SETUSER bob skip-sanitize-payload"}, {line: "ACL LIST"}, {line: "ACL SETUSER bob resetkeys resetchannels -@all"}, {line: "ACL LIST"},
		{line: "ACL SETUSER bob allkeys allchannels allcommands"}, {line: "ACL GETUSER bob"}, {line: "ACL SETUSER bob reset sanitize-payload"}, {line: "ACL GETUSER bob"},
		{line: `ACL SETUSER bob ""`}, {line: "ACL DELUSER bob"}, {line: "ACL DELUSER bob"}, {line: "ACL DELUSER"}, {line: "ACL DELUSER default"},
		{line: "ACL DELUSER nobody default"}, {line: "ACL DELUSER Default"}, {line: "ACL USERS"},
	}},
	{name: "acl rules refused", calls: []call{
		{line: "ACL SETUSER eve nonsense"}, {line: "ACL SETUSER eve +foo"}, {line: "ACL SETUSER eve -foo"}, {line: "ACL SETUSER eve +get"}, {line: "ACL SETUSER eve +"}, {line: "ACL SETUSER eve -"},
		{line: "ACL SETUSER eve +@foo"}, {line: "ACL SETUSER eve -@foo"}, {line: "ACL SETUSER eve +@"}, {line: "ACL SETUSER eve +sentinel|foo"}, {line: "ACL SETUSER eve -sentinel|foo"},
		{line: "ACL SETUSER eve +sentinel|masters|x"}, {line: "ACL SETUSER eve +ping|"}, {line: "ACL SETUSER eve +sentinel|"}, {line: "ACL SETUSER eve -ping|x"}, {line: "ACL SETUSER eve +foo|x"},
		{line: "ACL SETUSER eve #abc"}, {line: "ACL SETUSER eve !abc"}, {line: "ACL SETUSER eve !" + pwHash}, {line: "ACL SETUSER eve <x"},
		{line: "ACL SETUSER eve ~* ~a"}, {line: "ACL SETUSER eve &* &a"}, {line: "ACL SETUSER eve %x~a"}, {line: "ACL SETUSER eve %~a"}, {line: "ACL SETUSER eve %RR~a"}, {line: "ACL SETUSER eve %"},
		{line: `ACL SETUSER eve "~a b"`}, {line: `ACL SETUSER eve "&a\tb"`}, {line: "ACL SETUSER eve ("}, {line: "ACL SETUSER eve +ping (+info +role"}, {line: "ACL SETUSER eve )"},
		{line: "ACL SETUSER eve (on)"}, {line: "ACL SETUSER eve ( +foo )"}, {line: "ACL SETUSER eve (+ping"}, {line: "ACL SETUSER eve +ping on nonsense"}, {line: "ACL USERS"},
	}},
	{name: "acl command rules", calls: []call{
		{line: "ACL SETUSER bob sanitize-payload +PING"}, {line: "ACL LIST"}, {line: "ACL SETUSER bob -ping"},
		{line: "ACL GETUSER bob", differs: keptRules, ours: `*["flags" *["off" "sanitize-payload"] "passwords" *[] "commands" "-@all -ping" "keys" "" "channels" "" "selectors" *[]]`,
			ours3: `%["flags" ~["off" "sanitize-payload"] "passwords" *[] "commands" "-@all -ping" "keys" "" "channels" "" "selectors" *[]]`},
		{line: "ACL SETUSER bob -@all +ping|x"}, {line: "ACL LIST"}, {line: "ACL SETUSER bob -@all +@admin"}, {line: "ACL LIST"},
		{line: "ACL SETUSER bob +@all -@dangerous"}, {line: "ACL LIST"}, {line: "ACL SETUSER bob nocommands +sentinel -sentinel|masters +sentinel|reset"},
		{line: "ACL LIST", differs: keptRules, ours: `*["user bob off sanitize-payload resetchannels -@all +sentinel -sentinel|masters +sentinel|reset" "user default on nopass sanitize-payload ~* &* +@all"]`},
		{line: "ACL SETUSER bob +sentinel"},
		{line: "ACL LIST", differs: keptRules, ours: `*["user bob off sanitize-payload resetchannels -@all +sentinel" "user default on nopass sanitize-payload ~* &* +@all"]`},
		{line: "ACL DELUSER bob"},
	}},
	{name: "acl selectors", calls: []call{
		{line: "ACL SETUSER bob sanitize-payload (+ping ~x) ( +info &y ) ()"}, {line: "ACL GETUSER bob"}, {line: "ACL LIST"}, {line: "ACL DRYRUN bob ping"}, {line: "ACL DRYRUN bob info"},
		{line: "ACL SETUSER bob clearselectors"}, {line: "ACL LIST"}, {line: "ACL DELUSER bob"},
	}},
	{name: "acl dryrun", calls: []call{
		{line: "ACL SETUSER bob +sentinel|masters +@pubsub &a* +client"}, {line: "ACL DRYRUN"}, {line: "ACL DRYRUN bob"}, {line: "ACL DRYRUN nobody ping"}, {line: "ACL DRYRUN bob foo"},
		{line: "ACL DRYRUN bob sentinel"}, {line: "ACL DRYRUN bob sentinel foo"}, {line: "ACL DRYRUN bob sentinel masters"}, {line: "ACL DRYRUN bob SENTINEL MASTERS x"}, {line: "ACL DRYRUN bob auth x"},
		{line: "ACL DRYRUN bob hello"}, {line: "ACL DRYRUN bob client kill x"}, {line: "ACL DRYRUN bob subscribe a1 a2"}, {line: "ACL DRYRUN bob psubscribe a*"}, {line: "ACL DRYRUN bob unsubscribe z"}, {line: "ACL DRYRUN bob publish a x"},
		{line: "ACL DRYRUN bob info", differs: noPerm, ours: `"User bob has no permissions to run the 'info' command"`},
		{line: "ACL DRYRUN bob sentinel master x", differs: noPerm, ours: `"User bob has no permissions to run the 'sentinel|master' command"`},
		{line: "ACL DRYRUN bob subscribe a1 b1", differs: noPerm, ours: `"User bob has no permissions to access the 'b1' channel"`},
		{line: "ACL DRYRUN bob psubscribe a1", differs: noPerm, ours: `"User bob has no permissions to access the 'a1' channel"`},
		{line: "ACL DRYRUN bob publish z x", differs: noPerm, ours: `"User bob has no permissions to access the 'z' channel"`},
		{line: "ACL SETUSER bob +@all -@dangerous"}, {line: "ACL DRYRUN bob ping"},
		{line: "ACL DRYRUN bob sentinel help", differs: noPerm, ours: `"User bob has no permissions to run the 'sentinel|help' command"`},
		{line: "ACL SETUSER bob -@all +@slow"}, {line: "ACL DRYRUN bob acl setuser x"}, {line: "ACL DRYRUN bob client kill x"},
		{line: "ACL DRYRUN bob ping", differs: noPerm, ours: `"User bob has no permissions to run the 'ping' command"`},
		{line: "ACL DELUSER bob"},
	}},
	{name: "acl log", calls: []call{
		{line: "ACL LOG RESET"}, {line: "ACL LOG"}, {line: "ACL LOG 0"}, {line: "ACL LOG -1"}, {line: "ACL LOG 5"}, {line: "ACL LOG x"}, {line: "ACL LOG 1 2"}, {line: "ACL LOG reset x"},
	}},
	{name: "acl refusals", calls: []call{
		{line: "ACL SETUSER bob on >pw +ping +sentinel|masters +@pubsub &+s* +acl|whoami +client|info -client|list"}, {line: "AUTH bob wrong"}, {line: "AUTH nobody pw"}, {line: "AUTH bob pw"},
		{line: "ACL WHOAMI"}, {line: "PING"}, {line: "FOO"}, {line: "SENTINEL FOO"}, {line: "INFO a b c d", differs: noPerm, ours: "-NOPERM User bob has no permissions to run the 'info' command"},
		{line: "ROLE x"}, {line: "ROLE", differs: noPerm, ours: "-NOPERM User bob has no permissions to run the 'role' command"},
		{line: "sentinel master mymaster", differs: noPerm, ours: "-NOPERM User bob has no permissions to run the 'sentinel|master' command"},
		{line: "CLIENT LIST", differs: noPerm, ours: "-NOPERM User bob has no permissions to run the 'client|list' command"},
		{line: "ACL SETUSER bob +@all", differs: noPerm, ours: "-NOPERM User bob has no permissions to run the 'acl|setuser' command"},
		{line: "SUBSCRIBE -sdown", differs: noPerm, ours: "-NOPERM No permissions to access a channel"},
		{line: "SUBSCRIBE +sdown x", differs: noPerm, ours: "-NOPERM No permissions to access a channel"},
		{line: "PSUBSCRIBE +sdown", differs: noPerm, ours: "-NOPERM No permissions to access a channel"},
		{line: "PUBLISH x y", differs: noPerm, ours: "-NOPERM No permissions to access a channel"},
		{line: "PUBLISH +sx y"}, {line: "UNSUBSCRIBE x"}, {line: "SUBSCRIBE +sdown"}, {line: "PSUBSCRIBE +s*"}, {line: "UNSUBSCRIBE"}, {line: "PUNSUBSCRIBE"},
		{line: "HELLO 9 AUTH default x"}, {line: "HELLO 3 AUTH bob wrong"}, {line: "AUTH x"}, {line: "AUTH default x"}, {line: "ACL WHOAMI"}, {line: "ACL DELUSER bob"},
	}},
	{name: "users that are off", calls: []call{
		{line: "ACL SETUSER bob off >pw +@all"}, {line: "AUTH bob pw"}, {line: "ACL SETUSER bob on"}, {line: "AUTH bob pw"}, {line: "ACL SETUSER bob off"}, {line: "ACL WHOAMI"},
		{line: "AUTH bob pw"}, {line: "CLIENT KILL USER nobody"}, {line: "CLIENT KILL USER bob"}, {line: "AUTH default x"}, {line: "ACL DELUSER bob"},
	}},
	{name: "the own user deleted", calls: []call{
		{line: "ACL SETUSER bob on nopass +@all"}, {line: "AUTH bob x"}, {line: "ACL DELUSER bob", replies: -1},
	}},
}

// aclPasswordCalls are for servers whose default user has the password "secret".
var aclPasswordCalls = []conversation{
	{name: "strangers", only: 2, calls: []call{
		{line: "ACL WHOAMI"}, {line: "ACL FOO"}, {line: "ACL WHOAMI x"}, {line: "AUTH wrong"}, {line: "AUTH default secret"},
		{line: "ACL SETUSER bob on >pw -@all +acl|whoami sanitize-payload"}, {line: "ACL SETUSER default sanitize-payload"}, {line: "ACL LIST"}, {line: "ACL GETUSER default"},
	}},
	{name: "another user", only: 2, calls: []call{
		{line: "AUTH bob secret"}, {line: "AUTH pw"}, {line: "HELLO 2 AUTH bob secret"}, {line: "PING"}, {line: "AUTH bob pw"}, {line: "ACL WHOAMI"},
		{line: "PING", differs: noPerm, ours: "-NOPERM User bob has no permissions to run the 'ping' command"},
		{line: "HELLO 3 AUTH default wrong"}, {line: "ACL WHOAMI"}, {line: "AUTH secret"}, {line: "ACL WHOAMI"},
		{line: "ACL SETUSER default off"}, {line: "PING"}, {line: "AUTH secret"}, {line: "ACL SETUSER default on"}, {line: "AUTH secret"}, {line: "ACL DELUSER bob"},
	}},
}

// What the tables cannot ask, of one pair: it takes its time to start.
func TestACL(t *testing.T) {
	p := newPair(t, "")
	t.Run("log", func(t *testing.T) { compareACLLog(t, p) })
	t.Run("categories", func(t *testing.T) { compareCategories(t, p) })
	t.Run("closed connections", func(t *testing.T) { compareClosing(t, p) })
}

// What is refused is in the log, the last refusal first and alike ones counted.
func compareACLLog(t *testing.T, p *pair) {
	var logs [2]string
	for i, s := range []side{p.stock, p.ours} {
		c := s.dial(t)
		for _, line := range []string{
			"ACL LOG RESET", "ACL SETUSER bob on >pw +subscribe &a +acl|log", "AUTH bob wrong", "auth bob wrong", "auth bob wrong", "HELLO 3 AUTH nobody x", "AUTH bob pw",
			"PING", "SENTINEL MASTERS", "PING", "SUBSCRIBE a b", "SUBSCRIBE c",
		} {
			c.send(strings.Fields(line))
			c.read(1)
		}
		c.send([]string{"ACL", "LOG"})
		for _, entry := range c.read(1)[0].list {
			line := entry.list[13].text
			if !strings.HasPrefix(line, "id=") || strings.HasSuffix(line, "\n") || !slices.Contains(fields(line), "user") {
				t.Errorf("%s: the client is %q", s.name, line)
			}
			if age, err := strconv.ParseFloat(entry.list[11].text, 64); err != nil || age < 0 || age > patience.Seconds() {
				t.Errorf("%s: the age is %q", s.name, entry.list[11].text)
			}
			for j := 0; j < 14; j += 2 {
				if name := entry.list[j].text; name != "age-seconds" && name != "client-info" {
					logs[i] += name + "=" + entry.list[j+1].String() + " "
				} else {
					logs[i] += name + " "
				}
			}
			logs[i] += "\n"
		}
	}
	if logs[0] != logs[1] || strings.Count(logs[1], "\n") != 7 {
		t.Errorf("redis-sentinel:\n%s\nredis-failover:\n%s", logs[0], logs[1])
	}
}

// Every command of Sentinel is in the same categories. What only we have adds to
// some.
func compareCategories(t *testing.T, p *pair) {
	stock, ours := p.stock.dial(t), p.ours.dial(t)
	known := describe(t, p.stock)
	ask := func(s *session, category string) []string {
		s.send([]string{"ACL", "CAT", category})
		var names []string
		for _, v := range s.read(1)[0].list {
			if _, ok := known[v.text]; ok {
				names = append(names, v.text)
			}
		}
		slices.Sort(names)
		return names
	}
	stock.send([]string{"ACL", "CAT"})
	for _, category := range stock.read(1)[0].list {
		if theirs, mine := ask(stock, category.text), ask(ours, category.text); !slices.Equal(theirs, mine) {
			t.Errorf("@%s\nredis-sentinel: %v\nredis-failover: %v", category.text, theirs, mine)
		}
	}
}

// Who loses the right to one of its channels, or its user, is closed; who has
// another user is not. (A stock 7.0 that is told so by the one that loses it
// crashes.)
func compareClosing(t *testing.T, p *pair) {
	for _, s := range []side{p.stock, p.ours} {
		speaker, other := s.dial(t), s.dial(t)
		listen := func(words ...string) *session {
			c := s.dial(t)
			for _, line := range [][]string{{"HELLO", "3", "AUTH", "bob", "x"}, words} {
				c.send(line)
				c.read(1)
			}
			return c
		}
		do := func(line string) {
			speaker.send(strings.Fields(line))
			if got := speaker.read(1)[0].String(); got != "+OK" && got != ":1" {
				t.Errorf("%s: %s: %s", s.name, line, got)
			}
		}
		do("ACL SETUSER bob on nopass +@all &*")
		channel, pattern, kept, silent := listen("SUBSCRIBE", "+sdown"), listen("PSUBSCRIBE", "+s*"), listen("SUBSCRIBE", "x"), listen("PING")
		do("ACL SETUSER bob resetchannels &+sdown &x")
		if got := render(exact, pattern.read(-1)); got != "_<end>" {
			t.Errorf("%s: a pattern withdrawn: %s", s.name, got)
		}
		do("ACL SETUSER bob resetchannels &x")
		if got := render(exact, channel.read(-1)); got != "_<end>" {
			t.Errorf("%s: a channel withdrawn: %s", s.name, got)
		}
		for name, c := range map[string]*session{"another channel": kept, "no channel": silent} {
			c.send([]string{"PING", "x"})
			if got := render(exact, c.read(1)); got != `"x"` {
				t.Errorf("%s: %s: %s", s.name, name, got)
			}
		}
		do("ACL DELUSER bob")
		for name, c := range map[string]*session{"another channel": kept, "no channel": silent} {
			if got := render(exact, c.read(-1)); got != "_<end>" {
				t.Errorf("%s: %s, the user deleted: %s", s.name, name, got)
			}
		}
		other.send([]string{"PING", "x"})
		if got := render(exact, other.read(1)); got != `"x"` {
			t.Errorf("%s: another user: %s", s.name, got)
		}
	}
}
