package commands

import (
	"reflect"
	"testing"

	"redis-failover/cluster/state"
)

func TestUsers(t *testing.T) {
	open, closed := NewUsers(""), NewUsers("secret")
	tests := []struct {
		users      *Users
		name, pass string
		want       bool
	}{
		{open, "default", "anything", true},
		{open, "bob", "", false},
		{closed, "default", "secret", true},
		{closed, "default", "Secret", false},
		{closed, "default", "", false},
		{closed, "Default", "secret", false},
		{closed, "bob", "secret", false},
	}
	for _, test := range tests {
		if got := test.users.Authenticate(test.name, test.pass); got != test.want {
			t.Errorf("open %v, %q with %q: %v", test.users.Open(), test.name, test.pass, got)
		}
	}
}

func TestAuthAndHello(t *testing.T) {
	const wrong = Error("WRONGPASS invalid username-password pair or user is disabled.")
	noAuth := Error("NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH " +
		"<user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
	hello := func(proto int64) Map {
		return Map{{"server", Bulk("redis")}, {"version", Bulk(RedisVersion)}, {"proto", Int(proto)},
			{"id", Int(7)}, {"mode", Bulk("sentinel")}, {"modules", Array{}}}
	}
	tests := []struct {
		pass  state.Secret
		words []string
		want  Reply
		in    bool // logged in afterwards
		proto int
		name  string
	}{
		{"pw", []string{"AUTH", "pw"}, OK, true, 2, ""},
		{"pw", []string{"AUTH", "default", "pw"}, OK, true, 2, ""},
		{"pw", []string{"AUTH", "no"}, wrong, false, 2, ""},
		{"pw", []string{"AUTH", "bob", "pw"}, wrong, false, 2, ""},
		{"pw", []string{"AUTH", "a", "b", "c"}, errSyntax, false, 2, ""},
		{"pw", []string{"HELLO"}, noAuth, false, 2, ""},
		{"pw", []string{"HELLO", "3"}, noAuth, false, 2, ""},
		{"pw", []string{"HELLO", "3", "AUTH", "default", "pw"}, hello(3), true, 3, ""},
		{"pw", []string{"HELLO", "3", "SETNAME", "x", "auth", "default", "pw"}, hello(3), true, 3, "x"},
		{"pw", []string{"HELLO", "3", "AUTH", "default", "no", "SETNAME", "x"}, wrong, false, 2, ""},
		{"pw", []string{"HELLO", "3", "AUTH", "default", "pw", "SETNAME", "a b"}, errBadName("Client names"), false, 2, ""},
		{"pw", []string{"HELLO", "3", "AUTH", "default"}, errHelloOption("AUTH"), false, 2, ""},
		{"pw", []string{"HELLO", "4", "AUTH", "default", "pw"}, Error("NOPROTO unsupported protocol version"), false, 2, ""},
		{"pw", []string{"HELLO", "x"}, Error("ERR Protocol version is not an integer or out of range"), false, 2, ""},
		{"", []string{"AUTH", "pw"}, errNoPass, true, 2, ""},
		{"", []string{"AUTH", "default", "pw"}, OK, true, 2, ""},
		{"", []string{"HELLO", "2", "FOO"}, Error("ERR Syntax error in HELLO option 'FOO'"), true, 2, ""},
		{"", []string{"HELLO"}, hello(2), true, 2, ""},
	}
	for _, test := range tests {
		b := newBench(t)
		b.node.Users = NewUsers(test.pass)
		b.session.Update(func(c *Client) { c.Authenticated = test.pass == "" })
		if got := b.do(test.words...); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: got %#v, want %#v", test.words, got, test.want)
		}
		after := b.session.Client()
		if after.Authenticated != test.in || after.Protocol != test.proto || after.Name != test.name {
			t.Errorf("%q: afterwards logged in %v, protocol %d, name %q", test.words, after.Authenticated, after.Protocol, after.Name)
		}
	}
}
