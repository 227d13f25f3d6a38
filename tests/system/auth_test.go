package system

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// The passwords of these tests; checkSecrets looks for them, and for the parts
// that are the same in all of them.
const (
	secret      = "Zq7-open-sesame-1"
	newSecret   = "Zq7-open-sesame-2"
	wrongSecret = "Zq7-open-sesame-3"
)

// checkSecrets fails the test if a password is in a log or an event.
func (s *scene) checkSecrets() {
	s.t.Helper()
	where := map[string]string{"the log of redis-failover": s.node.Log(), "an event": s.events.String()}
	for place, text := range where {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "Zq7-") || strings.Contains(line, "open-sesame") {
				s.t.Errorf("a password is in %s: %s", place, line)
			}
		}
	}
}

func TestPasswordProtectedServers(t *testing.T) {
	// What contract and documentation ask for, and nothing more.
	const permissions = "resetchannels &__sentinel__:hello -@all +client +subscribe +publish +ping +info +multi +slaveof +config +exec"
	tests := []struct {
		name  string
		redis procs.Opts
		conf  []string
	}{
		{
			"requirepass",
			procs.Opts{Password: secret},
			[]string{"sentinel auth-pass " + group + " " + secret},
		},
		{
			"ACL user with the least permissions",
			procs.Opts{User: "app", Password: newSecret, Config: []string{fmt.Sprintf("user watcher on >%s %s", secret, permissions)}},
			[]string{"sentinel auth-user " + group + " watcher", "sentinel auth-pass " + group + " " + secret},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{redis: test.redis, conf: test.conf, args: []string{"-log_level=debug"}})
			s.Master.Kill()
			promoted := s.switchFrom(s.Master)
			s.agree(promoted, s.others(s.Master, promoted)...)
			s.Master.Restart()
			s.agree(promoted, s.others(promoted)...)
			s.checkSecrets()
		})
	}
}

// The password is given at run time, then the servers get another one.
func TestPasswordsAtRunTime(t *testing.T) {
	t.Parallel()
	s := play(t, stage{redis: procs.Opts{Password: secret}, args: []string{"-log_level=debug"}, unseen: true})
	s.await("+sdown", ofMaster(s.Master))
	s.node.AwaitLog(patience, "the server does not let us in")
	s.node.Must("SENTINEL", "SET", group, "auth-pass", secret)
	s.await("+set", ofMaster(s.Master)+" auth-pass ******")
	s.await("-sdown", ofMaster(s.Master))
	procs.Eventually(t, patience, s.watched)

	// The servers get a user for the node; among themselves they keep the
	// first password.
	for _, server := range s.Servers() {
		server.Must("ACL", "SETUSER", "watcher", "on", "~*", "&*", "+@all", ">"+newSecret)
	}
	s.node.Must("SENTINEL", "SET", group, "auth-user", "watcher", "auth-pass", newSecret)
	procs.Eventually(t, patience, s.watched)
	procs.Eventually(t, patience, func() error { return connectedAs(s.Master, "watcher") })
	s.Master.Kill()
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(s.Master, promoted)...)
	s.checkSecrets()
	checkFilesAreOurs(t, s.node.DataDir)
}

// connectedAs returns nil if somebody is logged in at a server as that user.
func connectedAs(s *procs.Server, user string) error {
	list, err := s.Do("CLIENT", "LIST")
	if err != nil {
		return err
	}
	if !strings.Contains(fmt.Sprintf("%s", list), " user="+user+" ") {
		return fmt.Errorf("nobody is logged in at %s as %s", s.Addr, user)
	}
	return nil
}

// checkFilesAreOurs fails the test if others may read the files of a folder,
// which hold passwords.
func checkFilesAreOurs(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			continue // a log that was replaced meanwhile
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s holds passwords and has mode %v", f.Name(), info.Mode())
		}
	}
}

// A wrong password is no dead server, but it looks like one to whoever cannot
// ask; so the log must say which it is, and nothing may be ordered.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	s := play(t, stage{
		redis: procs.Opts{Password: secret}, unseen: true,
		conf: []string{"sentinel auth-pass " + group + " " + wrongSecret},
		args: []string{"-log_level=debug"},
	})
	s.await("+sdown", ofMaster(s.Master))
	s.node.AwaitLog(patience, "WRONGPASS")
	s.await("-failover-abort-no-good-slave", ofMaster(s.Master))
	s.agree(s.Master, s.Replicas...)
	s.refuteEvents("+selected-slave", "+switch-master")
	s.node.Must("SENTINEL", "SET", group, "auth-pass", secret)
	s.await("-odown", ofMaster(s.Master))
	procs.Eventually(t, patience, s.watched)
	s.checkSecrets()
}
