package bench

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

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
	if !c.agreed {
		return c.nodes[round%len(c.nodes)]
	}
	var leader *node
	procs.Eventually(b, time.Minute, func() (err error) {
		leader, err = c.agreedLeader()
		return err
	})
	return leader
}

// agreedLeader is the node that all nodes name as the leader of the engine.
func (c *contender) agreedLeader() (*node, error) {
	named := map[string]bool{}
	for _, n := range c.nodes {
		addr, err := n.leader()
		if err != nil {
			return nil, err
		}
		named[addr] = true
	}
	for _, n := range c.nodes {
		if len(named) == 1 && named[n.Addr.String()] {
			return n, nil
		}
	}
	return nil, fmt.Errorf("the nodes name %d leaders: %v", len(named), named)
}

// leader is the address of the node that this one names as the leader of the
// engine.
func (n *node) leader() (string, error) {
	rows, err := redis.Values(n.Do("SENTINEL", "MEMBERS"))
	if err != nil {
		return "", err
	}
	for _, row := range rows {
		m, err := redis.StringMap(row, nil)
		if err != nil {
			return "", err
		}
		if m["leader"] == "1" {
			return m["ip"] + ":" + m["port"], nil
		}
	}
	return "", fmt.Errorf("%s names no leader", n.Addr)
}
