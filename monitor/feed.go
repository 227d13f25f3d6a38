package monitor

import (
	"context"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// feedChanges publishes the agreed events as they are applied and wakes the
// groups that a change touches. It does not wait for the loop: clients hear of
// a switch no matter how busy the loop is.
func (m *Monitor) feedChanges(ctx context.Context) {
	published := m.from.EventSeq
	for change := range m.broker.Applied(ctx, m.from.Index) {
		events := change.Outcome.Events
		if change.Reset {
			events = change.State.EventsAfter(published)
		}
		for _, e := range events {
			published = e.Seq
			if e.Member == m.broker.Self() {
				continue // this node is not introduced to its own clients
			}
			m.logEvent(e)
			if e.Level != state.Note {
				m.publish(e)
			}
		}
		m.wakeTouched(change)
	}
}

func (m *Monitor) wakeTouched(change cluster.Change) {
	woken := failover.Input{Kind: failover.Woken}
	for _, name := range change.Outcome.Masters {
		m.inbox.put(item{group: name, input: woken})
	}
	if !change.Reset {
		return
	}
	m.mu.RLock()
	names := make(map[string]bool, len(m.groups))
	for name := range m.groups {
		names[name] = true
	}
	m.mu.RUnlock()
	for master := range change.State.Masters() {
		names[master.Name] = true
	}
	for name := range names {
		m.inbox.put(item{group: name, input: woken})
	}
}

// feedHealth tells the loop when the broker's condition changes.
func (m *Monitor) feedHealth(ctx context.Context) {
	for {
		changed := m.broker.HealthChanged()
		m.inbox.put(item{})
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}
