package acl

import (
	"strings"
	"testing"
)

func TestReadFile(t *testing.T) {
	users, err := language().ReadFile("u.acl", "\n  \r\nuser bob on  >pw ( +ping &x )\r\nuser default on nopass +@all ~* &*\nuser carol")
	if err != nil {
		t.Fatal(err)
	}
	const want = "user bob on sanitize-payload #" + pwHash + " resetchannels -@all (resetchannels &x -@all +ping)\n" +
		"user default on nopass sanitize-payload ~* &* +@all\n" +
		"user carol off sanitize-payload resetchannels -@all\n"
	text := FileText(users)
	if text != want {
		t.Errorf("got\n%swant\n%s", text, want)
	}
	again, err := language().ReadFile("u.acl", text)
	if err != nil || FileText(again) != want {
		t.Errorf("what was written reads differently: %v\n%s", err, FileText(again))
	}
}

func TestReadFileErrors(t *testing.T) {
	const end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
	tests := []struct{ text, want string }{
		{"bob on", "u.acl:1 should start with user keyword followed by the username. "},
		{"\nuser", "u.acl:2 should start with user keyword followed by the username. "},
		{"# comment", "u.acl:1 should start with user keyword followed by the username. "},
		{"user a\tb on", "'u.acl:1: username 'a\tb' contains invalid characters. "},
		{"user a\nuser a", "WARNING: Duplicate user 'a' found on line 2. "},
		{"user a ( +ping", "u.acl:1: Unmatched parenthesis in selector definition."},
		{"user a +x -y +@z", "u.acl:1: Error in applying operation '+x': Unknown command or category name in ACL. " +
			"u.acl:1: Error in applying operation '-y': Unknown command or category name in ACL. " +
			"u.acl:1: Error in applying operation '+@z': Unknown command or category name in ACL. "},
		{"user a #secret #other", "u.acl:1: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters. "},
		{"user a what\nuser b +x", "u.acl:1: Syntax error. u.acl:2: Error in applying operation '+x': Unknown command or category name in ACL. "},
	}
	for _, test := range tests {
		if _, err := language().ReadFile("u.acl", test.text); err == nil || err.Error() != test.want+end {
			t.Errorf("%q\ngot  %v\nwant %s", test.text, err, test.want)
		}
	}
}

// FuzzRules gives any words as rules. What is accepted must be shown as rules
// that make the same user again, and be a line that a file of users can hold.
func FuzzRules(f *testing.F) {
	for _, seed := range []string{"on >pw +ping", "( +ping ~x ) &a +sentinel -sentinel|masters", "%RW~* +ping|x +@all -@admin", "(", "reset\x00 &* &a", "+@all -client +client|kill", "%RW +ping|\"x"} {
		f.Add(seed)
	}
	l := language()
	f.Fuzz(func(t *testing.T, text string) {
		u, err := l.NewUser("bob").With(strings.Split(text, " ")...)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		line := u.String()
		again, err := l.ReadFile("u.acl", line)
		if err != nil || len(again) != 1 || again[0].String() != line {
			t.Fatalf("%q\nshows as %q\nwhich reads as %v, %v", text, line, again, err)
		}
		for _, cmd := range l.options.Commands {
			for _, call := range []Call{{Command: cmd.Name}, {Command: cmd.Name, FirstArg: "x", Channels: []string{"a"}}} {
				if a, _ := u.Check(call); a != first(again[0].Check(call)) {
					t.Errorf("%q: another verdict on %v after it was shown and read", line, call)
				}
			}
		}
	})
}

func first(v Verdict, _ string) Verdict { return v }

// FuzzFile reads any text as a file of users.
func FuzzFile(f *testing.F) {
	f.Add("user bob on >pw +ping\nuser a ( +ping\n")
	f.Add("user  \tx\r\nuser default reset ()")
	l := language()
	f.Fuzz(func(t *testing.T, text string) {
		users, err := l.ReadFile("u.acl", text)
		if err != nil {
			return
		}
		written := FileText(users)
		again, err := l.ReadFile("u.acl", written)
		if err != nil || FileText(again) != written {
			t.Fatalf("%q\nis written as %q\nwhich reads as %q, %v", text, written, FileText(again), err)
		}
	})
}
