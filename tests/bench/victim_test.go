package bench

import (
	"errors"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

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

// leading is the leader of the engine. Sentinels have none: each dies in turn.
func leading(b *testing.B, c *contender, round int) *node {
	b.Helper()
	return c.nodes[round%len(c.nodes)]
}
