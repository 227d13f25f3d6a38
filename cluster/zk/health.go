package zk

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"redis-failover/cluster"

	"github.com/go-zookeeper/zk"
)

// health is the broker's condition, those who wait for its change, and what it
// is made of.
type health struct {
	mu      sync.Mutex
	now     cluster.Health
	changed chan struct{}
	// confirmed is when a question was asked that was answered, by the monotonic
	// clock of this process; zero before the first.
	confirmed time.Time
	// trouble is what the last stint ended with, nil since the last answer.
	trouble error
	// lost is why this node cannot go on, "" while it can.
	lost string
}

func newHealth() *health {
	starting := cluster.Health{Condition: cluster.Suspended, Reason: "the document is being read from ZooKeeper"}
	return &health{now: starting, changed: make(chan struct{})}
}

// Health is Ready while ZooKeeper has answered within two thirds of the session
// timeout a question that takes a majority of it, Suspended otherwise, and Lost
// when the path does not hold this node's document any more, or another process
// works under its identity.
func (b *Broker) Health() cluster.Health {
	h := b.health
	h.mu.Lock()
	now, silent := h.now, time.Since(h.confirmed)
	h.mu.Unlock()
	if now.Condition == cluster.Ready && silent > b.options.patience() {
		// This process stood still: nobody had the time to say so.
		return cluster.Health{Condition: cluster.Suspended, Reason: b.silence(silent)}
	}
	return now
}

// HealthChanged is closed at the next change of Health.
func (b *Broker) HealthChanged() <-chan struct{} {
	b.health.mu.Lock()
	defer b.health.mu.Unlock()
	return b.health.changed
}

// confirmed notes that a question was answered that was asked at t.
func (b *Broker) confirmed(t time.Time) {
	h := b.health
	h.mu.Lock()
	if t.After(h.confirmed) {
		h.confirmed = t
	}
	h.trouble = nil
	ready := h.now.Condition == cluster.Ready
	h.mu.Unlock()
	if !ready {
		b.judge()
	}
}

// troubled notes what a stint ended with.
func (b *Broker) troubled(err error) {
	h := b.health
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble = err
	if fatal(err) && h.lost == "" {
		h.lost = err.Error()
	}
}

// silence is why a node that has not been answered for a while is suspended.
func (b *Broker) silence(silent time.Duration) string {
	return fmt.Sprintf("no majority of ZooKeeper at %s has answered for %s", b.options.shown(), silent.Round(100*time.Millisecond))
}

func (b *Broker) condition() cluster.Health {
	suspended := func(reason string) cluster.Health {
		return cluster.Health{Condition: cluster.Suspended, Reason: reason}
	}
	unreachable := b.link.unreachable()
	h := b.health
	h.mu.Lock()
	defer h.mu.Unlock()
	silent := time.Since(h.confirmed)
	switch {
	case h.lost != "":
		return cluster.Health{Condition: cluster.Lost, Reason: h.lost}
	case unreachable != nil:
		return suspended(fmt.Sprintf("ZooKeeper cannot be reached: %s", unreachable))
	case !h.confirmed.IsZero() && silent <= b.options.patience():
		return cluster.Health{}
	case h.trouble != nil:
		return suspended(b.inWords(h.trouble))
	case h.confirmed.IsZero():
		return suspended("the document is being read from ZooKeeper at " + b.options.shown())
	}
	// Without the time: a reason that changes all the time wakes everybody.
	return suspended(fmt.Sprintf("no majority of ZooKeeper at %s answers", b.options.shown()))
}

func (b *Broker) inWords(err error) string {
	switch {
	case errors.Is(err, zk.ErrNoAuth) && b.options.Auth == "":
		return fmt.Sprintf("ZooKeeper does not let this node do its work: %s; it has no credentials (-zk_auth_file)", err)
	case errors.Is(err, zk.ErrNoAuth):
		return fmt.Sprintf("ZooKeeper does not let this node do its work: %s; are its credentials those of the other nodes?", err)
	}
	return "ZooKeeper: " + err.Error()
}

// judge sets the health anew; it logs a change and tells those who wait.
func (b *Broker) judge() {
	b.judging.Lock()
	defer b.judging.Unlock()
	now := b.condition()
	h := b.health
	h.mu.Lock()
	was := h.now
	if now == was {
		h.mu.Unlock()
		return
	}
	h.now = now
	close(h.changed)
	h.changed = make(chan struct{})
	h.mu.Unlock()
	if now.Condition != cluster.Ready {
		b.outbox.fail(noQuorum(now.Reason), errors.New(now.Reason))
	}
	switch {
	case now.Condition == was.Condition && now.Condition == cluster.Suspended:
		b.log.Info("changes are not accepted yet", "reason", now.Reason)
	case now.Condition == cluster.Lost:
		b.log.Error(now.Reason)
	case now.Condition == cluster.Ready:
		b.log.Info("ZooKeeper answers; changes are accepted", "server", b.link.server(), "path", b.options.Path)
	default:
		b.log.Warn("changes are refused for now; reads go on", "reason", now.Reason)
	}
}

// watchHealth judges when there is a reason to, until the broker closes.
func (b *Broker) watchHealth() {
	ticker := time.NewTicker(max(b.options.SessionTimeout/40, 5*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			b.judge()
		case <-b.ctx.Done():
			return
		}
	}
}

// shown is the ensemble for people.
func (o *Options) shown() string {
	text := o.Servers[0]
	for _, s := range o.Servers[1:] {
		text += "," + s
	}
	return text
}
