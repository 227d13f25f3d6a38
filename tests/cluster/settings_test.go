package cluster

import (
	"fmt"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// settings returns nil if a member shows these settings.
func settings(m *procs.Member, want map[string]string) error {
	got, err := redis.StringMap(m.Do("SENTINEL", "CONFIG", "GET", "*"))
	if err != nil {
		return fmt.Errorf("member %d: %w", m.Index, err)
	}
	for name, value := range want {
		if got[name] != value {
			return fmt.Errorf("member %d shows %s as %q, want %q", m.Index, name, got[name], value)
		}
	}
	return nil
}

// SENTINEL CONFIG SET at one node: what concerns all holds for all, what concerns
// the node holds there, and the others tell of its address. Without a majority
// nothing of a call that needs one is taken.
func TestSettingsOfAllAndOfOne(t *testing.T) {
	t.Parallel()
	c := procs.StartCluster(t, procs.ClusterOpts{})
	change(t, c.Members[0], "MONITOR", group, "127.0.0.1", 1, 2)
	told, other := c.Members[1], c.Members[2]
	events := procs.Subscribe(t, other.Server, state.EventSentinelMoved)
	change(t, told, "CONFIG", "SET", "announce-hostnames", "yes", "sentinel-user", "u", "loglevel", "debug", "announce-ip", "localhost")
	forAll := map[string]string{"announce-hostnames": "yes", "resolve-hostnames": "no", "sentinel-user": "u", "sentinel-pass": ""}
	if err := settings(told, forAll); err != nil {
		t.Errorf("right after its answer, %v", err)
	}
	for _, m := range c.Members {
		procs.Eventually(t, patience, func() error { return settings(m, forAll) })
	}
	if err := settings(told, map[string]string{"loglevel": "debug", "announce-ip": "localhost"}); err != nil {
		t.Error(err)
	}
	if err := settings(other, map[string]string{"loglevel": "notice", "announce-ip": ""}); err != nil {
		t.Error(err)
	}

	want := fmt.Sprintf("master %s 127.0.0.1 1 ip localhost port %d for %s", group, told.Addr.Port, told.ID())
	events.Await(patience, func(m procs.Message) bool { return m.Payload == want })
	procs.Eventually(t, patience, func() error { return showsMember(other, told, "localhost") })
	change(t, c.Members[0], "CONFIG", "SET", "announce-hostnames", "no")
	procs.Eventually(t, patience, func() error { return showsMember(other, told, "127.0.0.1") })
	procs.Eventually(t, patience, func() error {
		_, err := c.Members[0].Do("SENTINEL", "CKQUORUM", group)
		return err
	})

	c.Kill(c.Members[0], told)
	procs.Eventually(t, patience, func() error {
		_, err := other.Do("SENTINEL", "CONFIG", "SET", "loglevel", "warning", "sentinel-user", "v")
		if fault := refused(err, "NOQUORUM"); fault != nil {
			return fault
		}
		return settings(other, map[string]string{"loglevel": "notice", "sentinel-user": "u"})
	})
	change(t, other, "CONFIG", "SET", "loglevel", "warning")
}

// showsMember returns nil if a node shows another one at a host, and as alive.
func showsMember(at, other *procs.Member, host string) error {
	rows, err := redis.Values(at.Do("SENTINEL", "SENTINELS", group))
	if err != nil {
		return err
	}
	for _, row := range rows {
		m, err := redis.StringMap(row, nil)
		if err != nil {
			return err
		}
		if m["runid"] == string(other.ID()) && m["ip"] == host && m["flags"] == "sentinel" {
			return nil
		}
	}
	return fmt.Errorf("member %d is not shown at %s: %s", other.Index, host, rows)
}

// When a user is needed, nodes cannot ask each other any more until they are told
// its name and password, which one call does. (Redis's own test of users asks
// CKQUORUM. Nodes that agree through the broker need not be able to log in at each
// other for that.)
func TestNodesShowEachOtherAUser(t *testing.T) {
	t.Parallel()
	c := procs.StartCluster(t, procs.ClusterOpts{})
	change(t, c.Members[0], "MONITOR", group, "127.0.0.1", 1, 2)
	conns := make([]redis.Conn, len(c.Members))
	do := func(i int, command string, args ...any) {
		t.Helper()
		if _, err := conns[i].Do(command, args...); err != nil {
			t.Fatalf("member %d: %s %v: %v", i, command, args, err)
		}
	}
	for i, m := range c.Members {
		conns[i] = m.Connect()
		do(i, "ACL", "SETUSER", "peer", "on", ">secret", "+@all", "allchannels")
		do(i, "AUTH", "peer", "secret")
	}
	for i := range c.Members {
		do(i, "ACL", "SETUSER", "default", "off")
		do(i, "CLIENT", "KILL", "USER", "default", "SKIPME", "no")
	}
	flags := func(i int, want string) error {
		rows, err := redis.Values(conns[i].Do("SENTINEL", "SENTINELS", group))
		if err != nil {
			return err
		}
		for _, row := range rows {
			if m, err := redis.StringMap(row, nil); err != nil || m["flags"] != want {
				return fmt.Errorf("member %d shows %v, want the flags %s (%v)", i, m, want, err)
			}
		}
		return nil
	}
	all := func(want string) {
		t.Helper()
		for i := range c.Members {
			procs.Eventually(t, patience, func() error { return flags(i, want) })
		}
	}
	all("s_down,sentinel,disconnected")
	do(1, "SENTINEL", "CONFIG", "SET", "sentinel-user", "peer", "sentinel-pass", "secret")
	all("sentinel")
	for i := range c.Members {
		do(i, "ACL", "SETUSER", "default", "on")
	}
	do(2, "SENTINEL", "CONFIG", "SET", "sentinel-user", "", "sentinel-pass", "")
	all("sentinel")
}
