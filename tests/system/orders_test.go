package system

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// In a planned failover the clients of the old master are dropped at once, those
// that wait for messages too, also where the servers call the commands otherwise
// or do not let us have all of them.
func TestClientsOfOldMasterAreDropped(t *testing.T) {
	tests := []struct {
		name  string
		redis procs.Opts
		conf  []string
		// change is made at the servers once the group is watched.
		change []any
	}{
		{
			name: "renamed commands",
			redis: procs.Opts{Config: []string{
				"rename-command SLAVEOF our-slaveof", "rename-command CLIENT our-client",
				"rename-command MULTI our-multi", "rename-command EXEC our-exec",
			}},
			conf: []string{
				"sentinel rename-command " + group + " SLAVEOF our-slaveof", "sentinel rename-command " + group + " client our-client",
				"sentinel rename-command " + group + " MULTI our-multi", "sentinel rename-command " + group + " EXEC our-exec",
			},
		},
		{name: "no permission for CONFIG", change: []any{"SETUSER", "default", "-config"}},
		{name: "no permission for MULTI", change: []any{"SETUSER", "default", "-multi", "-exec"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{redis: test.redis, conf: test.conf})
			for _, server := range s.Servers() {
				if test.change != nil {
					server.Must("ACL", test.change...)
				}
			}
			client, subscriber := dial(t, s.Master), dial(t, s.Master)
			if _, err := subscriber.Do("SUBSCRIBE", "news"); err != nil {
				t.Fatal(err)
			}
			s.node.Must("SENTINEL", "FAILOVER", group)
			promoted := s.switchFrom(s.Master)
			s.agree(promoted, s.others(promoted)...)
			awaitDropped(t, client)
			awaitDropped(t, subscriber)
			s.await("+failover-end", ofMaster(promoted))
			s.refuteEvents("-slave-reconf-sent-timeout", "+failover-end-for-timeout", "+convert-to-slave")
		})
	}
}

// A server that announces another address than it was monitored at is in the
// group twice. When it is the master again, it is not told to follow itself.
func TestMasterWithTwoAddresses(t *testing.T) {
	t.Parallel()
	const second = "127.0.0.2"
	s := play(t, stage{replicas: 1, redis: procs.Opts{Config: []string{"bind 127.0.0.1 " + second}}})
	replica := s.Replicas[0]
	s.Master.Must("CONFIG", "SET", "replica-announce-ip", second)
	s.node.Must("SENTINEL", "FAILOVER", group)
	s.agree(replica, s.Master)
	s.await("+failover-end", ofMaster(replica))
	procs.Eventually(t, patience, func() error {
		rows, err := replicaEntries(s.node, group)
		name := second + ":" + portOf(s.Master)
		if err == nil && rows[name]["flags"] != "slave" {
			err = fmt.Errorf("%s is shown as %v", name, rows[name])
		}
		return err
	})

	s.node.Must("SENTINEL", "FAILOVER", group)
	back := s.events.Await(patience, func(m procs.Message) bool {
		return m.Channel == "+switch-master" && strings.HasPrefix(m.Payload, strings.Join([]string{group, replica.Addr.Host, ""}, " ")) &&
			strings.Contains(m.Payload, " "+portOf(replica)+" ")
	})
	s.events.Await(patience, func(m procs.Message) bool { return m.Channel == "+failover-end" && m.At.After(back.At) })
	procs.Holds(t, 2*time.Second, s.Master.IsMaster)
	procs.Eventually(t, patience, func() error { return linkUp(replica) })
	if _, err := s.Master.Do("SET", "k", "v"); err != nil {
		t.Errorf("the master takes no writes: %v", err)
	}
}

func portOf(s *procs.Server) string {
	_, port, _ := strings.Cut(s.Addr.String(), ":")
	return port
}

// linkUp returns nil if a server is a replica whose link is up.
func linkUp(s *procs.Server) error {
	info, err := s.Info("replication")
	if err == nil && info["master_link_status"] != "up" {
		err = redis.Error("its link is " + info["master_link_status"])
	}
	return err
}
