package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// The server that leads the ensemble dies with the master: a failover all the
// same. Then all of ZooKeeper goes, and the next master: the nodes answer, refuse
// changes, leave the servers alone, and do their work when it is back.
func TestZooKeeperGoes(t *testing.T) {
	t.Parallel()
	zookeeper := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Servers: 3, Tick: 500 * time.Millisecond})
	s := play(t, stage{zookeeper: zookeeper})
	leader := zookeeper.Leader()
	leader.Kill()
	s.Master.Kill()
	first := s.switchAt(s.nodes.Members[0], s.Master)
	for _, m := range s.nodes.Members {
		s.await(m, state.EventEnd, ofMaster(first))
	}
	s.checkOneFailover(s.nodes.Members...)
	s.Master.Restart()
	s.agree(first, s.others(first)...)
	s.watched(first)

	zookeeper.Kill()
	for _, m := range s.nodes.Members {
		procs.Eventually(t, patience, func() error {
			if m.Ready() == nil {
				return errors.New("a node has not noticed that ZooKeeper is away")
			}
			return nil
		})
	}
	first.Kill()
	for _, m := range s.nodes.Members {
		s.events[m.Index].Await(patience, func(e procs.Message) bool {
			return e.Channel == state.EventSDown && strings.HasPrefix(e.Payload, "master ") && e.At.After(s.switched[0])
		})
		if err := m.NamesMaster(group, first.Addr); err != nil {
			t.Error(err)
		}
		if _, err := m.Do("SENTINEL", "SET", group, "quorum", 2); err == nil || !strings.HasPrefix(err.Error(), "NOQUORUM") {
			t.Errorf("member %d without ZooKeeper: %v", m.Index, err)
		}
	}
	for _, r := range s.others(first) {
		if r.IsMaster() == nil {
			t.Errorf("%s was promoted without ZooKeeper", r.Addr)
		}
	}
	zookeeper.Start()
	s.nodes.AwaitReady()
	second := s.switchAt(s.nodes.Members[0], first)
	s.agree(second, s.others(first, second)...)
	s.sameStory(s.nodes.Members...)
}

// A node stands still until ZooKeeper has given its session up, while the others
// fail over. It comes back by itself and has heard everything.
func TestNodeOutlivesItsSession(t *testing.T) {
	t.Parallel()
	zookeeper := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: 500 * time.Millisecond})
	s := play(t, stage{zookeeper: zookeeper, args: []string{"-zk_session_timeout=2000"}})
	frozen := s.nodes.Members[2]
	id := string(frozen.ID())
	others := s.nodes.Others(frozen)
	frozen.Freeze()
	s.Master.Kill()
	promoted := s.switchAt(others[0], s.Master)
	procs.Eventually(t, patience, func() error {
		peers, err := others[0].Peers()
		if err != nil {
			return err
		}
		for _, p := range peers {
			if p["id"] == id && p["reachable"] != "0" {
				return fmt.Errorf("its session stands: %v", p)
			}
		}
		return nil
	})
	frozen.Thaw()
	s.nodes.AwaitReady(frozen)
	s.agree(promoted, s.others(promoted, s.Master)...)
	s.checkOneFailover(s.nodes.Members...)
	s.Master.Restart()
	s.agree(promoted, s.others(promoted)...)
}
