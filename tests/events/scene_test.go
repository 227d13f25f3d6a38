package events

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// patience bounds every wait.
const patience = 2 * time.Minute

// side is a sentinel, stock or ours, with the servers that it watches and a
// subscriber to everything.
type side struct {
	t        *testing.T
	name     string
	group    *procs.RedisGroup
	server   *procs.Server
	id       string
	recorder *procs.Recorder
	// more are lines for its configuration.
	more string
	// others are the other members of its group.
	others []*side
}

// newSides starts both, each with a master and some replicas that it sees in good
// health. Stock asks its servers more often than it would by itself: that changes
// no order, and saves the test ten seconds for every thing that it finds out by
// INFO only.
func newSides(t *testing.T, replicas int, downAfter time.Duration, redisConfig ...string) (stock, ours *side) {
	t.Helper()
	stock = &side{t: t, name: "redis-sentinel", group: procs.Group(t, replicas, procs.Opts{Config: redisConfig})}
	ours = &side{t: t, name: "redis-failover", group: procs.Group(t, replicas, procs.Opts{Config: redisConfig})}
	begin(stock, ours, replicas, downAfter)
	return stock, ours
}

// begin starts both, each with its group.
func begin(stock, ours *side, replicas int, downAfter time.Duration) {
	stock.t.Helper()
	stock.server = procs.Sentinel(stock.t, procs.SentinelOpts{Conf: stock.config(downAfter, 1)})
	hurry(stock.server)
	ours.server = procs.Failover(ours.t, ours.file(downAfter, 1)).Server
	for _, s := range []*side{stock, ours} {
		s.listen(replicas)
	}
}

// newGroups starts three of each, and returns them in groups that know each
// other. All of one kind watch the same servers.
func newGroups(t *testing.T, replicas int, downAfter time.Duration) (stock, ours []*side) {
	t.Helper()
	first := &side{t: t, name: "redis-sentinel", group: procs.Group(t, replicas, procs.Opts{})}
	for _, server := range procs.Sentinels(t, 3, procs.SentinelOpts{Conf: first.config(downAfter, 2)}) {
		hurry(server)
		stock = append(stock, &side{t: t, name: first.name, group: first.group, server: server})
	}
	first = &side{t: t, name: "redis-failover", group: procs.Group(t, replicas, procs.Opts{})}
	for _, member := range procs.StartCluster(t, procs.ClusterOpts{Args: []string{first.file(downAfter, 2)}}).Members {
		ours = append(ours, &side{t: t, name: first.name, group: first.group, server: member.Server})
	}
	for _, group := range [][]*side{stock, ours} {
		for _, s := range group {
			s.others = slices.DeleteFunc(slices.Clone(group), func(o *side) bool { return o == s })
		}
	}
	for _, s := range slices.Concat(stock, ours) {
		s.listen(replicas)
	}
	return stock, ours
}

func hurry(stock *procs.Server) {
	stock.Must("SENTINEL", "DEBUG", "info-period", "500", "publish-period", "500")
}

// listen subscribes to a side as soon as it sees all in good health.
func (s *side) listen(replicas int) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		return s.server.Sees("mymaster", s.group.Master.Addr, replicas, len(s.others))
	})
	id, err := redis.String(s.server.Do("SENTINEL", "MYID"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.id = id
	s.recorder = procs.Subscribe(s.t, s.server, "*")
}

// file is a sentinel.conf.
func (s *side) file(downAfter time.Duration, quorum int) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(s.config(downAfter, quorum)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// config lets no second attempt follow within a test.
func (s *side) config(downAfter time.Duration, quorum int) string {
	master := s.group.Master.Addr
	return fmt.Sprintf("sentinel monitor mymaster %s %d %d\nsentinel down-after-milliseconds mymaster %d\n"+
		"sentinel failover-timeout mymaster 120000\n%s", master.Host, master.Port, quorum, downAfter.Milliseconds(), s.more)
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

// failOver asks for a failover, and again if no replica is good enough at the
// moment: it may just not have answered in time.
func (s *side) failOver() {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		_, err := s.server.Do("SENTINEL", "FAILOVER", "mymaster")
		return err
	})
}
