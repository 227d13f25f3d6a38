package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
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
	// victim is the node that is killed together with the master; nil for none.
	victim func(b *testing.B, c *contender, round int) *node
	// executor: whichever node is to carry the failover out dies when it has
	// been chosen and has done nothing yet.
	executor bool
}

const defaultFailoverTimeout = 3 * time.Minute

var downAfters = []time.Duration{time.Second, 200 * time.Millisecond}

// BenchmarkFailover kills masters and takes the time until clients of a single
// node know the new one: those that listen for +switch-master, and those that
// ask.
func BenchmarkFailover(b *testing.B) {
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
		failoverTimeout: defaultFailoverTimeout, victim: leading,
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

// rounds is how many failovers each of the contenders carries out.
func rounds(b *testing.B) int {
	text := os.Getenv("ROUNDS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("ROUNDS=%q: give a whole number from 1", text)
	}
	return n
}

// compare gives each contender its rounds, in turns.
func (s scenario) compare(b *testing.B, set settings) {
	both := contenders(b, s.nodes)
	results := map[string][]result{}
	random := rand.New(rand.NewPCG(1, 2)) // the same moments in each run
	for round := range rounds(b) {
		for _, c := range both {
			r, ok := s.round(b, c, round, set, random)
			if ok {
				results[c.name] = append(results[c.name], r)
			} else {
				fmt.Printf("round %d: %s did not switch on all living nodes within %v\n", round, c.name, limit(set))
			}
		}
	}
	s.report(b, set, results)
}

// limit is when a round is given up: after the next attempt of a sentinel.
func limit(set settings) time.Duration {
	return min(2*set.failoverTimeout, 30*time.Second) + 30*time.Second
}

// result is one round: the times from the kill to the message at the first and
// at the last of the living nodes, and until the last of them answers with the
// new address.
type result struct{ first, last, answered time.Duration }

// round is one failover of servers of its own. ok is false if it did not come
// to its end in time.
func (s scenario) round(b *testing.B, c *contender, round int, set settings, random *rand.Rand) (r result, ok bool) {
	b.Helper()
	name := fmt.Sprintf("%s-%d", c.name, round)
	g := procs.Group(b, 2, procs.Opts{})
	defer func() {
		c.mend(b)
		c.forget(name)
		for _, s := range g.Servers() {
			s.Kill()
		}
	}()
	c.watch(b, name, g, set)
	var victim *node
	if s.victim != nil {
		victim = s.victim(b, c, round)
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

// gather puts together what the witnesses at living nodes saw.
func gather(witnesses []*witness, killed time.Time, patience time.Duration) (r result, ok bool) {
	for _, w := range witnesses {
		told, answered, came := w.saw(patience)
		switch {
		case !w.node.Running():
			continue
		case !came:
			return result{}, false
		case r.first == 0 || told.Sub(killed) < r.first:
			r.first = told.Sub(killed)
		}
		r.last = max(r.last, told.Sub(killed))
		r.answered = max(r.answered, answered.Sub(killed))
	}
	return r, r.first > 0
}

// witness is a client of one node that asks, and looks at what the node's
// subscriber was told.
type witness struct {
	node *node
	name string
	old  state.Addr
	conn redis.Conn
	// answered gets the time of the first new answer, the zero time for none.
	answered chan time.Time
}

// witnesses connect to all nodes but the one that is to die.
func (c *contender) witnesses(b *testing.B, name string, old state.Addr, victim *node) []*witness {
	b.Helper()
	var all []*witness
	for _, n := range c.nodes {
		if n == victim {
			continue
		}
		conn, err := n.Dial()
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, &witness{node: n, name: name, old: old, conn: conn, answered: make(chan time.Time, 1)})
	}
	return all
}

// ask asks for the address, again and again, until it is another than the old
// one.
func (w *witness) ask(patience time.Duration) {
	defer w.conn.Close()
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for begin := time.Now(); time.Since(begin) < patience; <-pause.C {
		pair, err := redis.Strings(w.conn.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", w.name))
		if err != nil {
			break
		}
		if strings.Join(pair, ":") != w.old.String() {
			w.answered <- time.Now()
			return
		}
	}
	w.answered <- time.Time{}
}

// saw is when the node told of the switch and when it answered so; false if one
// of them did not happen. The Recorder notes when a message came, so this may
// look at leisure.
func (w *witness) saw(patience time.Duration) (told, answered time.Time, ok bool) {
	answered = <-w.answered
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for begin := time.Now(); time.Since(begin) < patience && w.node.Running() && !answered.IsZero(); <-pause.C {
		for _, m := range w.node.events.Messages() {
			if strings.HasPrefix(m.Payload, w.name+" ") {
				return m.At, answered, true
			}
		}
	}
	return time.Time{}, time.Time{}, false
}
