package system

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

const helloChannel = "__sentinel__:hello"

// foreign returns nil if the node shows that many Sentinels that are not ours.
func (s *scene) foreign(n int) error {
	rows, err := redis.Values(s.node.Do("SENTINEL", "FOREIGN", group))
	if err == nil && len(rows) != n {
		err = fmt.Errorf("%d foreign sentinels are shown, not %d", len(rows), n)
	}
	return err
}

// A stock Sentinel watches the same master: we say so, follow the master with
// our ears, and never let it know of us. When it is gone, that is said too.
func TestForeignSentinel(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	greetings := procs.Subscribe(t, s.Master, helloChannel)
	sentinel := procs.Sentinel(t, procs.SentinelOpts{Conf: fmt.Sprintf(
		"sentinel monitor theirs %s %d 2\nsentinel down-after-milliseconds theirs 60000\n", s.Master.Addr.Host, s.Master.Addr.Port)})
	id, err := redis.String(sentinel.Do("SENTINEL", "MYID"))
	if err != nil {
		t.Fatal(err)
	}
	details := fmt.Sprintf("sentinel %s %s %d @ %s %s %d", id, sentinel.Addr.Host, sentinel.Addr.Port, group, s.Master.Addr.Host, s.Master.Addr.Port)
	s.await("+foreign-sentinel", details)
	s.node.AwaitLog(patience, "another authority watches this master")
	rows, err := redis.Values(s.node.Do("SENTINEL", "FOREIGN", group))
	if err != nil || len(rows) != 1 {
		t.Fatalf("SENTINEL FOREIGN gave %v, %v", rows, err)
	}
	row, err := redis.StringMap(rows[0], nil)
	if err != nil || row["runid"] != id || row["master-name"] != "theirs" || row["master-port"] != portOf(s.Master) {
		t.Errorf("it is shown as %v, %v", row, err)
	}

	// Two greetings of its own, and none of ours among them.
	procs.Eventually(t, patience, func() error {
		heard := greetings.Messages()
		for _, m := range heard {
			if m.Channel == helloChannel && !strings.Contains(m.Payload, id) {
				t.Fatalf("somebody else greets at the master: %s", m.Payload)
			}
		}
		if len(heard) < 2 {
			return fmt.Errorf("only %d greetings were heard", len(heard))
		}
		return nil
	})
	if m, err := redis.StringMap(sentinel.Do("SENTINEL", "MASTER", "theirs")); err != nil || m["num-other-sentinels"] != "0" {
		t.Errorf("the Sentinel knows %s others (%v), want none", m["num-other-sentinels"], err)
	}
	if m, err := masterEntry(s.node, group); err != nil || m["num-other-sentinels"] != "0" {
		t.Errorf("the node counts %s others (%v), want none", m["num-other-sentinels"], err)
	}

	sentinel.Kill()
	s.await("-foreign-sentinel", details)
	if err := s.foreign(0); err != nil {
		t.Error(err)
	}
}

// Where the server does not allow us to subscribe, nothing is said of it and
// everything else works.
func TestMayNotListen(t *testing.T) {
	t.Parallel()
	s := play(t, stage{redis: procs.Opts{Config: []string{"user default on nopass ~* &* +@all -subscribe"}}})
	procs.Eventually(t, patience, func() error {
		refusals, err := redis.Values(s.Master.Do("ACL", "LOG"))
		if err == nil && len(refusals) == 0 {
			err = fmt.Errorf("nobody has tried to subscribe")
		}
		return err
	})
	s.node.Must("SENTINEL", "FAILOVER", group)
	promoted := s.switchFrom(s.Master)
	s.agree(promoted, s.others(promoted)...)
	for line := range strings.Lines(s.node.Log()) {
		if strings.Contains(strings.ToLower(line), "subscri") {
			t.Errorf("the log says: %s", line)
		}
	}
}
