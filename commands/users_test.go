package commands

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// openUsers makes users of these lines, "name rule rule...".
func openUsers(t *testing.T, o UserOptions, lines ...string) *Users {
	t.Helper()
	for _, line := range lines {
		words := strings.Fields(line)
		o.Lines = append(o.Lines, UserLine{At: "s.conf:1", Name: words[0], Rules: words[1:]})
	}
	u, err := OpenUsers(o)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestMay(t *testing.T) {
	u := openUsers(t, UserOptions{RequirePass: "secret"},
		"reader on >pw +sentinel|masters +subscribe &+* (+psubscribe &x*)", "off off nopass +@all")
	tests := []struct{ user, line, want string }{
		{"reader", "SENTINEL MASTERS", ""},
		{"reader", "sentinel reset x", "NOPERM User reader has no permissions to run the 'sentinel|reset' command"},
		{"reader", "SUBSCRIBE +sdown", ""},
		{"reader", "SUBSCRIBE +sdown -sdown", "NOPERM No permissions to access a channel"},
		{"reader", "PSUBSCRIBE x*", ""},
		{"reader", "PSUBSCRIBE xy", "NOPERM No permissions to access a channel"},
		{"reader", "NOPE", "ERR unknown command 'NOPE', with args beginning with: "},
		{"", "SENTINEL RESET x", ""},
		{"nobody", "PING", "NOAUTH Authentication required."},
	}
	for _, test := range tests {
		got := ""
		if err := u.May(test.user, strings.Fields(test.line)...); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %s: got %q, want %q", test.user, test.line, got, test.want)
		}
	}
	for pass, want := range map[string]bool{"reader pw": true, "reader pW": false, "off x": false, "nobody x": false, " secret": true, "default secret": true, "default x": false} {
		name, word, _ := strings.Cut(pass, " ")
		if got := u.Authenticate(name, word); got != want {
			t.Errorf("%q with %q: %v", name, word, got)
		}
	}
	if u.Open() || !NewUsers("").Open() {
		t.Error("Open says the opposite")
	}
}

// A change closes the connections that lost their user or the right to one of
// their subscriptions, and no others.
func TestChangesCloseConnections(t *testing.T) {
	tests := []struct {
		name, line string
		killed     []int64
		closed     bool // the one that asks
	}{
		{"the right to a channel withdrawn", "ACL SETUSER bob resetchannels &x", []int64{9}, false},
		{"the right to a channel kept by a selector", "ACL SETUSER bob resetchannels (&+sdown)", nil, false},
		{"the same channels", "ACL SETUSER bob resetchannels &+s*", nil, false},
		{"a command withdrawn", "ACL SETUSER bob -@all", nil, false},
		{"another password", "ACL SETUSER bob resetpass >new off", nil, false},
		{"another user", "ACL SETUSER carol resetchannels", nil, false},
		{"a refused change", "ACL SETUSER bob resetchannels nonsense", nil, false},
		{"deleted", "ACL DELUSER bob nobody", []int64{8, 9}, false},
		{"the asking one's own", "ACL DELUSER alice", nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			for _, line := range []string{"ACL SETUSER alice +@all &*", "ACL SETUSER bob on nopass +@all &*", "ACL SETUSER carol"} {
				if got := b.do(strings.Fields(line)...); got != OK {
					t.Fatal(line, got)
				}
			}
			b.session.Update(func(c *Client) { c.User, c.Login = "alice", 1 })
			for i := range b.host.others {
				b.host.others[i].User, b.host.others[i].Login, b.host.others[i].Authenticated = "bob", 2, true
			}
			b.host.subscriptions = map[int64][]string{9: {"+sdown"}}
			b.do(strings.Fields(test.line)...)
			if !slices.Equal(b.host.killed, test.killed) || b.session.closed != test.closed {
				t.Errorf("killed %v (the one that asks: %v), want %v (%v)", b.host.killed, b.session.closed, test.killed, test.closed)
			}
		})
	}
}

// Who never logged in, because nobody had to, hears nothing more once one has to.
func TestSubscriptionWithoutLogin(t *testing.T) {
	b := newBench(t) // whose client 9 is subscribed
	b.host.subscriptions = map[int64][]string{9: {"+sdown"}}
	if b.do("ACL", "SETUSER", "default", "nopass"); b.host.killed != nil {
		t.Errorf("killed %v, and anybody may listen", b.host.killed)
	}
	if b.do("ACL", "SETUSER", "default", ">pw"); !slices.Equal(b.host.killed, []int64{9}) {
		t.Errorf("killed %v", b.host.killed)
	}
}

// A subscription that comes just when its permission is withdrawn does not
// survive it.
func TestSubscriptionAfterWithdrawal(t *testing.T) {
	b := newBench(t)
	b.node.Users = openUsers(t, UserOptions{}, "bob on nopass +@all &+sdown")
	b.session.Update(func(c *Client) { c.User, c.Login = "bob", 1 })
	subscribeNow := subscribe(Channels)
	c := &Context{Context: t.Context(), Node: b.node, Host: b.host, Session: b.session}
	if subscribeNow(c, []string{"+sdown"}); b.session.closed {
		t.Fatal("closed for a channel that is permitted")
	}
	if subscribeNow(c, []string{"-sdown"}); !b.session.closed {
		t.Error("a subscription without permission goes on")
	}
}

// Who logs in after a user was deleted and made anew is the new one; who logged
// in before is nobody.
func TestNameOfADeletedUser(t *testing.T) {
	b := newBench(t)
	b.node.Users = NewUsers("pw")
	bob := []string{"ACL", "SETUSER", "bob", "on", "nopass", "+@all"}
	b.do(bob...)
	if got := b.do("AUTH", "bob", "x"); got != OK {
		t.Fatal(got)
	}
	b.do("ACL", "DELUSER", "bob")
	if got := b.do(bob...); got != errNoAuth {
		t.Errorf("a deleted user gives commands: %v", got)
	}
	b.do("AUTH", "default", "pw")
	b.do(bob...)
	if got := b.do("PING"); got != Simple("PONG") {
		t.Fatal(got)
	}
	b.session.Update(func(c *Client) { c.User, c.Login = "bob", 1 })
	if got := b.do("PING"); got != errNoAuth {
		t.Errorf("the session of the first bob speaks for the second: %v", got)
	}
}

func TestUserFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.acl")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OpenUsers(UserOptions{File: file}); err == nil || err.Error() != "Error loading ACLs, opening file '"+file+"': No such file or directory" {
		t.Errorf("without the file: %v", err)
	}
	write("user bob on nopass +ping\n")
	b := newBench(t)
	b.node.Users = openUsers(t, UserOptions{File: file, RequirePass: "pw"})
	if b.node.Users.Open() || !b.node.Users.Authenticate("bob", "") {
		t.Fatal("the file's users, with the password for the one it does not have, are expected")
	}
	for i := range b.host.others {
		b.host.others[i].User, b.host.others[i].Login, b.host.others[i].Authenticated = "bob", 1, true
	}

	write("user alice\nuser bob on nopass &x +@all +nope\n")
	bad := Error("ERR " + file + ":2: Error in applying operation '+nope': Unknown command or category name in ACL. " +
		"WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
	if got := b.do("ACL", "LOAD"); got != bad {
		t.Errorf("got %v, want %v", got, bad)
	}
	if got := b.do("ACL", "USERS"); !reflect.DeepEqual(got, Array{Bulk("bob"), Bulk("default")}) {
		t.Errorf("a bad file changed the users: %v", got)
	}
	write("user bob on nopass +info\n")
	if got := b.do("ACL", "LOAD"); got != OK || b.host.killed != nil {
		t.Errorf("%v, killed %v: bob is still there", got, b.host.killed)
	}
	write("user alice on nopass\nuser default on nopass +@all ~* &*\n")
	if err := b.node.Users.Reload(b.host); err != nil || !slices.Equal(b.host.killed, []int64{8, 9}) {
		t.Errorf("%v, killed %v: bob is gone", err, b.host.killed)
	}
	if !b.node.Users.Open() {
		t.Error("the file's default user counts")
	}

	b.do("ACL", "SETUSER", "carol", "on", ">pw")
	if got := b.do("ACL", "SAVE"); got != OK {
		t.Fatal(got)
	}
	text, err := os.ReadFile(file)
	want := "user alice on nopass sanitize-payload resetchannels -@all\n" +
		"user carol on sanitize-payload #30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4 resetchannels -@all\n" +
		"user default on nopass sanitize-payload ~* &* +@all\n"
	if err != nil || string(text) != want {
		t.Errorf("%v\ngot\n%swant\n%s", err, text, want)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Errorf("other files are left: %v", left)
	}
}

// A file that cannot be written stays as it was.
func TestUserFileThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "users.acl")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.node.Users = openUsers(t, UserOptions{File: file})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	got, _ := b.do("ACL", "SAVE").(Error)
	if !strings.HasPrefix(string(got), "ERR There was an error trying to save the ACLs, the file is as it was: ") {
		t.Errorf("got %v", got)
	}
}

func TestOpenUsersRefuses(t *testing.T) {
	_, err := OpenUsers(UserOptions{Lines: []UserLine{
		{"s.conf:1", "bob", []string{"on", ">secret", "+nope"}},
		{"s.conf:2", "carol", []string{"#secret"}},
		{"s.conf:3", "bob", nil},
		{"s.conf:4", "a b", nil},
		{"s.conf:5", "dave", []string{"(", "+ping"}},
	}})
	want := `s.conf:1: user "bob": '+nope': Unknown command or category name in ACL
s.conf:2: user "carol": '#******': The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters
s.conf:3: the user "bob" is defined at s.conf:1 already; put all its rules into one line
s.conf:4: the name of the user "a b" must not contain spaces
s.conf:5: user "dave": Unmatched parenthesis in acl selector starting at '('.`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestACLLog(t *testing.T) {
	b := newBench(t)
	b.node.Users = openUsers(t, UserOptions{LogLength: 3}, "bob on >pw +acl|log +subscribe")
	for range 2 {
		b.do("Auth", "bob", "wrong")
	}
	b.do("AUTH", "bob", "pw")
	b.do("HELLO", "3", "AUTH", "nobody", "wrong")
	b.do("PING")
	b.do("SUBSCRIBE", "x", "y")
	entries := b.do("ACL", "LOG").(Array)
	var got []string
	for _, e := range entries {
		m := e.(Map)
		got = append(got, strings.Join([]string{text(m[1].Value), text(m[3].Value), text(m[4].Value)}, " "))
		if line := text(m[6].Value); !strings.HasPrefix(line, "id=7 addr=127.0.0.1:1007 ") || strings.HasSuffix(line, "\n") {
			t.Errorf("the client is %q", line)
		}
	}
	if want := []string{"channel x bob", "command ping bob", "auth HELLO nobody"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if last := entries[0].(Map); last[7].Value != Int(3) || last[0].Value != Int(1) {
		t.Errorf("the last entry is %v", last)
	}
	b.do("AUTH", "default", "")
	info := text(b.do("INFO", "stats"))
	for _, line := range []string{"acl_access_denied_auth:3\r\n", "acl_access_denied_cmd:1\r\n", "acl_access_denied_key:0\r\n", "acl_access_denied_channel:1\r\n"} {
		if !strings.Contains(info, line) {
			t.Errorf("INFO lacks %q:\n%s", line, info)
		}
	}
	if got := b.do("ACL", "LOG", "RESET"); got != OK || len(b.do("ACL", "LOG").(Array)) != 0 {
		t.Errorf("%v, and something is left", got)
	}
}

func text(r Reply) string {
	if v, ok := r.(Verbatim); ok {
		return string(v)
	}
	return string(r.(Bulk))
}

func TestGenPass(t *testing.T) {
	b := newBench(t)
	for line, length := range map[string]int{"ACL GENPASS": 64, "ACL GENPASS 1": 1, "ACL GENPASS 5": 2, "ACL GENPASS 4096": 1024} {
		first, second := text(b.do(strings.Fields(line)...)), text(b.do(strings.Fields(line)...))
		if len(first) != length || length > 32 && first == second {
			t.Errorf("%s: %q, %q", line, first, second)
		}
	}
}

// Ours are as Sentinel's own: who may not administrate may not use them, and who
// was given a single one has no other.
func TestCategoriesOfSentinel(t *testing.T) {
	b := newBench(t)
	for _, sub := range b.table.byName["sentinel"].Subcommands {
		want := []string{"admin", "slow", "dangerous"}
		if sub.Name == "help" {
			want = []string{"slow"}
		}
		if got := sub.ACLCategories(); !slices.Equal(got, want) {
			t.Errorf("%s is in %q, want %q", sub.FullName(), got, want)
		}
	}
}
