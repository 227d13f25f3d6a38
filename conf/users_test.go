package conf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loadText loads a configuration file of this name and text.
func loadText(t *testing.T, name, text string) (*Config, string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load([]string{file}, nil)
	return c, file, err
}

func TestUsersOfSentinelConf(t *testing.T) {
	c, file, err := loadText(t, "sentinel.conf", "requirepass x\nuser bob on >secret +ping\nuser default on nopass\nacllog-max-len 7\nacl-pubsub-default AllChannels\n")
	if err != nil {
		t.Fatal(err)
	}
	u := c.Users
	if len(u.Lines) != 2 || u.Lines[0].Name != "bob" || len(u.Lines[0].Rules) != 3 || u.Lines[0].Rules[1] != ">secret" || u.Lines[0].At.String() != file+":2" {
		t.Errorf("the users are %+v", u.Lines)
	}
	if u.LogLength != 7 || !u.AllChannels || u.File != "" {
		t.Errorf("users: %+v", u)
	}
	if len(c.Notices) != 1 || !c.Notices[0].Serious || !strings.HasPrefix(c.Notices[0].Text, "requirepass has no effect") {
		t.Errorf("notices: %v", c.Notices)
	}
	if text := c.Summary(); strings.Contains(text, "secret") || !strings.Contains(text, "bob, default") {
		t.Errorf("summary: %s", text)
	}
}

func TestFileOfUsers(t *testing.T) {
	dir := t.TempDir()
	c, _, err := loadText(t, "sentinel.conf", "aclfile users.acl\ndir "+dir+"\n")
	if err != nil || c.Users.File != filepath.Join(dir, "users.acl") {
		t.Errorf("%v, the file is %q", err, c.Users.File)
	}
	c, _, err = loadText(t, "c.toml", "[users]\nfile = \"/u.acl\"\nlog = 0\nchannels = \"allchannels\"\n")
	if err != nil || c.Users.File != "/u.acl" || c.Users.LogLength != 0 || !c.Users.AllChannels {
		t.Errorf("%v, users: %+v", err, c)
	}
}

func TestFaultsOfUsers(t *testing.T) {
	tests := []struct{ text, want string }{
		{"port 1\naclfile u.acl\nuser bob on >secret", "FILE:2: 'aclfile u.acl': Users are defined in the configuration already, at FILE:3. " +
			"Move the user lines into the file, or leave the file out."},
		{"acllog-max-len -1", "FILE:1: 'acllog-max-len -1': \"-1\" is not such a number. Give a number from 0 to 1000000."},
		{"acl-pubsub-default none", "FILE:1: 'acl-pubsub-default none': There is no choice \"none\". Give allchannels or resetchannels."},
		{"user", "FILE:1: 'user': Bad directive or wrong number of arguments. user takes at least 1 arguments."},
	}
	for _, test := range tests {
		_, file, err := loadText(t, "sentinel.conf", test.text)
		if err == nil || strings.ReplaceAll(err.Error(), file, "FILE") != test.want {
			t.Errorf("%s\ngot  %v\nwant %s", test.text, err, test.want)
		}
	}
}
