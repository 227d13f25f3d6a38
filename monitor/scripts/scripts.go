// Package scripts runs the programs that a master's settings name, as Sentinel
// does: notification-script for every event of the level warning, and
// client-reconfig-script when the master's address has changed.
//
// Each node runs the scripts of what it sees: events that only it sees, and
// changes of the document, which all see. The changes are read from the document
// itself and not from what is published, because a client-reconfig-script must
// know who carries the failover out, and because a node that was away must tell
// what is new from what is history.
//
// A queue of plain values decides what runs when (queue.go); what needs a clock,
// a process or a goroutine is in runner.go and process.go.
//
// What may never happen here: two client-reconfig-scripts of one master at the
// same time or in the wrong order, because clients then end at the old master; a
// goroutine of the monitor that waits for a script or for the disk it is on.
package scripts

import (
	"context"
	"iter"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/feed"
	"redis-failover/cluster/state"
)

// Document is the part of a broker that is needed here; see cluster.Broker for
// what its methods promise.
type Document interface {
	Self() state.MemberID
	State() *state.State
	Barrier(ctx context.Context) (state.Index, error)
	Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change]
	HealthChanged() <-chan struct{}
}

// Options of a Runner. All but Dir and Times are required.
type Options struct {
	Document Document
	// Log takes what scripts write, and a line for each thing that goes wrong.
	Log *slog.Logger
	// Publish takes the events of scripts. It is called from several goroutines
	// and must not block.
	Publish func(state.Event)
	// Dir is the working directory of scripts, and what relative paths of
	// scripts are below; "" for that of this process.
	Dir string
	// Times are SentinelTimes if they are zero.
	Times Times
}

// Runner runs scripts. Make one with New, then Run it once. Its other methods
// may be called from any goroutine at any time.
type Runner struct {
	doc     Document
	log     *slog.Logger
	publish func(state.Event)
	dir     string
	// from is the document when this process began, at began by its wall clock.
	from  *state.State
	began state.Time
	order *feed.Order
	// bell holds a token when the queue has changed.
	bell chan struct{}
	// running are the goroutines that wait for a process, readers those that
	// read the output of one.
	running, readers sync.WaitGroup
	// over ends, by finish, when nobody is to read outputs any more.
	over   context.Context
	finish context.CancelFunc

	// mu guards what follows. It is held for moments, never while anything
	// blocks.
	mu    sync.Mutex
	queue queue
	times Times
	// stopped: nothing is started or accepted any more.
	stopped bool
	// missing are the paths of the scripts that were complained of.
	missing map[string]bool
}

// New makes a Runner. Scripts are run for what happens from now on, once Run is
// called. The error is that of a Dir that cannot be made absolute.
func New(o Options) (*Runner, error) {
	if o.Times == (Times{}) {
		o.Times = SentinelTimes()
	}
	if o.Dir != "" {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, err
		}
		o.Dir = dir
	}
	r := &Runner{
		doc: o.Document, log: o.Log, publish: o.Publish, dir: o.Dir, times: o.Times,
		from: o.Document.State(), began: wallNow(), order: feed.NewOrder(),
		bell: make(chan struct{}, 1), missing: map[string]bool{},
	}
	r.over, r.finish = context.WithCancel(context.Background())
	return r, nil
}

func wallNow() state.Time { return state.Time(time.Now().UnixMilli()) }

// Times returns the periods that the Runner goes by now.
func (r *Runner) Times() Times {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.times
}

// SetTimes changes the periods, which must be above 0: the time that a script
// has at once, also for those that run; the delay for scripts that fail from now
// on.
func (r *Runner) SetTimes(t Times) {
	r.mu.Lock()
	r.times = t
	r.mu.Unlock()
	r.ring()
}

// Runnable returns why a script cannot be run on this node, nil if it can.
func (r *Runner) Runnable(path string) error { return Runnable(r.dir, path) }

// Script is one that runs or waits.
type Script struct {
	// Argv are its path and its arguments. It must not be changed.
	Argv    []string
	Running bool
	// Pid is 0 for one that waits.
	Pid int
	// Time is for how long it has been running, or in how long it is tried
	// next; never below 0.
	Time time.Duration
	// Attempts counts those that were begun, the present one included.
	Attempts int
}

// Pending returns the scripts that run and those that wait, oldest first.
func (r *Runner) Pending() []Script {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Script, 0, len(r.queue.jobs))
	for _, j := range r.queue.jobs {
		s := Script{Argv: j.argv, Running: j.running, Pid: j.pid, Time: j.notBefore.Sub(now), Attempts: j.attempts}
		if j.running {
			s.Time = now.Sub(j.started)
		}
		s.Time = max(0, s.Time)
		list = append(list, s)
	}
	return list
}

// Seen takes an event that this node has seen by itself, under the document of an
// index; those that are agreed on the Runner reads for itself. Scripts are given
// both in the order in which clients hear of them. It never blocks.
func (r *Runner) Seen(e state.Event, under state.Index) {
	if m, ok := r.doc.State().Master(e.Master); ok {
		r.order.Seen(under, func() { r.add(notification(e, m)) })
	}
}

// add takes a job in; nil is none.
func (r *Runner) add(j *job) {
	if j == nil {
		return
	}
	r.mu.Lock()
	var dropped []*job
	if !r.stopped {
		dropped = r.queue.add(j)
	}
	r.mu.Unlock()
	for _, d := range dropped {
		r.log.Warn("a script is not run, too many wait or a later switch needs another", "master", d.master, "argv", d.argv, "attempts", d.attempts)
	}
	r.ring()
}

func (r *Runner) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}
