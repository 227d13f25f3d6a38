package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// world is one schedule: everything that exists in it and its clock.
type world struct {
	seed   uint64
	plan   plan
	rng    *rand.Rand
	now    time.Duration
	queue  queue
	net    *network
	log    *ledger
	nodes  []*node
	groups []*group
	// servers are those of all groups and the strangers that nobody watches.
	servers []*server
	byAddr  map[state.Addr]*server
	check   *checker
	stats   Stats

	chaos bool // faults happen
	// storm: the whole network is slow.
	storm  bool
	writes uint64 // the last write's number
	ids    uint64 // the last run id or replication id

	telling bool
	story   strings.Builder
}

// Stats counts what happened in a schedule.
type Stats struct {
	Virtual                  time.Duration
	Events, Steps, Entries   int
	Faults                   int
	Begun, Switched, Aborted int
	TakeOvers, Repairs       int
	Acknowledged, Lost       int
}

// add sums up the statistics of several schedules.
func (s *Stats) add(o Stats) {
	s.Virtual += o.Virtual
	s.Events += o.Events
	s.Steps += o.Steps
	s.Entries += o.Entries
	s.Faults += o.Faults
	s.Begun += o.Begun
	s.Switched += o.Switched
	s.Aborted += o.Aborted
	s.TakeOvers += o.TakeOvers
	s.Repairs += o.Repairs
	s.Acknowledged += o.Acknowledged
	s.Lost += o.Lost
}

// Violation is something that may never happen and did.
type Violation struct {
	// Invariant is a stable word for what was violated.
	Invariant string
	// Detail says who, what and why in words.
	Detail string
	At     time.Duration
}

// Error makes a Violation an error.
func (v *Violation) Error() string { return fmt.Sprintf("%s at %s: %s", v.Invariant, v.At, v.Detail) }

// Result is what came of one schedule.
type Result struct {
	Seed  uint64
	Stats Stats
	// Violation is nil when nothing was wrong.
	Violation *Violation
	// Story tells what happened, if it was asked for.
	Story string
}

// Run plays the schedule of a seed. With tell it also writes down what happens,
// which is slow and changes nothing else.
func Run(seed uint64, tell bool) (result Result) {
	w := newWorld(seed, tell)
	defer func() {
		result = Result{Seed: seed, Stats: w.stats, Story: w.story.String()}
		result.Stats.Virtual = w.now
		if r := recover(); r != nil {
			v, ok := r.(*Violation)
			if !ok {
				panic(fmt.Sprintf("seed %d at %s: %v", seed, w.now, r))
			}
			result.Violation = v
		}
	}()
	w.play()
	return
}

func newWorld(seed uint64, tell bool) *world {
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	w := &world{seed: seed, rng: rng, plan: newPlan(rng), byAddr: map[state.Addr]*server{}, telling: tell}
	w.net = newNetwork(w)
	w.check = newChecker(w)
	w.log = newLedger(w)
	for i := range w.plan.nodes {
		w.nodes = append(w.nodes, newNode(w, i))
	}
	for i := range w.plan.groups {
		w.addGroup(i)
	}
	w.addStranger()
	w.net.build(len(w.nodes) + len(w.servers))
	w.check.build()
	return w
}

// play runs the three parts of a schedule.
func (w *world) play() {
	w.say("plan: %s", w.plan)
	w.log.bootstrap()
	for _, s := range w.servers {
		s.start(startAsConfigured)
	}
	for _, n := range w.nodes {
		n.start()
	}
	for _, g := range w.groups {
		g.write()
	}
	w.runUntil(w.plan.warmUp)
	w.chaos = true
	w.planFault()
	w.runUntil(w.plan.warmUp + w.plan.chaos)
	w.chaos = false
	snapshot := w.check.snapshot()
	w.settle()
	w.check.replay(snapshot)
	w.check.views()
	w.count()
}

// runUntil lets time pass.
func (w *world) runUntil(end time.Duration) {
	for len(w.queue.events) > 0 && w.queue.events[0].at <= end {
		e := w.queue.pop()
		w.now = e.at
		w.stats.Events++
		e.run()
	}
	w.now = end
}

// after plans run for d from now.
func (w *world) after(d time.Duration, run func()) { w.queue.push(w.now+max(0, d), run) }

// say adds a line to the story.
func (w *world) say(format string, args ...any) {
	if w.telling {
		fmt.Fprintf(&w.story, "%11.6f  ", w.now.Seconds())
		fmt.Fprintf(&w.story, format, args...)
		w.story.WriteByte('\n')
	}
}

// violated ends the schedule.
func (w *world) violated(invariant, format string, args ...any) {
	v := &Violation{Invariant: invariant, Detail: fmt.Sprintf(format, args...), At: w.now}
	w.say("VIOLATED: %s: %s", v.Invariant, v.Detail)
	panic(v)
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// between draws a duration from low to high.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)+1))
}

// id draws a name that no other thing has: 40 hex digits, as Redis has them.
// The digits are random so that an order by id is no order of age.
func (w *world) id() string {
	w.ids++
	return fmt.Sprintf("%016x%016x%08x", w.rng.Uint64(), w.rng.Uint64(), w.ids)
}

func pick[T any](w *world, from []T) T { return from[w.rng.IntN(len(from))] }
