package engines

import (
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

const (
	// group is the name that the groups are watched by.
	group = "mymaster"
	// patience is how long that may take which has to happen.
	patience = 60 * time.Second
)

// LedisDB has no run ids, no MULTI, no CLIENT, no SUBSCRIBE and no REPLICAOF, and
// its INFO has words of its own. The master dies, comes back as a replica, and is
// made the master again by hand; what was written is there all the time.
func TestLedisDB(t *testing.T) {
	t.Parallel()
	g := procs.LedisDBGroup(t, 2)
	write(t, g.Master, "first", g.Replicas...)
	node := procs.Failover(t, "-masters="+group+"="+g.Master.Addr.String(), "-max_down_time=1")
	procs.Eventually(t, patience, func() error { return sees(node, g.Master.Addr, g.Replicas...) })

	old := g.Master
	old.Kill()
	promoted := newMaster(t, node, g)
	other := g.Replicas[0]
	if promoted == other {
		other = g.Replicas[1]
	}
	procs.Eventually(t, patience, promoted.IsMaster)
	procs.Eventually(t, patience, func() error { return other.Follows(promoted.Addr) })
	procs.Eventually(t, patience, func() error { return holds(promoted, "first") })
	write(t, promoted, "second", other)

	old.Restart()
	procs.Eventually(t, patience, func() error { return old.Follows(promoted.Addr) })
	procs.Eventually(t, patience, func() error { return holds(old, "second") })
	procs.Eventually(t, patience, func() error { return sees(node, promoted.Addr, old, other) })

	// Its configuration was rewritten: it need not be told again.
	other.Restart()
	procs.Eventually(t, patience, func() error { return other.Follows(promoted.Addr) })
	procs.Eventually(t, patience, func() error { return sees(node, promoted.Addr, old, other) })

	procs.Eventually(t, patience, func() error {
		_, err := node.Do("SENTINEL", "FAILOVER", group)
		return err
	})
	procs.Eventually(t, patience, func() error {
		if addr, err := node.MasterAddr(group); err != nil || addr == promoted.Addr {
			return fmt.Errorf("the master is still at %s (%v)", addr, err)
		}
		return nil
	})
	addr, err := node.MasterAddr(group)
	if err != nil {
		t.Fatal(err)
	}
	again := g.At(addr)
	procs.Eventually(t, patience, func() error { return promoted.Follows(again.Addr) })
	write(t, again, "third", promoted)
}

// newMaster waits until the node names another server of the group than the one
// it was started with as the master.
func newMaster(t *testing.T, node *procs.Node, g *procs.RedisGroup) *procs.Server {
	t.Helper()
	var addr state.Addr
	procs.Eventually(t, patience, func() (err error) {
		if addr, err = node.MasterAddr(group); err == nil && addr == g.Master.Addr {
			err = fmt.Errorf("the master is still at %s", addr)
		}
		return err
	})
	return g.At(addr)
}

// sees returns nil when the node has a healthy view of a master and of its
// replicas, whether or not they have run ids.
func sees(node *procs.Node, master state.Addr, replicas ...*procs.Server) error {
	m, err := redis.StringMap(node.Do("SENTINEL", "MASTER", group))
	if err != nil {
		return err
	}
	if m["flags"] != "master" || m["ip"]+":"+m["port"] != master.String() || m["role-reported"] != "master" {
		return fmt.Errorf("the master is shown as %v", m)
	}
	rows, err := redis.Values(node.Do("SENTINEL", "REPLICAS", group))
	if err != nil {
		return err
	}
	shown := map[string]map[string]string{}
	for _, row := range rows {
		r, err := redis.StringMap(row, nil)
		if err != nil {
			return err
		}
		shown[r["name"]] = r
	}
	for _, r := range replicas {
		if row := shown[r.Addr.String()]; row["flags"] != "slave" || row["master-link-status"] != "ok" || row["master-host"]+":"+row["master-port"] != master.String() {
			return fmt.Errorf("the replica %s is shown as %v", r.Addr, row)
		}
	}
	return nil
}

// write has a client write to the master, and waits until the replicas have it.
func write(t *testing.T, master *procs.Server, value string, replicas ...*procs.Server) {
	t.Helper()
	procs.Eventually(t, patience, func() error {
		_, err := master.Do("SET", "key", value)
		return err
	})
	for _, r := range replicas {
		procs.Eventually(t, patience, func() error { return holds(r, value) })
	}
}

// holds returns nil if a server has that value.
func holds(s *procs.Server, value string) error {
	got, err := redis.String(s.Do("GET", "key"))
	if err != nil || got != value {
		return fmt.Errorf("the value at %s is %q (%v), not %q", s.Addr, got, err, value)
	}
	return nil
}
