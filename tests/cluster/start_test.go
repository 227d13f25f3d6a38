package cluster

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// The members start one after the other, in any order. Whoever waits for the
// others says so, answers from what it knows, and refuses changes.
func TestStartInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			t.Parallel()
			c := procs.NewCluster(t, procs.ClusterOpts{})
			var members []*procs.Member
			for _, i := range order {
				members = append(members, c.Members[i])
			}
			c.Start(members[0])
			checkWaits(t, members[0], members[1:])
			procs.Eventually(t, patience, func() error {
				_, err := members[0].MasterAddr("a")
				return refused(err, "IDONTKNOW")
			})

			c.Start(members[1])
			c.AwaitReady()
			change(t, members[0], "MONITOR", "a", "127.0.0.1", 1, 2)
			change(t, members[1], "SET", "a", "quorum", 3)
			members[0].AwaitLog(patience, "the group has a majority")

			c.Start(members[2])
			c.AwaitReady()
			procs.Eventually(t, patience, func() error { return knows(members[2], "a", "127.0.0.1:1") })

			// Now all have a past. The last one alone knows it, and no more.
			c.Kill()
			c.Start(members[2])
			checkWaits(t, members[2], members[:2])
			procs.Eventually(t, patience, func() error { return knows(members[2], "a", "127.0.0.1:1") })
			c.Start(members[0], members[1])
			c.AwaitReady()
			for _, m := range members {
				if err := knows(m, "a", "127.0.0.1:1"); err != nil {
					t.Error(err)
				}
				if got := masterField(t, m, "a", "quorum"); got != "3" {
					t.Errorf("member %d shows a quorum of %s, want 3", m.Index, got)
				}
			}
		})
	}
}

// checkWaits checks what a member does that waits for others: it names them in
// its log and in its replies to all that needs a majority.
func checkWaits(t *testing.T, m *procs.Member, missing []*procs.Member) {
	t.Helper()
	_, err := m.Do("SENTINEL", "MONITOR", "refused", "127.0.0.1", 1, 1)
	if err := refused(err, "NOQUORUM"); err != nil {
		t.Fatalf("SENTINEL MONITOR at a member that waits: %v", err)
	}
	for _, other := range missing {
		if !strings.Contains(err.Error(), other.Raft.String()) {
			t.Errorf("the refusal does not name the missing member %s: %v", other.Raft, err)
		}
		m.AwaitLog(patience, other.Raft.String())
	}
	m.AwaitLog(patience, "changes are not accepted yet")
	if id := m.ID(); len(id) != 40 {
		t.Errorf("MYID is %q, want 40 hex digits", id)
	}
}

// knows returns nil if a member gives that address of a master.
func knows(m *procs.Member, name, want string) error {
	addr, err := m.MasterAddr(name)
	if err != nil || addr.String() != want {
		return fmt.Errorf("member %d says that %s is at %v (%v), want %s", m.Index, name, addr, err, want)
	}
	return nil
}

// masterField is one field of SENTINEL MASTER.
func masterField(t *testing.T, m *procs.Member, name, field string) string {
	t.Helper()
	fields, err := redis.StringMap(m.Do("SENTINEL", "MASTER", name))
	if err != nil {
		t.Fatalf("member %d: SENTINEL MASTER %s: %v", m.Index, name, err)
	}
	return fields[field]
}

// Any subset, any number of times: whenever a majority runs, it accepts changes,
// and nothing that was accepted is ever missing.
func TestStartAnySubset(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2)) // the same subsets in each run
	c := procs.NewCluster(t, procs.ClusterOpts{})
	var accepted []string
	for round := range 6 {
		members := append([]*procs.Member(nil), c.Members...)
		random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		members = members[:1+random.IntN(3)]
		c.Start(members...)
		if len(members) > 1 {
			c.AwaitReady()
			name := fmt.Sprint("round-", round)
			change(t, members[round%len(members)], "MONITOR", name, "127.0.0.1", 1, 1)
			accepted = append(accepted, name)
			for _, m := range members {
				procs.Eventually(t, patience, func() error { return hasAll(m, accepted) })
			}
		}
		c.Kill()
	}
	c.Start()
	c.AwaitReady()
	for _, m := range c.Members {
		if err := hasAll(m, accepted); err != nil {
			t.Error(err)
		}
	}
}

// hasAll returns nil if a member knows all these masters.
func hasAll(m *procs.Member, accepted []string) error {
	known, err := names(m)
	if err != nil {
		return err
	}
	for _, name := range accepted {
		if !known[name] {
			return fmt.Errorf("member %d does not know %s, of %d masters that were accepted", m.Index, name, len(accepted))
		}
	}
	return nil
}

// names are those of the masters that a member knows.
func names(m *procs.Member) (map[string]bool, error) {
	rows, err := redis.Values(m.Do("SENTINEL", "MASTERS"))
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, row := range rows {
		fields, err := redis.StringMap(row, nil)
		if err != nil {
			return nil, err
		}
		known[fields["name"]] = true
	}
	return known, nil
}

// One raft node alone is enough for itself.
func TestOneNodeAlone(t *testing.T) {
	t.Parallel()
	s := play(t, stage{nodes: 1})
	node := s.nodes.Members[0]
	procs.Eventually(t, patience, func() error {
		_, err := node.Do("SENTINEL", "CKQUORUM", group)
		return err
	})
	s.Master.Kill()
	promoted := s.switchAt(node, s.Master)
	s.await(node, state.EventEnd, ofMaster(promoted))
	s.checkOnePromotion(s.agreed(node))

	node.Kill()
	node.Restart()
	s.Master.Restart()
	s.agree(promoted, s.others(promoted)...)
	change(t, node, "SET", group, "quorum", 1)
}
