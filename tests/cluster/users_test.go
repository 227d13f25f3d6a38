package cluster

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// peerRules are all that members need of each other.
const peerRules = "resetchannels -@all +sentinel|myid +client|setname"

// playWithUsers starts three nodes that watch a master with one replica, with an
// administrator whom the test's own calls come from.
func playWithUsers(t *testing.T, conf ...string) *scene {
	t.Helper()
	s := &scene{t: t, RedisGroup: procs.Group(t, 1, procs.Opts{})}
	file := writeConf(t, append([]string{
		fmt.Sprintf("sentinel monitor %s %s %d 2", group, s.Master.Addr.Host, s.Master.Addr.Port),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", group, downAfter.Milliseconds()),
		"user admin on >for-the-test ~* &* +@all",
	}, conf...))
	s.nodes = procs.StartCluster(t, procs.ClusterOpts{Args: []string{file}, User: "admin", Password: "for-the-test"})
	s.watched(s.Master)
	return s
}

// hearEachOther waits until every node shows all others as well, or as down.
func (s *scene) hearEachOther(well bool) {
	s.t.Helper()
	for _, m := range s.nodes.Members {
		procs.Eventually(s.t, patience, func() error {
			rows, err := redis.Values(m.Do("SENTINEL", "SENTINELS", group))
			if err != nil || len(rows) != 2 {
				return fmt.Errorf("member %d shows %q (%v)", m.Index, rows, err)
			}
			for _, row := range rows {
				fields, err := redis.StringMap(row, nil)
				if down := strings.Contains(fields["flags"], "s_down"); err != nil || down == well {
					return fmt.Errorf("member %d shows another one as %q (%v)", m.Index, fields["flags"], err)
				}
			}
			return nil
		})
	}
}

// Nodes that let nobody in without a name watch each other as the user of their
// configuration, and fail over.
func TestMembersAreUsers(t *testing.T) {
	t.Parallel()
	s := playWithUsers(t, "user default off", "user peer on >between-nodes "+peerRules,
		"sentinel sentinel-user peer", "sentinel sentinel-pass between-nodes")
	s.hearEachOther(true)
	for _, m := range s.nodes.Members {
		procs.Eventually(t, patience, func() error {
			list, err := redis.String(m.Do("CLIENT", "LIST"))
			if n := strings.Count(list, " user=peer "); err != nil || n != 2 {
				return fmt.Errorf("member %d has %d connections of members (%v):\n%s", m.Index, n, err, list)
			}
			return nil
		})
	}
	s.listen()
	s.Master.Kill()
	promoted := s.switchAt(s.nodes.Members[0], s.Master)
	s.agree(promoted)
	for _, m := range s.nodes.Members {
		if log := m.Log(); strings.Contains(log, "between-nodes") || strings.Contains(log, "for-the-test") {
			t.Errorf("a password is in the log of member %d:\n%s", m.Index, log)
		}
	}
}

// Users that are made while the nodes run shut the members out of each other,
// until they are told whom to log in as.
func TestUsersAtRunTime(t *testing.T) {
	t.Parallel()
	s := playWithUsers(t)
	s.hearEachOther(true)
	for _, m := range s.nodes.Members {
		m.Must("ACL", append([]any{"SETUSER", "peer", "on", ">between-nodes"}, words(peerRules)...)...)
		m.Must("ACL", "SETUSER", "default", "off")
		m.Must("CLIENT", "KILL", "USER", "default", "SKIPME", "no")
	}
	s.hearEachOther(false)

	change(t, s.nodes.Members[0], "CONFIG", "SET", "sentinel-user", "peer", "sentinel-pass", "between-nodes")
	s.hearEachOther(true)
}

func words(line string) []any {
	var list []any
	for _, word := range strings.Fields(line) {
		list = append(list, word)
	}
	return list
}

// SIGHUP reads the file of users anew on a running node; a bad file changes
// nothing.
func TestFileOfUsersIsReadAnew(t *testing.T) {
	t.Parallel()
	users := writeConf(t, []string{"user bob on >first +ping"})
	node := procs.StartNode(t, procs.NodeOpts{Args: []string{"-users_file=" + users}})
	auth := func(pass string) error {
		_, err := node.Do("AUTH", "bob", pass)
		return err
	}
	if err := auth("first"); err != nil {
		t.Fatal(err)
	}
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(users, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(node.Pid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("user bob on >second +ping +nonsense\n")
	node.AwaitLog(patience, "Error in applying operation '+nonsense'")
	if err := auth("first"); err != nil {
		t.Errorf("after a bad file: %v", err)
	}
	rewrite("user bob on >second +ping\n")
	procs.Eventually(t, patience, func() error { return auth("second") })
	if err := refused(auth("first"), "WRONGPASS"); err != nil {
		t.Error(err)
	}
	node.Must("ACL", "SETUSER", "carol", "on", ">third")
	node.Must("ACL", "SAVE")
	node.Kill()
	node.Restart()
	if _, err := node.Do("AUTH", "carol", "third"); err != nil {
		t.Errorf("a user that was saved is gone after a restart: %v", err)
	}
}
