package zk

import (
	"context"
	"time"

	"redis-failover/cluster/state"
)

// Barrier waits until the document is current: see cluster.Broker. It fails with
// ErrNoQuorum when ZooKeeper does not answer.
func (b *Broker) Barrier(ctx context.Context) (state.Index, error) {
	ctx, cancel, err := b.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	index, err := b.reads.Wait(ctx)
	if err != nil {
		return 0, b.notSent(err)
	}
	return index, nil
}

// read asks until there is an answer, or no prospect of one.
func (b *Broker) read() (state.Index, error) {
	for {
		if err := b.suspended(); err != nil {
			return 0, err
		}
		changed := b.HealthChanged()
		s := b.stint.Load()
		if s != nil && s.landed() == nil && s.confirm() == nil {
			return b.State().Index, nil
		}
		// The stint is over, or will be; the next one or the end of patience
		// shows in the health.
		select {
		case <-changed:
		case <-time.After(breather):
		case <-b.ctx.Done():
			return 0, errClosed
		}
	}
}

// breather is the pause before something is tried again that did not work.
const breather = 20 * time.Millisecond
