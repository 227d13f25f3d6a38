package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// steps are those of a failover after which its executor can be told to fail,
// and the phase that the others then find it in.
var steps = []struct {
	name  string
	phase state.Phase
}{
	{"election", state.PhaseSelect},
	{"selection", state.PhaseOrder},
	{"order", state.PhaseOrder},
	{"promotion", state.PhaseReconf},
}

// failAt makes the master die, and the executor of the failover fail after a
// step; failed tells that it has. It returns the executor and the others.
func (s *scene) failAt(how, step string, failed func(*procs.Member) error) (executor *procs.Member, others []*procs.Member) {
	s.t.Helper()
	s.arm(how, step)
	s.Master.Kill()
	return s.awaitFailed(failed)
}

// arm tells all nodes to fail after a step, if they come to carry out a failover.
func (s *scene) arm(how, step string) {
	s.t.Helper()
	for _, m := range s.nodes.Members {
		m.Must("SENTINEL", "SIMULATE-FAILURE", how+"-after-"+step)
	}
}

// awaitFailed waits until one node has failed, and tells the others not to.
func (s *scene) awaitFailed(failed func(*procs.Member) error) (executor *procs.Member, others []*procs.Member) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		for _, m := range s.nodes.Members {
			if failed(m) == nil {
				executor = m
				return nil
			}
		}
		return errors.New("no member has failed yet")
	})
	others = s.nodes.Others(executor)
	for _, m := range others {
		m.Must("SENTINEL", "SIMULATE-FAILURE", "help") // disarms
	}
	return executor, others
}

// awaitTakenOver waits until the others have brought to an end what the executor
// had begun, and returns the new master. One of them says what it took over.
func (s *scene) awaitTakenOver(others []*procs.Member, phase state.Phase) *procs.Server {
	s.t.Helper()
	promoted := s.switchAt(others[0], s.Master)
	for _, m := range others {
		s.await(m, state.EventEnd, ofMaster(promoted))
	}
	s.agreeAt(others, promoted, s.others(promoted, s.Master)...)
	if err := saysTakeOver(others, fmt.Sprintf("epoch=1 phase=%s", phase)); err != nil {
		s.t.Error(err)
	}
	return promoted
}

// saysTakeOver returns nil if the log of one of these members says that it takes
// that failover over.
func saysTakeOver(members []*procs.Member, which string) error {
	for _, m := range members {
		if _, rest, ok := strings.Cut(m.Log(), "taking the failover over"); ok && strings.Contains(rest, which) {
			return nil
		}
	}
	return fmt.Errorf("none of the others says that it takes the failover over %s", which)
}

// checkOneFailover checks the story that these nodes tell of one failover that
// changed hands.
func (s *scene) checkOneFailover(members ...*procs.Member) {
	s.t.Helper()
	story := s.sameStory(members...)
	s.checkOnePromotion(story)
	for _, event := range []string{state.EventTryFailover, state.EventSwitch} {
		if n := count(story, event); n != 1 {
			s.t.Errorf("%s came %d times, want once:\n%s", event, n, strings.Join(story, "\n"))
		}
	}
}

// The executor dies: another member goes on from what is recorded.
func TestExecutorIsKilled(t *testing.T) {
	onEachBroker(t, func(t *testing.T, st stage) {
		for _, step := range steps {
			t.Run(step.name, func(t *testing.T) {
				t.Parallel()
				s := play(t, st)
				executor, others := s.failAt("crash", step.name, ended)
				promoted := s.awaitTakenOver(others, step.phase)
				s.checkOneFailover(others...)

				executor.Restart()
				s.Master.Restart()
				s.agree(promoted, s.others(promoted)...)
				s.watched(promoted)
			})
		}
	})
}

// ended returns nil if a node's process has ended.
func ended(m *procs.Member) error {
	if m.Running() {
		return errors.New("it runs")
	}
	return nil
}

// The executor of a planned failover dies: another member goes on, and also makes
// the old master, which lives, a replica.
func TestPlannedExecutorIsKilled(t *testing.T) {
	onEachBroker(t, func(t *testing.T, st stage) {
		for _, step := range steps {
			t.Run(step.name, func(t *testing.T) {
				t.Parallel()
				s := play(t, st)
				s.arm("crash", step.name)
				if _, err := s.nodes.Members[1].Do("SENTINEL", "FAILOVER", group); err != nil {
					t.Logf("SENTINEL FAILOVER: %v", err) // the crash may come before the reply
				}
				executor, others := s.awaitFailed(ended)
				if executor.Index != 1 {
					t.Errorf("SENTINEL FAILOVER at member 1 was carried out by member %d", executor.Index)
				}
				promoted := s.awaitTakenOver(others, step.phase)
				s.agree(promoted, s.others(promoted)...)
				s.checkOneFailover(others...)
			})
		}
	})
}

// The executor dies together with the replica that it has chosen: whoever takes
// the failover over gives it up and promotes the other replica, in a new epoch.
func TestExecutorAndCandidateAreKilled(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	candidate, other := s.Replicas[0], s.Replicas[1]
	other.Must("CONFIG", "SET", "replica-priority", 200)
	for _, m := range s.nodes.Members {
		procs.Eventually(t, patience, func() error { return showsPriority(m, other, "200") })
	}
	_, others := s.failAt("crash", "selection", ended)
	candidate.Kill()
	if promoted := s.switchAt(others[0], s.Master); promoted != other {
		t.Fatalf("%s was promoted, which was dead", promoted.Addr)
	}
	s.await(others[0], state.EventEnd, ofMaster(other))
	s.agree(other)
	story := s.sameStory(others...)
	s.checkOnePromotion(story)
	for event, want := range map[string]int{state.EventTryFailover: 2, state.EventAbortTimeout: 1, state.EventSwitch: 1} {
		if n := count(story, event); n != want {
			t.Errorf("%s came %d times, want %d:\n%s", event, n, want, strings.Join(story, "\n"))
		}
	}
	candidate.Restart()
	s.Master.Restart()
	s.agree(other, candidate, s.Master)
}

// showsPriority returns nil if a node shows that priority of a replica.
func showsPriority(m *procs.Member, replica *procs.Server, want string) error {
	rows, err := redis.Values(m.Do("SENTINEL", "REPLICAS", group))
	if err != nil {
		return err
	}
	for _, row := range rows {
		fields, err := redis.StringMap(row, nil)
		if err == nil && fields["name"] == replica.Addr.String() && fields["slave-priority"] == want {
			return nil
		}
	}
	return fmt.Errorf("member %d does not show %s with priority %s", m.Index, replica.Addr, want)
}

// All nodes die in the middle of a failover. The first majority that is back
// finishes it.
func TestAllAreKilledInMidFailover(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{})
			executor, _ := s.failAt("crash", step.name, ended)
			s.nodes.Kill()
			s.nodes.Start(s.nodes.Others(executor)...)
			promoted := s.awaitOther(s.nodes.Others(executor)[0])
			s.agree(promoted, s.others(promoted, s.Master)...)
			executor.Start()
			s.Master.Restart()
			s.agree(promoted, s.others(promoted)...)
			s.watched(promoted)
			for _, m := range s.nodes.Members {
				if err := shows(m, group, map[string]string{"config-epoch": "1"}); err != nil {
					t.Errorf("what was begun was not finished but begun anew: %v", err)
				}
			}
		})
	}
}

// awaitOther waits until a node names another master than the first, and returns
// it.
func (s *scene) awaitOther(at *procs.Member) *procs.Server {
	s.t.Helper()
	var named *procs.Server
	procs.Eventually(s.t, patience, func() error {
		addr, err := at.MasterAddr(group)
		if err != nil {
			return err
		}
		if addr == s.Master.Addr {
			return fmt.Errorf("member %d still names the dead master", at.Index)
		}
		named = s.At(addr)
		return nil
	})
	return named
}

// The executor stands still and goes on when another member has long finished
// what it had begun: it hears all that it has missed, and sends no order.
func TestExecutorIsFrozen(t *testing.T) {
	onEachBroker(t, func(t *testing.T, st stage) {
		for _, step := range steps {
			t.Run(step.name, func(t *testing.T) {
				t.Parallel()
				s := play(t, st)
				executor, others := s.failAt("freeze", step.name, func(m *procs.Member) error { return m.Frozen() })
				promoted := s.awaitTakenOver(others, step.phase)
				before := s.orders(s.Replicas...)

				executor.Thaw()
				s.checkOneFailover(s.nodes.Members...)
				s.watchedAll(promoted)
				if after := s.orders(s.Replicas...); after != before {
					t.Errorf("after it was woken, orders were sent: the servers have carried out %d, and %d before", after, before)
				}
				s.Master.Restart()
				s.agree(promoted, s.others(promoted)...)
			})
		}
	})
}

// orders counts the orders to follow, or to follow nobody, that servers were
// ever given.
func (s *scene) orders(servers ...*procs.Server) int {
	s.t.Helper()
	sum := 0
	for _, server := range servers {
		info, err := server.Info("commandstats")
		if err != nil {
			s.t.Fatal(err)
		}
		for _, name := range []string{"cmdstat_slaveof", "cmdstat_replicaof"} {
			calls := 0
			if text, ok := info[name]; ok {
				if _, err := fmt.Sscanf(text, "calls=%d,", &calls); err != nil {
					s.t.Fatalf("%s:%s: %v", name, text, err)
				}
			}
			sum += calls
		}
	}
	return sum
}

// watchedAll waits until all nodes have a sound view of the group whose first
// master is still dead.
func (s *scene) watchedAll(master *procs.Server) {
	s.t.Helper()
	for _, m := range s.nodes.Members {
		procs.Eventually(s.t, patience, func() error {
			fields, err := redis.StringMap(m.Do("SENTINEL", "MASTER", group))
			if err != nil {
				return err
			}
			if fields["flags"] != "master" || fields["port"] != fmt.Sprint(master.Addr.Port) {
				return fmt.Errorf("member %d shows the master at port %s with flags %s", m.Index, fields["port"], fields["flags"])
			}
			return nil
		})
	}
}

// The executor is cut off from the other members, not from the servers, while it
// stands still, and then goes on: it can confirm its claim no more, so it sends
// no order, and another member takes the failover over.
func TestExecutorIsCutOff(t *testing.T) {
	for _, step := range steps {
		t.Run(step.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{network: true})
			executor, others := s.failAt("freeze", step.name, func(m *procs.Member) error { return m.Frozen() })
			for _, m := range others {
				executor.Host.CutFrom(m.Host.IP)
			}
			logged := map[*procs.Server]int{}
			for _, r := range s.Replicas {
				logged[r] = len(r.Log())
			}
			// What it had confirmed lasts for a second; so it sleeps for longer, and
			// wakes up while the other one acts.
			procs.Eventually(t, patience, func() error { return saysTakeOver(others, "") })
			executor.Thaw()
			promoted := s.awaitTakenOver(others, step.phase)
			// The first of its answers may be that it does not know yet.
			procs.Eventually(t, patience, func() error {
				_, err := executor.Do("SENTINEL", "SET", group, "quorum", 2)
				return refused(err, "NOQUORUM")
			})
			for _, r := range s.Replicas {
				if name := "name=" + linkName(executor); strings.Contains(r.Log()[logged[r]:], name) {
					t.Errorf("%s was given an order by the member that is cut off:\n%s", r.Addr, r.Log()[logged[r]:])
				}
			}

			s.checkOrdersAreLogged(promoted)

			executor.Host.Heal()
			s.checkOneFailover(s.nodes.Members...)
			s.Master.Restart()
			s.agree(promoted, s.others(promoted)...)
		})
	}
}

// checkOrdersAreLogged makes sure that a server's log tells who ordered it to be
// a master: without that, a search for orders in it finds nothing.
func (s *scene) checkOrdersAreLogged(promoted *procs.Server) {
	s.t.Helper()
	for _, m := range s.nodes.Members {
		if strings.Contains(promoted.Log(), "name="+linkName(m)) {
			return
		}
	}
	s.t.Errorf("the log of %s does not say which member promoted it:\n%s", promoted.Addr, promoted.Log())
}

// linkName is how a node's connections show themselves to the servers, which
// log it with every order that changes something.
func linkName(m *procs.Member) string { return "sentinel-" + string(m.ID()[:8]) + "-cmd" }
