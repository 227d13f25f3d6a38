package acl

import (
	"errors"
	"strings"
	"testing"
)

// pwHash is of the password "pw".
const pwHash = "30c952fab122c3f9759f02a6d95c3758b246b4fee239957b2d4fee46e26170c4"

// Rules, and the user that they make as it is shown.
func TestRules(t *testing.T) {
	const head = "user bob off sanitize-payload "
	tests := []struct{ rules, want string }{
		{"", head + "resetchannels -@all"},
		{"on nopass allkeys allchannels allcommands", "user bob on nopass sanitize-payload ~* &* +@all"},
		{"ON NoPass ~* &* +@ALL", "user bob on nopass sanitize-payload ~* &* +@all"},
		{"on off skip-sanitize-payload", "user bob off skip-sanitize-payload resetchannels -@all"},
		{"skip-sanitize-payload sanitize-payload", head + "resetchannels -@all"},

		{">pw", head + "#" + pwHash + " resetchannels -@all"},
		{">pw >pw #" + pwHash, head + "#" + pwHash + " resetchannels -@all"},
		{">pw <pw", head + "resetchannels -@all"},
		{">pw !" + pwHash, head + "resetchannels -@all"},
		{"nopass >pw", head + "#" + pwHash + " resetchannels -@all"},
		{">pw nopass", "user bob off nopass sanitize-payload resetchannels -@all"},
		{"nopass resetpass", head + "resetchannels -@all"},

		{"+ping", head + "resetchannels -@all +ping"},
		{"+PING +Ping", head + "resetchannels -@all +ping"},
		{"+ping -ping", head + "resetchannels -@all -ping"},
		{"+ping +info +ping", head + "resetchannels -@all +info +ping"},
		{"+sentinel -sentinel|masters", head + "resetchannels -@all +sentinel -sentinel|masters"},
		{"-sentinel|masters +sentinel|help +ping +sentinel", head + "resetchannels -@all +ping +sentinel"},
		{"+sentinel|masters -sentinel|masters", head + "resetchannels -@all -sentinel|masters"},
		{"+@Admin +ping -@admin", head + "resetchannels -@all +ping -@admin"},
		{"+ping|X +ping|y", head + "resetchannels -@all +ping|x +ping|y"},
		{"+ping|x +ping", head + "resetchannels -@all +ping"},
		{"+ping +@all -info", head + "resetchannels +@all -info"},
		{"+@all nocommands", head + "resetchannels -@all"},
		{"+@keyspace", head + "resetchannels -@all +@keyspace"},

		{"~a %R~b %rw~c %W~b", head + "~a ~b ~c resetchannels -@all"},
		{"%R~a %W~b", head + "%R~a %W~b resetchannels -@all"},
		{"~ ~a allkeys resetkeys", head + "resetchannels -@all"},
		{"~* resetkeys ~a", head + "~a resetchannels -@all"},
		{"%RW~*", head + "~* resetchannels -@all"},

		{"&a &b &a", head + "resetchannels &a &b -@all"},
		{"&* resetchannels &a", head + "resetchannels &a -@all"},

		{"(+ping ~x) ( +info &y )", head + "resetchannels -@all (~x resetchannels -@all +ping) (resetchannels &y -@all +info)"},
		{"() +ping", head + "resetchannels -@all +ping (resetchannels -@all)"},
		{"(+ping) clearselectors", head + "resetchannels -@all"},
		{"on nopass >pw ~a &b +@all (+ping) skip-sanitize-payload reset", head + "resetchannels -@all"},
	}
	for _, test := range tests {
		u := with(t, strings.Split(test.rules, " ")...)
		if got := u.String(); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.rules, got, test.want)
		}
	}
}

func TestAllChannelsByDefault(t *testing.T) {
	l := NewLanguage(Options{AllChannels: true})
	u, err := l.NewUser("bob").With("()", "resetchannels", "()", "reset", "()")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := u.String(), "user bob off sanitize-payload &* -@all (&* -@all)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRefusedRules(t *testing.T) {
	tests := []struct {
		rules string
		want  Reason
	}{
		{"nonsense", Syntax}, {"+", Unknown}, {"-", Unknown}, {"+nope", Unknown}, {"-nope", Unknown}, {"+@nope", Unknown}, {"+@", Unknown},
		{"+sentinel|nope", Unknown}, {"-sentinel|nope", Unknown}, {"-ping|x", Unknown}, {"+nope|x", Unknown}, {"+sentinel|masters|x", FirstArgOfChild},
		{"+ping|", Syntax}, {"+ping|x\ty", Syntax}, {"+sentinel|", Syntax}, {")", Syntax}, {"(+nope)", Unknown}, {"(on)", Syntax}, {"(>pw)", Syntax}, {"(&a))", Syntax}, {"( ~a) &b )", Syntax},
		{"%", Syntax}, {"%~a", Syntax}, {"%X~a", Syntax}, {"%RR~a", Syntax}, {"~* ~a", AllKeysAlready}, {"~* %Q", AllKeysAlready}, {"&* &a", AllChannels},
		{"~a\tb", Syntax}, {"&a\x00", Syntax}, {"#abc", BadHash}, {"!abc", BadHash}, {"#" + strings.ToUpper(pwHash), BadHash},
		{"<pw", NoSuchPassword}, {"!" + pwHash, NoSuchPassword},
	}
	for _, test := range tests {
		u := with(t, "on", "+ping")
		before := u.String()
		_, err := u.With(append(strings.Split(test.rules, " "), "off")...)
		var refused *RuleError
		if !errors.As(err, &refused) || refused.Reason != test.want {
			t.Errorf("%q: got %v, want %q", test.rules, err, test.want)
		}
		if u.String() != before {
			t.Errorf("%q changed the user that it was refused for: %s", test.rules, u)
		}
	}
	var open *ParenthesisError
	if _, err := with(t).With("(+ping", "+info"); !errors.As(err, &open) || open.Word != "(+ping" {
		t.Errorf("an open parenthesis: %v", err)
	}
}

// A user made of another one shares nothing with it.
func TestUsersAreIndependent(t *testing.T) {
	u := with(t, ">pw", "+ping|x", "~a", "&a", "(+ping)")
	before := u.String()
	if _, err := u.With("<pw", "+ping|y", "%R~a", "&b", "-@all", "(+info)", ">new"); err != nil {
		t.Fatal(err)
	}
	if got := u.String(); got != before {
		t.Errorf("got %s, want %s", got, before)
	}
}

func TestAdmits(t *testing.T) {
	tests := []struct {
		rules, pass string
		want        bool
	}{
		{"on >pw >other", "pw", true}, {"on >pw >other", "other", true}, {"on >pw", "Pw", false}, {"on >pw", "", false}, {"on >pw", pwHash, false},
		{"on nopass", "anything", true}, {"on", "", false}, {"on >", "", true}, {"off >pw", "pw", false}, {"off nopass", "pw", false},
	}
	for _, test := range tests {
		if got := with(t, strings.Split(test.rules, " ")...).Admits(test.pass); got != test.want {
			t.Errorf("%s: %q: got %v", test.rules, test.pass, got)
		}
	}
}

func TestErrorsHidePasswords(t *testing.T) {
	for rules, want := range map[string]string{
		"#secret": "'#******': ", "!secret": "'!******': ", "<secret": "'<******': ",
		// The sign before it was forgotten, or a blank is between them.
		"on secret": "'******': ", "> secret": "'******': ",
		"(+ping >secret)": "'(******': ", "(>secret +ping": "starting at '(******'.",
		// What helps and hides nothing is shown.
		"+nope": "'+nope': ", "-@nope": "'-@nope': ", "(+ping +nope)": "'(+ping +nope)': ", "( +ping": "starting at '('.",
	} {
		_, err := with(t).With(strings.Split(rules, " ")...)
		if text := Explain(err); strings.Contains(text, "secret") || !strings.Contains(text, want) {
			t.Errorf("%s: %s", rules, text)
		}
	}
}
