package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"redis-failover/tests/procs"
)

// kind is a kind of fault.
type kind int8

const (
	// split parts all machines into camps that do not hear each other.
	split kind = iota
	// mute: what a machine sends does not reach some others. deaf: what they
	// send does not reach it.
	mute
	deaf
	// slow and lossy are bad cables of one machine, or of its way to some
	// others.
	slow
	lossy
	// apart: clients do not reach a node; the other nodes do.
	apart
	// freeze is SIGSTOP, kill SIGKILL and stop SIGTERM to a node. After the
	// fault it goes on, or is started again.
	freeze
	kill
	stop
	// freezeMaster and killMaster are for the Redis server that is the master
	// at that time.
	freezeMaster
	killMaster
	// ambushFreeze and ambushKill kill the master too, and then hit the first
	// node that is heard to carry a failover out.
	ambushFreeze
	ambushKill
	// freezeKeeper and killKeeper are for a ZooKeeper server, killKeepers for all
	// of them.
	freezeKeeper
	killKeeper
	killKeepers
)

var kinds = [...]string{
	"split", "mute", "deaf", "slow", "lossy", "apart", "freeze", "kill", "stop",
	"freeze the master", "kill the master", "kill the master and freeze who fails over", "kill the master and who fails over",
	"freeze the ZooKeeper server", "kill the ZooKeeper server", "kill all ZooKeeper servers",
}

func (k kind) String() string { return kinds[k] }

// clients is the number of the machine that the test and its clients run on.
// The nodes are 0, 1, …, the Redis servers come after them, and then those of
// ZooKeeper, if there are any.
const clients = -1

// fault is one fault of a plan.
type fault struct {
	kind kind
	// at is when it begins, since the beginning of the run; lasts is how long
	// it holds.
	at, lasts time.Duration
	// machine is the one that is hit; of no use for split and the kinds of the
	// master.
	machine int
	// camps says for each machine which camp it is in: for split one of
	// several; for the faults of cables, 1 is a machine whose way to the one
	// that is hit is bad.
	camps []int
	// quality is that of the ways that are hit.
	quality procs.Quality
	// after is for how long the one that fails over is left alone.
	after time.Duration
}

func (f fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v +%v %v", f.at.Round(time.Millisecond), f.lasts.Round(time.Millisecond), f.kind)
	switch f.kind {
	case split:
		fmt.Fprintf(&b, " %v", f.camps)
	case mute, deaf, slow, lossy:
		fmt.Fprintf(&b, " %d for %v %+v", f.machine, f.camps, f.quality)
	case apart, freeze, kill, stop, freezeKeeper, killKeeper:
		fmt.Fprintf(&b, " %d", f.machine)
	}
	return b.String()
}

// on reports whether the fault makes a way bad.
func (f fault) on(from, to int) bool {
	switch f.kind {
	case apart:
		return from == clients && to == f.machine || from == f.machine && to == clients
	case split, mute, deaf, slow, lossy:
	default:
		return false
	}
	if from == clients || to == clients {
		return false
	}
	switch f.kind {
	case split:
		return f.camps[from] != f.camps[to]
	case mute:
		return from == f.machine && f.camps[to] == 1
	case deaf:
		return to == f.machine && f.camps[from] == 1
	}
	return from == f.machine && f.camps[to] == 1 || to == f.machine && f.camps[from] == 1
}

// worse is a way with the faults of both.
func worse(a, b procs.Quality) procs.Quality {
	return procs.Quality{Cut: a.Cut || b.Cut, Loss: max(a.Loss, b.Loss), Delay: a.Delay + b.Delay, Jitter: a.Jitter + b.Jitter}
}

// shape is how large a plan is.
type shape struct {
	faults, nodes, servers int
	// keepers are the ZooKeeper servers, 0 with raft.
	keepers int
	// pace stretches all times, 0 is 1: a client of ZooKeeper that has lost its
	// server needs a second or more to come back.
	pace int
}

func (s shape) machines() int { return s.nodes + s.servers + s.keepers }

const (
	// gap is the mean time between the beginnings of two faults. Most last
	// longer, so several hold at a time; an election takes 200 ms, so the group
	// has a majority, and changes succeed, for a good part of the time.
	gap = 150 * time.Millisecond
	// shortest and usual bound most faults, longest the others: one in rare.
	shortest, usual, longest = 30 * time.Millisecond, 350 * time.Millisecond, 1500 * time.Millisecond
	rare                     = 8
)

// weights is how often each kind comes.
var weights = [...]int{split: 6, mute: 3, deaf: 3, slow: 3, lossy: 3, apart: 1, freeze: 4, kill: 5, stop: 1, freezeMaster: 1, killMaster: 1, ambushFreeze: 2, ambushKill: 2,
	freezeKeeper: 2, killKeeper: 3, killKeepers: 1}

// plan makes the faults of a seed, by the time of their beginning. A process is
// not hit while it suffers from an earlier fault.
func plan(seed uint64, s shape) []fault {
	p := planner{shape: s, rng: rand.New(rand.NewPCG(seed, 0)), busy: map[int]time.Duration{}}
	var faults []fault
	at, pace := time.Duration(0), time.Duration(max(1, s.pace))
	for range s.faults {
		at += time.Duration(p.rng.ExpFloat64() * float64(gap))
		f := p.next(at)
		f.at, f.lasts = f.at*pace, f.lasts*pace
		faults = append(faults, f)
	}
	return faults
}

type planner struct {
	shape
	rng *rand.Rand
	// busy is until when a process suffers: a node, or, as clients, the master.
	busy map[int]time.Duration
}

// next draws a fault that begins at that time.
func (p *planner) next(at time.Duration) fault {
	f := fault{kind: p.kind(), at: at, lasts: p.lasts(), machine: p.rng.IntN(p.machines())}
	switch f.kind {
	case split:
		f.quality.Cut = true
		f.camps = p.camps(2 + p.rng.IntN(2))
	case mute, deaf:
		f.quality.Cut = true
		f.camps = p.some()
	case slow:
		f.quality.Delay = time.Duration(1+p.rng.IntN(80)) * time.Millisecond
		f.quality.Jitter = time.Duration(p.rng.IntN(40)) * time.Millisecond
		f.camps = p.some()
	case lossy:
		f.quality.Loss = 0.05 + 0.5*p.rng.Float64()
		f.camps = p.some()
	case apart:
		f.quality.Cut = true
		f.machine = p.rng.IntN(p.nodes)
	case freeze, kill, stop:
		return p.process(f)
	case freezeMaster, killMaster, ambushFreeze, ambushKill:
		return p.master(f)
	case freezeKeeper, killKeeper, killKeepers:
		return p.keeper(f)
	}
	return f
}

// kind draws a kind by the weights.
func (p *planner) kind() kind {
	weights := weights[:]
	if p.keepers == 0 {
		weights = weights[:freezeKeeper]
	}
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := p.rng.IntN(sum)
	for k, w := range weights {
		if n -= w; n < 0 {
			return kind(k)
		}
	}
	return split
}

func (p *planner) lasts() time.Duration {
	if p.rng.IntN(rare) == 0 {
		return usual + time.Duration(p.rng.Int64N(int64(longest-usual)))
	}
	return shortest + time.Duration(p.rng.Int64N(int64(usual-shortest)))
}

// camps puts each machine into one of n camps.
func (p *planner) camps(n int) []int {
	camps := make([]int, p.machines())
	for i := range camps {
		camps[i] = p.rng.IntN(n)
	}
	// No camp may have all: the last machine goes elsewhere.
	if !slices.ContainsFunc(camps, func(c int) bool { return c != camps[0] }) {
		camps[len(camps)-1] = (camps[0] + 1) % n
	}
	return camps
}

// some chooses machines: all, half of the time.
func (p *planner) some() []int {
	camps := make([]int, p.machines())
	all := p.rng.IntN(2) == 0
	for i := range camps {
		if all || p.rng.IntN(2) == 0 {
			camps[i] = 1
		}
	}
	return camps
}

// process aims a fault at a node that does not suffer already. If all do, it
// becomes a split.
func (p *planner) process(f fault) fault {
	var free []int
	for i := range p.nodes {
		if p.busy[i] < f.at {
			free = append(free, i)
		}
	}
	if len(free) == 0 {
		return fault{kind: split, at: f.at, lasts: f.lasts, quality: procs.Quality{Cut: true}, camps: p.camps(2)}
	}
	f.machine = free[p.rng.IntN(len(free))]
	p.busy[f.machine] = f.at + f.lasts
	return f
}

// master makes the fault of the master long enough for a failover. Only one
// holds at a time; it becomes a split otherwise.
func (p *planner) master(f fault) fault {
	if p.busy[clients] >= f.at {
		return fault{kind: split, at: f.at, lasts: f.lasts, quality: procs.Quality{Cut: true}, camps: p.camps(2)}
	}
	f.lasts += 2 * downAfter
	f.after = time.Duration(p.rng.IntN(30)) * time.Millisecond
	p.busy[clients] = f.at + f.lasts
	return f
}

// keeper aims a fault at a ZooKeeper server that does not suffer already; all of
// them do while all are dead.
func (p *planner) keeper(f fault) fault {
	first := p.nodes + p.servers
	f.machine = first + p.rng.IntN(p.keepers)
	for i := range p.keepers {
		if p.busy[first+i] >= f.at && (f.kind == killKeepers || first+i == f.machine) {
			return fault{kind: split, at: f.at, lasts: f.lasts, quality: procs.Quality{Cut: true}, camps: p.camps(2)}
		}
	}
	for i := range p.keepers {
		if f.kind == killKeepers || first+i == f.machine {
			p.busy[first+i] = f.at + f.lasts
		}
	}
	return f
}

// downAfter is down-after-milliseconds of the group: short, as the faults are.
const downAfter = 400 * time.Millisecond
