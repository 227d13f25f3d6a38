package scripts

import (
	"context"
	"log/slog"
	"time"

	"redis-failover/cluster/state"
)

// barrierPause lies between two attempts to learn what the document is.
const barrierPause = time.Second

// follow reads the document until ctx ends.
//
// What this node learns when it starts may be long past: a new member is handed
// the whole history of its group. So it first brings itself up to date, and
// takes that for one step: of the events in between it tells those that have
// happened since this process began, and of the switches the result.
func (r *Runner) follow(ctx context.Context) {
	for m := range r.from.Masters() {
		r.inspect(nil, m)
	}
	if !r.upToDate(ctx) {
		return
	}
	before := r.doc.State()
	names, events := r.missed(r.from, before)
	r.changed(r.from, before, names)
	r.order.Begin(before.Index)
	r.tell(r.from, before, events)
	r.from = nil // a document is not small
	for change := range r.doc.Applied(ctx, before.Index) {
		names, events := change.Outcome.Masters, change.Outcome.Events
		if change.Reset {
			names, events = r.missed(before, change.State)
		}
		r.changed(before, change.State, names) // looks at the disk
		r.order.Agreed(change.Index, func() { r.tell(before, change.State, events) })
		before = change.State
	}
}

// upToDate waits until the document contains all that was acknowledged before.
// It reports whether it does: not when ctx has ended.
func (r *Runner) upToDate(ctx context.Context) bool {
	for ctx.Err() == nil {
		changed := r.doc.HealthChanged()
		if _, err := r.doc.Barrier(ctx); err == nil {
			return true
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(barrierPause):
		}
	}
	return false
}

// missed is a step over changes that are not at hand one by one: the masters that
// may have changed, and the events of this time.
func (r *Runner) missed(before, after *state.State) (names []string, events []state.Event) {
	for m := range after.Masters() {
		names = append(names, m.Name)
	}
	for _, e := range after.EventsAfter(before.EventSeq) {
		if e.At >= r.began {
			events = append(events, e)
		}
	}
	return names, events
}

// changed looks at masters that have changed.
func (r *Runner) changed(before, after *state.State, names []string) {
	for _, name := range names {
		now, ok := after.Master(name)
		if !ok {
			continue
		}
		was, ok := before.Master(name)
		if ok {
			r.add(reconfiguration(was, now, r.doc.Self()))
		}
		r.inspect(was, now)
	}
}

// tell runs the notification scripts of events. A master that was removed is
// notified of that by the script it had.
func (r *Runner) tell(before, after *state.State, events []state.Event) {
	for _, e := range events {
		if e.Member == r.doc.Self() {
			continue // not for this node's clients, nor its scripts
		}
		m, ok := after.Master(e.Master)
		if !ok {
			m, _ = before.Master(e.Master)
		}
		r.add(notification(e, m))
	}
}

// inspect says, as soon as a script is named, that it is not here: the failover
// that needs it is a bad time to find out. Other nodes than the one that was
// told the path have not looked yet.
func (r *Runner) inspect(was, now *state.Master) {
	if was == nil {
		was = &state.Master{}
	}
	if path := now.NotificationScript; path != "" && path != was.NotificationScript {
		r.look(now.Name, settingNotification, path)
	}
	if path := now.ClientReconfigScript; path != "" && path != was.ClientReconfigScript {
		r.look(now.Name, settingReconfig, path)
	}
}

// look reports whether a script can be run here, and logs once if it cannot.
func (r *Runner) look(master, setting, path string) bool {
	err := r.Runnable(path)
	r.mu.Lock()
	known := r.missing[path]
	if err == nil {
		delete(r.missing, path)
	} else {
		r.missing[path] = true
	}
	r.mu.Unlock()
	if err != nil && !known {
		r.log.Warn("a script cannot be run on this node and is left out here; put it there and make it executable, on all nodes",
			slog.String("master", master), slog.String("setting", setting), slog.String("script", path), slog.Any("error", err))
	}
	return err == nil
}
