package raft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"redis-failover/cluster"
)

// health is the broker's condition, those who wait for its change, and what the
// condition is made of.
type health struct {
	mu      sync.Mutex
	now     cluster.Health
	changed chan struct{}
	// logged is what the log said last of the condition, and loggedAt when.
	logged   cluster.Health
	loggedAt time.Time

	// confirmed is when a read last passed, by the clock of this process;
	// failed is why the last one did not, "" if it did.
	confirmed time.Time
	failed    string
	// asking: a read is under way to confirm the leader.
	asking bool
	scarce map[string]bool // folders whose disk gets full
	unseen map[string]bool // folders whose free space cannot be found out
}

func newHealth() *health {
	starting := cluster.Health{Condition: cluster.Suspended, Reason: "the broker is starting"}
	return &health{now: starting, logged: starting, changed: make(chan struct{}), scarce: map[string]bool{}, unseen: map[string]bool{}}
}

func (h *health) get() cluster.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *health) wait() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// set tells those who wait if the condition or its reason is another than before.
func (h *health) set(now cluster.Health) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now == h.now {
		return
	}
	h.now = now
	close(h.changed)
	h.changed = make(chan struct{})
}

// reasonPause is the least time between two lines of the log on one condition: while
// several things go wrong, the reasons may take turns.
const reasonPause = 10 * time.Second

// toLog reports whether the log is to say what the condition is now, and what it
// said last. The last of several reasons is said when its time has come.
func (h *health) toLog(at time.Time) (was, now cluster.Health, due bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, now = h.logged, h.now
	if now == was || now.Condition == was.Condition && at.Sub(h.loggedAt) < reasonPause {
		return was, now, false
	}
	h.logged, h.loggedAt = now, at
	return was, now, true
}

// served reports whether a read has passed since the start.
func (h *health) served() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.confirmed.IsZero()
}

func (h *health) noteScarce(dir string, scarce bool) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = h.scarce[dir] != scarce
	h.scarce[dir] = scarce
	return changed
}

func (h *health) noteUnseen(dir string, unseen bool) (changed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = h.unseen[dir] != unseen
	h.unseen[dir] = unseen
	return changed
}

// confirm reads in the background when the last read was some time ago: that a
// leader is known does not mean that it leads.
func (b *Broker) confirm() {
	h := b.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.asking || b.host.Load() == nil || b.events.lead.now().leader == 0 || time.Since(h.confirmed) < b.timing().Election() {
		return
	}
	h.asking = b.work(func() {
		_, err := b.Barrier(b.ctx)
		if err == nil {
			b.learnRemoved()
		}
		h.mu.Lock()
		h.asking, h.failed = false, ""
		if err == nil {
			h.confirmed = time.Now()
		} else {
			h.failed = err.Error()
		}
		h.mu.Unlock()
		b.events.ring()
	})
}

// judge sets the health anew and logs a change.
func (b *Broker) judge() {
	b.health.set(b.condition())
	was, now, due := b.health.toLog(time.Now())
	switch {
	case !due:
	case now.Condition == cluster.Lost:
		b.log.Error(now.Reason)
	case now.Condition == cluster.Ready:
		b.log.Info("the group has a majority; changes are accepted")
	case was.Condition == cluster.Ready:
		b.log.Warn("changes are refused for now; reads go on", "reason", now.Reason)
	default:
		b.log.Info("changes are not accepted yet", "reason", now.Reason)
	}
}

func (b *Broker) condition() cluster.Health {
	suspended := func(reason string) cluster.Health {
		return cluster.Health{Condition: cluster.Suspended, Reason: reason}
	}
	if r := b.mesh.verdict(); r.Code == refusedRemoved {
		if b.stopped.Load() == nil { // else it was noted
			b.setRemoved()
		}
	} else if r.Code != "" {
		return cluster.Health{Condition: cluster.Lost, Reason: r.asError().Error()}
	}
	if reason := b.stopped.Load(); reason != nil {
		return cluster.Health{Condition: cluster.Lost, Reason: *reason}
	}
	if reason := b.low.Load(); reason != nil {
		return suspended(*reason)
	}
	if b.keeper.get().Replica == 0 {
		return suspended(b.waitingToJoin())
	}
	if b.events.lead.now().leader == 0 {
		return suspended(cmp.Or(b.unreachable(), b.noLeader()))
	}
	b.health.mu.Lock()
	confirmed, failed := b.health.confirmed, b.health.failed
	b.health.mu.Unlock()
	switch {
	case failed != "":
		return suspended(failed)
	case confirmed.IsZero():
		return suspended("a leader was elected; its first answer is awaited")
	case time.Since(confirmed) > 2*b.timing().Election()+b.mesh.patience:
		return suspended(b.noAnswer())
	}
	return cluster.Health{}
}

// obstacle is why this node takes no changes whatever the others do, "" if there
// is nothing.
func (b *Broker) obstacle() string {
	if r := b.mesh.verdict(); r.Code != "" {
		return r.asError().Error()
	}
	for _, reason := range []*string{b.stopped.Load(), b.low.Load()} {
		if reason != nil {
			return *reason
		}
	}
	return ""
}

func (b *Broker) waitingToJoin() string {
	return fmt.Sprintf("this node at %s waits to be added to the group: add it on one of the members", b.keeper.get().Addr)
}

func (b *Broker) noLeader() string {
	return "the members have not elected a leader yet" + b.missing()
}

func (b *Broker) noAnswer() string {
	return "no majority of the members has answered for a while" + b.missing()
}

// missing names the members that are not reachable, "" if all are.
func (b *Broker) missing() string {
	if names := b.missingNames(); len(names) > 0 {
		return "; not reachable: " + strings.Join(names, ", ")
	}
	return ""
}

// unreachable is why there can be no majority, "" if there can.
func (b *Broker) unreachable() string {
	all, names := len(b.members.Load().nodes), b.missingNames()
	if all == 0 || 2*(all-len(names)) > all {
		return ""
	}
	return fmt.Sprintf("%d of %d members can be reached from here, %d are needed; not reachable: %s",
		all-len(names), all, all/2+1, strings.Join(names, ", "))
}

// missingNames lists the members that were tried and not reached.
func (b *Broker) missingNames() []string {
	var names []string
	for node, p := range b.mesh.peers() {
		if p.Reachable || p.Trouble == nil {
			continue
		}
		e, _, _ := b.mesh.book.get(node)
		names = append(names, fmt.Sprintf("%s (%s)", cmp.Or(e.Addr, "a member whose address is not known"), inWords(p.Trouble)))
	}
	slices.Sort(names)
	return names
}

// verdict is what another member says that concerns this one for good: that it
// has lost its folder, was removed, or is of too old a build.
func (m *mesh) verdict() refusal {
	for _, p := range m.peers() {
		var r refusal
		if errors.As(p.Trouble, &r) && r.forGood() {
			return r
		}
	}
	return refusal{}
}

// forGood reports whether time alone does not mend what the refusal is about.
func (r refusal) forGood() bool {
	return r.Code == refusedWiped || r.Code == refusedRemoved || r.Code == refusedTooOld
}

func (r refusal) asError() error {
	switch r.Code {
	case refusedRemoved:
		return fmt.Errorf("%w: %s. %s", ErrRemoved, r.Text, removedAdvice)
	case refusedTooOld:
		return fmt.Errorf("%w: %s. %s", ErrTooOld, r.Text, tooOldAdvice)
	}
	return fmt.Errorf("%w: %s; %s", ErrWiped, r.Text, wipedAdvice)
}
