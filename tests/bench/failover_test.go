package bench

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// settings of a master that a round works with.
type settings struct{ downAfter, failoverTimeout time.Duration }

// scenario is what dies besides the master, and when.
type scenario struct {
	name  string
	nodes int
	// failoverTimeout is Sentinel's default where it decides nothing.
	failoverTimeout time.Duration
	// leader: the node that leads dies together with the master.
	leader bool
	// executor: whichever node is to carry the failover out dies when it has
	// been chosen and has done nothing yet.
	executor bool
}

const defaultFailoverTimeout = 3 * time.Minute

var downAfters = []time.Duration{time.Second, 200 * time.Millisecond}

// BenchmarkSingleFailover kills masters and takes the time until clients of a single
// node know the new one: those that listen for +switch-master, and those that
// ask.
func BenchmarkSingleFailover(b *testing.B) {
	scenario{name: "one node", nodes: 1, failoverTimeout: defaultFailoverTimeout}.run(b)
}

// BenchmarkClusterFailover is the same with three nodes, none of which dies.
func BenchmarkClusterFailover(b *testing.B) {
	scenario{name: "three nodes", nodes: 3, failoverTimeout: defaultFailoverTimeout}.run(b)
}

// BenchmarkLeaderLoss kills the leader of the document's engine together with
// the master; beside it, one sentinel of three.
func BenchmarkLeaderLoss(b *testing.B) {
	scenario{
		name: "three nodes, the engine's leader killed with the master", nodes: 3,
		failoverTimeout: defaultFailoverTimeout, leader: true,
	}.run(b)
}

// BenchmarkExecutorLoss ends the process that was just chosen to carry the
// failover out; both have a command for that. Sentinels wait for twice the
// failover-timeout before the next one tries, so it is far shorter here than by
// default.
func BenchmarkExecutorLoss(b *testing.B) {
	scenario{
		name: "three nodes, the executor of the failover killed", nodes: 3,
		failoverTimeout: 5 * time.Second, executor: true,
	}.run(b)
}

func (s scenario) run(b *testing.B) {
	for _, downAfter := range downAfters {
		b.Run("down-after="+downAfter.String(), func(b *testing.B) {
			for range b.N {
				s.compare(b, settings{downAfter: downAfter, failoverTimeout: s.failoverTimeout})
			}
		})
	}
}

// number is a whole number, from 1 up to most, of the environment.
func number(b *testing.B, name string, otherwise, most int) int {
	b.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		b.Fatalf("%s=%q: give a whole number from 1 to %d", name, text, most)
	}
	return n
}

// compare gives each contender its rounds, in turns.
func (s scenario) compare(b *testing.B, set settings) {
	both := contenders(b, s.nodes)
	results := map[string][]result{}
	defer func() { s.report(b, set, results) }() // also when a round ends the benchmark
	random := rand.New(rand.NewPCG(1, 2))        // the same moments in each run
	rounds := number(b, "ROUNDS", 20, 1_000_000)
	for round := range rounds {
		for _, c := range both {
			r, ok := s.round(b, c, round, set, random)
			if ok {
				results[c.name] = append(results[c.name], r)
			} else {
				fmt.Printf("round %d: %s did not switch on all living nodes within %v\n", round, c.name, limit(set))
			}
		}
	}
}

// limit is when a round is given up: after the next attempt of a sentinel.
func limit(set settings) time.Duration {
	return min(2*set.failoverTimeout, 30*time.Second) + 30*time.Second
}

// round is one failover of servers of its own. ok is false if it did not come
// to its end in time.
func (s scenario) round(b *testing.B, c *contender, round int, set settings, random *rand.Rand) (r result, ok bool) {
	b.Helper()
	name := fmt.Sprintf("%s-%d", c.name, round)
	g := procs.Group(b, 2, procs.Opts{})
	defer func() {
		c.mend(b)
		c.forget(b, name)
		for _, s := range g.Servers() {
			s.Kill()
		}
	}()
	c.watch(b, name, g, set)
	var victim *node
	if s.leader {
		victim = c.nodes[c.leads(round)]
	}
	if s.executor {
		c.arm()
	}
	witnesses := c.witnesses(b, name, g.Master.Addr, victim)
	// Neither may profit from where its periods happen to be.
	<-time.After(time.Duration(random.Int64N(int64(time.Second))))

	killed := time.Now()
	var deaths sync.WaitGroup
	if victim != nil {
		deaths.Go(victim.Kill)
	}
	deaths.Go(g.Master.Kill)
	for _, w := range witnesses {
		go w.ask(limit(set))
	}
	if s.executor {
		c.awaitCrash(b, set.downAfter+limit(set))
	}
	deaths.Wait()
	return gather(witnesses, killed, limit(set))
}

// arm tells all nodes to crash when they have been chosen to carry a failover
// out. The one who is chosen cannot be known before.
func (c *contender) arm() {
	for _, n := range c.nodes {
		n.Must("SENTINEL", "SIMULATE-FAILURE", "crash-after-election")
	}
}

// awaitCrash waits for the crash of one node, and lets the others live.
func (c *contender) awaitCrash(b *testing.B, patience time.Duration) {
	b.Helper()
	procs.Eventually(b, patience, func() error {
		for _, n := range c.nodes {
			if !n.Running() {
				return nil
			}
		}
		return errors.New("no node was chosen to carry the failover out")
	})
	for _, n := range c.nodes {
		if n.Running() {
			n.Must("SENTINEL", "SIMULATE-FAILURE", "HELP") // disarms
		}
	}
}
