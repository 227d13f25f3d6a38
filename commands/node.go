package commands

import (
	"context"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
	"redis-failover/monitor/scripts"
)

// Proposer is the part of a broker that handlers use; see cluster.Broker for
// what its methods promise.
type Proposer interface {
	Self() state.MemberID
	State() *state.State
	Propose(ctx context.Context, m state.Mutation) (state.Outcome, state.Index, error)
	Barrier(ctx context.Context) (state.Index, error)
	Health() cluster.Health
}

// Watcher is the part of the monitor that handlers use. All methods may be
// called from any goroutine and, Failover apart, return promptly.
type Watcher interface {
	// View returns what this node observes of a group; false if no master of
	// that name is watched here (yet).
	View(name string) (failover.View, bool)
	// Member returns what this node observes of another member of the
	// document; false for itself and for one that it does not know (yet).
	Member(id state.MemberID) (failover.MemberView, bool)
	// Failover starts a manual failover of a master that this node carries
	// out. It returns once the claim is committed, before the failover is
	// done. Errors: ErrNoSuchMaster, ErrInProgress, ErrNoGoodReplica, or those
	// of the broker.
	Failover(ctx context.Context, name string) error
	// TiltSeconds reports for how many seconds this process has been noticing
	// a pause of its own (Sentinel's tilt); -1 if it has not.
	TiltSeconds() int
	// SimulateFailure arms the named crash points of this process and disarms
	// all others; with an unknown name it is an error and all are disarmed.
	SimulateFailure(names ...string) error
	// SimulatedFailures are the armed points as bits: 1 after the election, 2
	// after the promotion, higher ones are ours.
	SimulatedFailures() int
	// Timing returns the periods that this process goes by, SetTiming changes
	// them at once, until it ends.
	Timing() failover.Timing
	SetTiming(t failover.Timing)
}

// Scripts is the part of the runner of scripts that handlers use. All methods
// may be called from any goroutine.
type Scripts interface {
	// Pending returns the scripts that run and those that wait, oldest first.
	Pending() []scripts.Script
	// Runnable returns why a script cannot be run on this node, nil if it can.
	// It looks at the disk.
	Runnable(path string) error
	// Times returns the periods that scripts are run by, SetTimes changes them.
	Times() scripts.Times
	SetTimes(t scripts.Times)
}

// Node is what handlers need of the node they run on. All fields but Members
// and ConfigFile are required; none may change once a server uses the value.
type Node struct {
	Broker  Proposer
	Watcher Watcher
	Scripts Scripts
	// Members are those of the broker's engine, nil if it has none of its own.
	Members cluster.Membership
	// LookUps decides whether clients that look for a master are answered.
	LookUps *LookUps
	// Users are who may do what.
	Users *Users
	// Tuning holds the settings that SENTINEL MONITOR gives a new master, and
	// periods that SENTINEL DEBUG knows.
	Tuning *Tuning
	// Announcement is the address that this node is announced with.
	Announcement *Announcement
	LogLevel     LogLevel
	// Resolve returns the IP addresses of a host name, the best one first; see
	// net.Resolver.LookupHost. It honours ctx.
	Resolve func(ctx context.Context, host string) ([]string, error)
	// AllowScripts permits SENTINEL SET of script paths: sentinel.conf's
	// "deny-scripts-reconfig no".
	AllowScripts bool
	// Version is the version of this build of redis-failover.
	Version string
	// RunID is the id of this process, 40 hex digits, drawn at its start. It is
	// not the node's identity, which is Broker.Self.
	RunID string
	// ConfigFile is the path of the configuration, "" for none.
	ConfigFile string
	// Supervised is who is told how the process is, as INFO says it: "systemd", or
	// "" for nobody.
	Supervised string
	// Started is when the process started.
	Started time.Time
}

// RedisVersion is the version of Redis that clients are told, in HELLO and
// INFO: the one whose Sentinel this server answers like. Clients compare it to
// find out what they may send.
const RedisVersion = "7.2.6"
