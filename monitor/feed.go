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
		if len(events) > 0 {
			published = events[len(events)-1].Seq
		}
		m.row.Agreed(change.Index, func() { m.publishAgreed(events) })
		m.wakeTouched(change)
	}
}

func (m *Monitor) publishAgreed(events []state.Event) {
	for _, e := range events {
		if e.Member == m.broker.Self() {
			continue // this node is not introduced to its own clients
		}
		m.logEvent(e)
		if e.Level != state.Note {
			m.publish(e)
		}
	}
}

// publishSeen publishes a local event, not before the agreed ones of the document
// under which this node saw it.
func (m *Monitor) publishSeen(e state.Event, under state.Index) {
	e.At = wallNow()
	m.seen(e, under)
	m.row.Seen(under, func() {
		m.logEvent(e)
		m.publish(e)
	})
}

// sayWatched says what is watched from the start on, as each start of a Sentinel
// does. Clients cannot be there yet; the log is, and notification scripts are.
func (m *Monitor) sayWatched() {
	for master := range m.from.Masters() {
		e := m.from.MonitorEvent(master)
		e.At = wallNow()
		m.logEvent(e)
		m.seen(e, m.from.Index)
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
