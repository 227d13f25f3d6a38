package chaos

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

const (
	// usualFaults is how many faults all runs together have by default, and
	// usualSeed their seed: what CI runs should be the same each time, as far as
	// that is possible.
	usualFaults, usualSeed = 300, 1
	// servers is the number of Redis servers: a master and its replicas.
	servers = 3
	// shown bounds the faults of one check that are printed.
	shown = 5
)

func TestChaos(t *testing.T) {
	tests := []struct {
		name   string
		size   shape
		strong bool
	}{
		{"3 nodes", shape{nodes: 3}, false},
		{"3 nodes, linearizable reads", shape{nodes: 3}, true},
		{"5 nodes, linearizable reads", shape{nodes: 5}, true},
		{"3 nodes with ZooKeeper, linearizable reads", shape{nodes: 3, keepers: 3, pace: 3}, true},
	}
	faults := variable(t, "CHAOS_FAULTS", usualFaults)
	seed := variable(t, "CHAOS_SEED", usualSeed)
	t.Logf("CHAOS_SEED=%d CHAOS_FAULTS=%d", seed, faults)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.size.faults, test.size.servers = int(faults)/len(tests), servers
			chaos(t, seed+uint64(i), test.size, test.strong)
		})
	}
}

// variable reads a number from the environment.
func variable(t *testing.T, name string, usual uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s is %q; it must be a whole number, 0 or more", name, text)
	}
	return n
}

// chaos is one run. Strong nodes answer look-ups through a majority.
func chaos(t *testing.T, seed uint64, size shape, strong bool) {
	faults := plan(seed, size)
	t.Logf("%d faults of the seed %d:", len(faults), seed)
	for _, f := range faults {
		t.Log(f)
	}
	s := play(t, size, strong)
	c := newCrowd(s.cluster.Members, strong)
	ctx, cancel := context.WithCancel(t.Context())
	defer c.wait()
	defer cancel()
	c.begin(ctx, seed)
	s.carryOut(faults, c.claims)
	s.cluster.AwaitReady()
	procs.Eventually(t, patience, c.enough)
	cancel()
	c.wait()
	s.settle()
	c.final(t)

	s.restartAll()
	s.settle()
	s.loseMaster()
	s.settle()
	c.final(t)
	judge(t, s, c)
}

// restartAll kills all nodes and starts them again: what was acknowledged is on
// their disks.
func (s *scene) restartAll() {
	s.t.Helper()
	s.cluster.Kill()
	for node := range s.cluster.Members {
		s.revive(node)
	}
}

// loseMaster kills the master and brings it back when all nodes name another.
func (s *scene) loseMaster() {
	s.t.Helper()
	old, err := s.cluster.Members[0].MasterAddr(group)
	if err != nil {
		s.t.Fatal(err)
	}
	server := s.group.At(old)
	server.Kill()
	procs.Eventually(s.t, patience, func() error {
		for _, m := range s.cluster.Members {
			if m.NamesMaster(group, old) == nil {
				return fmt.Errorf("node %d still names %v, which is dead", m.Index, old)
			}
		}
		return nil
	})
	server.Start()
}

// judge runs all checks over what was written down.
func judge(t *testing.T, s *scene, c *crowd) {
	t.Helper()
	report := func(check string, faults []string) {
		t.Helper()
		for i, fault := range faults {
			if i == shown {
				t.Errorf("%s: and %d more", check, len(faults)-shown)
				break
			}
			t.Errorf("%s: %s", check, fault)
		}
	}
	lives, calls := s.lives(), c.all()
	report("logs", checkLogs(lives))
	all, faults := checkNumbers(lives)
	report("events", faults)
	for _, heard := range c.streams {
		report("subscribers", checkStream(all, *heard))
	}
	v, err := readVersions(all)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	report("linearizability", checkLinear(calls))
	t.Logf("porcupine took %v", time.Since(begin).Round(time.Millisecond))
	if n := unpublished(all); n == 0 {
		report("outcomes", checkOutcomes(calls, v))
		report("order", checkNeverBack(calls, v))
	} else {
		t.Logf("%d events are in no log, so the versions of the registers are not known; porcupine judges alone", n)
	}
	report("promotions", checkPromotions(all, lives, group))
	report("sights", checkSights(c.sights, all))
	report("replies", c.strange)
	t.Logf("%d nodes hit while they failed over", s.sprung)
	summarize(t, c, all, lives)
}

// enough returns nil when there is something to judge: a run in which everything
// is refused proves nothing. It waits for a slow machine, now that all is well.
func (c *crowd) enough() error {
	changed := 0
	for _, call := range c.all() {
		if call.changes() && call.result == done {
			changed++
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	const least = 20
	if changed < least || len(c.sights) < least || len(c.streams) < len(c.nodes) {
		return fmt.Errorf("%d changes are done, the group was seen %d times; %d of each are wanted; there are %d subscriptions",
			changed, len(c.sights), least, len(c.streams))
	}
	return nil
}

// summarize says how much there was to judge.
func summarize(t *testing.T, c *crowd, all []event, lives []life) {
	t.Helper()
	count := map[result]int{}
	for _, call := range c.all() {
		if call.changes() {
			count[call.result]++
		}
	}
	heard, switches := 0, 0
	for _, s := range c.streams {
		heard += len(s.messages)
	}
	for _, e := range all {
		if e.name == state.EventSwitch {
			switches++
		}
	}
	t.Logf("%d calls; changes: %d done, %d against a rule, %d refused, %d unknown; %d looks at the group; %d events, %d switches, %d messages over %d connections; %d processes",
		len(c.all()), count[done], count[missing]+count[exists], count[refused], count[unknown], len(c.sights), len(all), switches, heard, len(c.streams), len(lives))
	if switches == 0 || heard == 0 {
		t.Error("no failover was logged, of which there was one at the end, or no subscriber heard anything")
	}
}
