package metrics

import (
	"context"
	"errors"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// Timed is the broker with its commits timed. What else the engine offers (see
// cluster.Membership) must be asked of the broker itself.
func (m *Metrics) Timed(b cluster.Broker) cluster.Broker { return timed{b, m} }

type timed struct {
	cluster.Broker
	metrics *Metrics
}

// Propose is part of cluster.Broker.
func (t timed) Propose(ctx context.Context, mutation state.Mutation) (state.Outcome, state.Index, error) {
	start := time.Now()
	out, index, err := t.Broker.Propose(ctx, mutation)
	t.metrics.commits.WithLabelValues(commitResult(err)).Observe(time.Since(start).Seconds())
	return out, index, err
}

// commitResult is what became of a proposal. A refusal by rule is committed too.
func commitResult(err error) string {
	switch {
	case err == nil:
		return "committed"
	case errors.Is(err, cluster.ErrUnknown):
		return "unknown"
	case errors.Is(err, cluster.ErrNoQuorum):
		return "no_quorum"
	}
	return "not_logged"
}
