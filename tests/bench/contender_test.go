package bench

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// contender is one of the two that are compared.
type contender struct {
	name   string
	server *procs.Server
}

// contenders starts both. Each watches nothing yet; each alone is a quorum.
func contenders(b *testing.B) []contender {
	b.Helper()
	return []contender{
		{"ours", procs.Failover(b).Server},
		{"stock", procs.Sentinel(b, procs.SentinelOpts{})},
	}
}

// watch makes a contender watch a group, and returns when it knows all that it
// needs for a failover and has known the master for longer than down-after.
func (c contender) watch(b *testing.B, name string, g *procs.RedisGroup, downAfter time.Duration) {
	b.Helper()
	since := time.Now()
	c.server.Must("SENTINEL", "MONITOR", name, g.Master.Addr.Host, g.Master.Addr.Port, 1)
	c.server.Must("SENTINEL", "SET", name, "down-after-milliseconds", downAfter.Milliseconds())
	g.Master.Must("SET", "k", "v") // so that there are offsets
	procs.Eventually(b, 2*time.Minute, func() error {
		if time.Since(since) < 2*downAfter {
			return errors.New("it has not watched the master for long enough")
		}
		return c.knows(name, len(g.Replicas))
	})
}

// knows returns nil if a contender sees that many healthy replicas.
func (c contender) knows(name string, replicas int) error {
	m, err := redis.StringMap(c.server.Do("SENTINEL", "MASTER", name))
	if err != nil {
		return err
	}
	if m["flags"] != "master" || m["runid"] == "" {
		return fmt.Errorf("the master is shown with flags %q, run id %q", m["flags"], m["runid"])
	}
	rows, err := redis.Values(c.server.Do("SENTINEL", "REPLICAS", name))
	if err != nil {
		return err
	}
	if len(rows) != replicas {
		return fmt.Errorf("%d replicas are known, want %d", len(rows), replicas)
	}
	for _, row := range rows {
		r, err := redis.StringMap(row, nil)
		if err != nil {
			return err
		}
		if r["flags"] != "slave" || r["master-link-status"] != "ok" || r["slave-repl-offset"] == "0" || r["runid"] == "" {
			return fmt.Errorf("a replica is shown as %v", r)
		}
	}
	return nil
}
