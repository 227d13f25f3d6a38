package commands

import (
	"context"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// Proposer is the part of a broker that handlers use.
type Proposer interface {
	Self() state.MemberID
	State() *state.State
	Propose(ctx context.Context, m state.Mutation) (state.Outcome, state.Index, error)
	Health() cluster.Health
}

// Watcher is the part of the monitor that handlers use. All methods may be
// called from any goroutine and return promptly.
type Watcher interface {
	// View returns what this node observes of a group; false if no master of
	// that name is watched here (yet).
	View(name string) (failover.View, bool)
	// Failover starts a manual failover of a master that this node carries
	// out. It returns once the claim is committed, before the failover is
	// done. Errors: ErrNoSuchMaster, ErrInProgress, ErrNoGoodReplica, or those
	// of the broker.
	Failover(ctx context.Context, name string) error
	// Paused reports whether this process noticed a pause of its own within
	// the last moments (Sentinel's tilt), and for how many seconds; -1 if not.
	TiltSeconds() int
}
