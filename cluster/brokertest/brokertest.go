// Package brokertest is the suite that every broker must pass unchanged: each
// sentence of the contract in package cluster, as a test.
//
// A broker's own tests call [Run] with a Harness that can open it. What a broker
// cannot do (a single node has no partitions) its Cluster does not implement,
// and the tests that need it are skipped by name.
package brokertest

import (
	"context"
	"testing"
	"time"

	"redis-failover/cluster"
)

// Harness opens brokers for the suite.
type Harness struct {
	// Open starts a cluster of that many nodes with empty storage, all of them
	// ready, and sees to it that t.Cleanup stops them.
	Open func(t *testing.T, nodes int) Cluster
	// Nodes is how many nodes to open, at least 1.
	Nodes int
	// Backlog is how many changes a reader may lag before it gets a Reset, if
	// the broker has such a limit; else 0. Small ones make the suite faster.
	Backlog int
	// Patience bounds each wait for something that must happen; 0 for 30 s.
	Patience time.Duration
}

// Cluster is a running cluster. Its methods are called from the test's goroutine.
type Cluster interface {
	// Broker returns the present broker of node i, counted from 0.
	Broker(i int) cluster.Broker
	// Restart closes the broker of node i, unless the test has, and opens a
	// new one on the same storage.
	Restart(t *testing.T, i int)
}

// Suspender is a Cluster that can take away what a node needs for writing (disk
// space, the other nodes) and give it back.
type Suspender interface {
	Suspend(t *testing.T, i int)
	Resume(t *testing.T, i int)
}

// Partitioner is a Cluster that can cut one node off from all others. Heal mends
// all cuts.
type Partitioner interface {
	Isolate(t *testing.T, i int)
	Heal(t *testing.T)
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := goroutines()
			t.Cleanup(func() { expectGoroutines(t, before, h.Patience) }) // runs after those of Open
			ctx, cancel := context.WithTimeout(context.Background(), 4*h.Patience)
			defer cancel()
			c.run(&fixture{T: t, h: h, c: h.Open(t, h.Nodes), base: ctx})
		})
	}
}

var cases = []struct {
	name string
	run  func(*fixture)
}{
	{"Self", testSelf},
	{"ProposeIsVisibleAtOnce", testReadYourWrites},
	{"IndexesRise", testIndexesRise},
	{"RefusalIsAnOutcome", testRefusal},
	{"UnchangedIsAccepted", testUnchanged},
	{"IDsAreFilledIn", testIDs},
	{"SameIDIsAppliedOnce", testDuplicate},
	{"ConcurrentConflictsHaveOneWinner", testConflict},
	{"UnknownOpIsRefusedAndKept", testUnknownOp},
	{"WhatCannotBeLoggedIsNot", testUnloggable},
	{"ArgumentsStayTheCallers", testArgumentsStayTheCallers},
	{"BarrierCoversAcknowledged", testBarrier},
	{"StateIsImmutable", testImmutable},
	{"AppliedHasNoGaps", testAppliedHasNoGaps},
	{"AppliedWakesAWaitingReader", testAppliedWakes},
	{"AppliedFromSeveralPositions", testAppliedPositions},
	{"AppliedAgainAndStopped", testAppliedBreak},
	{"AppliedEndsWithContext", testAppliedContext},
	{"SlowReaderDelaysNobody", testSlowReader},
	{"ContextEndedBefore", testContextBefore},
	{"ContextEndsMeanwhile", testContextMeanwhile},
	{"Concurrent", testConcurrent},
	{"TenThousandMasters", testTenThousand},
	{"RestartKeepsEverything", testRestart},
	{"RestartNeverReusesNumbers", testRestartNumbers},
	{"AppliedAfterRestart", testAppliedAfterRestart},
	{"CloseTwiceAndAfter", testClose},
	{"CloseEndsCalls", testCloseEndsCalls},
	{"HealthyIsReady", testHealthy},
	{"Suspended", testSuspended},
	{"NodesAgree", testNodesAgree},
	{"IsolatedNode", testIsolated},
}
