package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// plan holds what a schedule draws at its begin: its size, its settings and how
// much goes wrong.
type plan struct {
	nodes  int
	groups []groupPlan
	timing failover.Timing

	warmUp, chaos time.Duration
	// faultEvery is the mean time between two faults.
	faultEvery time.Duration
	// aimed is the probability that a step of a failover draws a fault.
	aimed float64
	// lossy is the probability that a proposal or barrier gets lost.
	lossy float64
	// spikes is the probability that a packet has to be sent again.
	spikes float64
	// latency is the greatest normal time of a packet on its way.
	latency time.Duration
	// writeEvery lies between two writes of a group's clients.
	writeEvery time.Duration
	// replTimeout is when a replica gives a silent master up.
	replTimeout time.Duration
	// fullSync is the longest that a full sync takes.
	fullSync time.Duration
}

type groupPlan struct {
	servers  int
	quorum   int
	settings state.Settings
}

func (p plan) String() string {
	text := fmt.Sprintf("%d nodes, check %s, latency %s, chaos %s with a fault every %s, aimed %.2f, lossy %.2f, spikes %.3f, repl-timeout %s",
		p.nodes, p.timing.CheckInterval, p.latency, p.chaos, p.faultEvery, p.aimed, p.lossy, p.spikes, p.replTimeout)
	for i, g := range p.groups {
		text += fmt.Sprintf("; group m%d: %d servers, quorum %d, down-after %s, failover-timeout %s, parallel-syncs %d, reboot %s, witness %s",
			i, g.servers, g.quorum, g.settings.DownAfter, g.settings.FailoverTimeout, g.settings.ParallelSyncs,
			g.settings.RebootDownAfter, g.settings.WitnessWait)
	}
	return text
}

func newPlan(rng *rand.Rand) plan {
	p := plan{
		nodes:       weighted(rng, []int{1, 2, 3, 4, 5}, []int{20, 8, 50, 6, 16}),
		timing:      failover.Timing{CheckInterval: oneOf(rng, 200*ms, time.Second, time.Second, 2*time.Second), InfoPeriod: 10 * time.Second},
		warmUp:      3*time.Second + time.Duration(rng.Int64N(int64(3*time.Second))),
		chaos:       8*time.Second + time.Duration(rng.Int64N(int64(35*time.Second))),
		faultEvery:  oneOf(rng, 500*ms, 2*time.Second, 4*time.Second, 10*time.Second),
		aimed:       oneOf(rng, 0, 0.1, 0.3, 0.6),
		lossy:       oneOf(rng, 0, 0, 0.01, 0.1),
		spikes:      oneOf(rng, 0, 0, 0.001, 0.02),
		latency:     oneOf(rng, 200*time.Microsecond, ms, 5*ms, 30*ms),
		writeEvery:  oneOf(rng, 100*ms, 400*ms, 2*time.Second),
		replTimeout: oneOf(rng, 5*time.Second, 20*time.Second, 60*time.Second),
		fullSync:    oneOf(rng, 50*ms, 500*ms, 5*time.Second),
	}
	for range weighted(rng, []int{1, 2, 3}, []int{80, 15, 5}) {
		p.groups = append(p.groups, newGroupPlan(rng, p.nodes))
	}
	if p.groups[0].settings.DownAfter > 10*time.Second {
		p.chaos += time.Minute
	}
	return p
}

const ms = time.Millisecond

func newGroupPlan(rng *rand.Rand, nodes int) groupPlan {
	settings := state.DefaultSettings()
	settings.DownAfter = weighted(rng, []time.Duration{200 * ms, time.Second, 30 * time.Second}, []int{45, 47, 8})
	settings.FailoverTimeout = weighted(rng,
		[]time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 60 * time.Second, 180 * time.Second}, []int{15, 40, 35, 9, 1})
	settings.ParallelSyncs = 1 + rng.IntN(2)
	settings.RebootDownAfter = oneOf(rng, 0, 0, 0, time.Second)
	settings.WitnessWait = oneOf(rng, 0, 2*time.Second, 10*time.Second)
	majority := nodes/2 + 1
	return groupPlan{
		servers:  weighted(rng, []int{1, 2, 3, 4, 5}, []int{3, 25, 50, 12, 10}),
		quorum:   weighted(rng, []int{majority, 1 + rng.IntN(nodes)}, []int{3, 1}),
		settings: settings,
	}
}

func oneOf[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

func weighted[T any](rng *rand.Rand, values []T, weights []int) T {
	sum := 0
	for _, weight := range weights {
		sum += weight
	}
	at := rng.IntN(sum)
	for i, weight := range weights {
		if at -= weight; at < 0 {
			return values[i]
		}
	}
	return values[0]
}
