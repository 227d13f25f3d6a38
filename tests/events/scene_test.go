package events

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// patience bounds every wait.
const patience = time.Minute

// side is a sentinel, stock or ours, with the servers that it watches and a
// subscriber to everything.
type side struct {
	t        *testing.T
	name     string
	group    *procs.RedisGroup
	server   *procs.Server
	id       string
	recorder *procs.Recorder
}

// newSides starts both, each with a master and some replicas that it sees in good
// health. Stock asks its servers more often than it would by itself: that changes
// no order, and saves the test ten seconds for every thing that it finds out by
// INFO only.
func newSides(t *testing.T, replicas int, downAfter time.Duration, redisConfig ...string) (stock, ours *side) {
	t.Helper()
	stock = &side{t: t, name: "redis-sentinel", group: procs.Group(t, replicas, procs.Opts{Config: redisConfig})}
	ours = &side{t: t, name: "redis-failover", group: procs.Group(t, replicas, procs.Opts{Config: redisConfig})}
	stock.server = procs.Sentinel(t, procs.SentinelOpts{Conf: stock.config(downAfter)})
	stock.server.Must("SENTINEL", "DEBUG", "info-period", "500", "publish-period", "500")
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(ours.config(downAfter)), 0o600); err != nil {
		t.Fatal(err)
	}
	ours.server = procs.Failover(t, file).Server
	for _, s := range []*side{stock, ours} {
		procs.Eventually(t, patience, func() error { return s.server.Sees("mymaster", s.group.Master.Addr, replicas, 0) })
		id, err := redis.String(s.server.Do("SENTINEL", "MYID"))
		if err != nil {
			t.Fatal(err)
		}
		s.id = id
		s.recorder = procs.Subscribe(t, s.server, "*")
	}
	return stock, ours
}

// config lets no second attempt follow within a test.
func (s *side) config(downAfter time.Duration) string {
	master := s.group.Master.Addr
	return fmt.Sprintf("sentinel monitor mymaster %s %d 1\nsentinel down-after-milliseconds mymaster %d\n"+
		"sentinel failover-timeout mymaster 120000\n", master.Host, master.Port, downAfter.Milliseconds())
}

// settled waits until both see that all follow the new master.
func settled(t *testing.T, both []*side) {
	t.Helper()
	for _, s := range both {
		procs.Eventually(t, patience, func() error {
			return s.server.Sees("mymaster", s.promoted(), len(s.group.Replicas), 0)
		})
	}
}
