package commands

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

const (
	// startPatience is for how long after its start a node waits for a document
	// that is current before it answers look-ups with what it had saved. Longer
	// than an election, and not so long that clients miss a node whose others
	// stay away.
	startPatience = 5 * time.Second
	// startRetry lies between two attempts to make the document current.
	startRetry = time.Second
	// lookUpWithin bounds one look-up. It is time for most elections, and below
	// the two or three seconds that common clients wait: better they are told to
	// ask the next node than left waiting. A node that has been isolated for as
	// long refuses at once.
	lookUpWithin = 1500 * time.Millisecond
)

// LookUpBroker is the part of a broker that look-ups need; see cluster.Broker
// for what its methods promise.
type LookUpBroker interface {
	State() *state.State
	Barrier(ctx context.Context) (state.Index, error)
	Health() cluster.Health
	HealthChanged() <-chan struct{}
}

// LookUpOptions of a node. Broker and Log are required.
type LookUpOptions struct {
	Broker LookUpBroker
	// IsolatedAnswers: without a majority, answer with what was last known, as
	// Sentinel does. Otherwise refuse, so that clients ask another node.
	IsolatedAnswers bool
	// Linearizable: make sure by a barrier, for every look-up, that the answer
	// is current; refuse if that is not possible.
	Linearizable bool
	// Log takes a line when the way in which look-ups are answered changes.
	Log *slog.Logger
}

// LookUps decides whether this node may answer clients that look for a master.
// Make it with NewLookUps and Run it; until it runs, look-ups are refused.
//
// What a node has saved may be older than what it has already told: an engine
// may apply a change, and the node answer with it, a moment before the engine
// has noted that the change is agreed, and then lose the note in a crash. So
// after a start look-ups wait until a barrier has passed once. If none passes
// within startPatience, and the node is to answer while it is isolated, it
// answers with what it had saved. With IsolatedAnswers false it never does, and
// so no answer is older than an earlier one.
type LookUps struct {
	options LookUpOptions
	// settled is closed when the start is over.
	settled chan struct{}
	// current: a barrier has passed since the start.
	current atomic.Bool
	// isolated is since when the broker is not Ready, nil while it is.
	isolated atomic.Pointer[time.Time]
	// answered and refused count look-ups since the start.
	answered, refused atomic.Int64
}

// NewLookUps returns the gate of a node that starts now.
func NewLookUps(o LookUpOptions) *LookUps {
	return &LookUps{options: o, settled: make(chan struct{})}
}

// IsolatedFor is for how long the document has not been agreed on with a
// majority, as far as this node knows; negative when all is well.
func (l *LookUps) IsolatedFor() time.Duration {
	since := l.isolated.Load()
	if since == nil {
		return -1
	}
	return time.Since(*since)
}

// Counts are the numbers of look-ups that were answered and refused since the start.
func (l *LookUps) Counts() (answered, refused int64) { return l.answered.Load(), l.refused.Load() }

// Ready returns why this node cannot do its work at present, nil if it can: since
// its start a majority has confirmed the document, and is still within reach as
// far as this node knows. It never blocks.
func (l *LookUps) Ready() error {
	health := l.options.Broker.Health()
	switch {
	case health.Condition != cluster.Ready:
		return errors.New(health.Reason)
	case !l.current.Load():
		return errNotConfirmed
	}
	return nil
}

// Run follows the broker until ctx ends. It may be called once.
func (l *LookUps) Run(ctx context.Context) {
	caughtUp := make(chan struct{})
	go func() {
		defer close(caughtUp)
		l.catchUp(ctx)
	}()
	start := time.NewTimer(startPatience)
	defer start.Stop()
	patience, done := start.C, caughtUp
	for ctx.Err() == nil {
		changed := l.options.Broker.HealthChanged()
		l.follow()
		select {
		case <-changed:
		case <-done:
			done = nil
			l.confirmed()
		case <-patience:
			patience = nil
			l.losePatience()
		case <-ctx.Done():
		}
	}
	<-caughtUp
}

// catchUp returns when a barrier has passed, or ctx has ended.
func (l *LookUps) catchUp(ctx context.Context) {
	for ctx.Err() == nil {
		changed := l.options.Broker.HealthChanged()
		if _, err := l.options.Broker.Barrier(ctx); err == nil {
			l.current.Store(true)
			return
		}
		retry := time.NewTimer(startRetry)
		select {
		case <-changed:
		case <-retry.C:
		case <-ctx.Done():
		}
		retry.Stop()
	}
}

// confirmed ends the start with a document that is current, unless ctx has ended
// it, or says that it is current at last.
func (l *LookUps) confirmed() {
	if !l.current.Load() {
		return
	}
	if l.isSettled() {
		l.options.Log.Info("a majority has confirmed the document; look-ups are answered from it")
		return
	}
	close(l.settled)
}

// losePatience ends the start without a document that is current.
func (l *LookUps) losePatience() {
	if l.isSettled() {
		return
	}
	close(l.settled)
	how := l.howIsolated()
	if l.options.Broker.State().Index == 0 {
		how = "refused, as nothing was saved"
	}
	l.options.Log.Warn("no majority has confirmed the document since the start; look-ups are "+how, "reason", l.reason())
}

// howIsolated is how look-ups are treated without a majority.
func (l *LookUps) howIsolated() string {
	switch {
	case l.options.Linearizable:
		return "refused, as linearizable-reads is yes"
	case !l.options.IsolatedAnswers:
		return "refused, as isolated-answers is no"
	}
	return "answered with what is saved"
}

func (l *LookUps) isSettled() bool {
	select {
	case <-l.settled:
		return true
	default:
		return false
	}
}

// follow notes and says that the broker has lost its majority, or has one again.
func (l *LookUps) follow() {
	health := l.options.Broker.Health()
	switch was := l.isolated.Load(); {
	case was == nil && health.Condition != cluster.Ready:
		now := time.Now()
		l.isolated.Store(&now)
		if l.current.Load() {
			l.options.Log.Warn("this node is isolated; look-ups are "+l.howIsolated(), "reason", health.Reason)
		}
	case was != nil && health.Condition == cluster.Ready:
		l.isolated.Store(nil)
		if l.current.Load() {
			l.options.Log.Info("this node is no longer isolated", "after", time.Since(*was).Round(time.Millisecond))
		}
	}
}

func (l *LookUps) reason() string {
	if health := l.options.Broker.Health(); health.Condition != cluster.Ready {
		return health.Reason
	}
	return "no answer from the others yet"
}

// errNothingKnown and errNotConfirmed are why a look-up is refused when the
// broker gives no reason of its own.
var (
	errNothingKnown = errors.New("this node has learned nothing yet")
	errNotConfirmed = errors.New("no majority has confirmed what this node knows since its start")
)

// check returns why a look-up must not be answered now, nil if it may be.
func (l *LookUps) check(ctx context.Context) error {
	err := l.judge(ctx)
	if err == nil {
		l.answered.Add(1)
	} else {
		l.refused.Add(1)
	}
	return err
}

// judge is check without counting.
func (l *LookUps) judge(ctx context.Context) error {
	if l.options.Linearizable {
		return l.barrier(ctx)
	}
	if err := l.awaitStart(ctx); err != nil {
		return err
	}
	current := l.current.Load()
	if !current && l.options.Broker.State().Index == 0 {
		return because(errNothingKnown, l.options.Broker.Health())
	}
	if l.options.IsolatedAnswers {
		return nil
	}
	health := l.options.Broker.Health()
	switch {
	case !current:
		return because(errNotConfirmed, health)
	case health.Condition != cluster.Ready:
		return errors.New(health.Reason)
	}
	return nil
}

func because(err error, health cluster.Health) error {
	if health.Condition == cluster.Ready {
		return err
	}
	return fmt.Errorf("%w: %s", err, health.Reason)
}

func (l *LookUps) barrier(ctx context.Context) error {
	if l.IsolatedFor() > lookUpWithin {
		return errors.New(l.reason())
	}
	within, cancel := context.WithTimeout(ctx, lookUpWithin)
	defer cancel()
	_, err := l.options.Broker.Barrier(within)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("no majority has confirmed it within %s", lookUpWithin)
	}
	return err
}

// awaitStart waits until it is known how this node starts, but not for long.
func (l *LookUps) awaitStart(ctx context.Context) error {
	if l.isSettled() {
		return nil
	}
	patience := time.NewTimer(lookUpWithin)
	defer patience.Stop()
	select {
	case <-l.settled:
		return nil
	case <-patience.C:
		return because(errNotConfirmed, l.options.Broker.Health())
	case <-ctx.Done():
		return ctx.Err()
	}
}
