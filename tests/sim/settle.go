package sim

import (
	"fmt"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// settle is the third part: all is healed, perhaps a last blow falls, and the
// cluster must come to rest within a bounded time.
func (w *world) settle() {
	w.runUntil(w.now)
	w.heal()
	for _, s := range w.servers {
		if !s.running && w.chance(0.8) {
			w.restart(s)
		}
	}
	w.runUntil(w.now + 3*time.Second)
	w.revive()
	if w.chance(0.4) {
		w.after(w.between(0, 20*time.Second), func() {
			if s := w.someMaster(); s.running && s.group != nil {
				s.kill(w.chance(0.3))
			}
		})
		w.runUntil(w.now + 20*time.Second)
	}
	w.check.calmSince = w.now
	w.await()
}

// revive monitors groups again that a person has removed and not brought back.
func (w *world) revive() {
	for _, g := range w.groups {
		if _, ok := w.log.newest().Master(g.name); !ok {
			w.log.append(w.nodes[0].mutation(state.OpMonitor{
				Name: g.name, Addr: g.servers[0].addr, Quorum: g.plan.quorum, Settings: g.plan.settings}), 0)
			w.log.applyEverywhere()
		}
	}
}

// resume ends the pauses that nobody has ended. After a failover that failed the
// person looks first whether the next one could do better.
func (w *world) resume() {
	for m := range w.log.newest().Masters() {
		if m.Pause == nil || m.Pause.For > 0 {
			continue
		}
		master := w.byAddr[m.Addr]
		lives := master.running && master.role == failover.RoleMaster
		if m.Pause.Failed == 0 || lives || w.mustBePromoted(m) != nil {
			w.log.append(w.nodes[0].mutation(state.OpResume{Name: m.Name, By: "a person"}), 0)
			w.log.applyEverywhere()
		}
	}
}

// await lets time pass until all has been at rest for a while.
func (w *world) await() {
	limit := w.now + w.patience()
	restSince := time.Duration(0)
	for {
		w.runUntil(w.now + time.Second)
		w.revive() // a removal may have been late
		w.resume()
		unrest := w.unrest()
		switch {
		case unrest != "" && w.now > limit:
			w.violated("no-convergence", "%s after the last fault: %s", w.now-w.check.calmSince, unrest)
		case unrest != "":
			restSince = 0
		case restSince == 0:
			restSince = w.now
		case w.now-restSince >= 8*time.Second:
			return
		}
	}
}

// patience is how long the cluster may take to come to rest: all the waits that
// the rules allow, one after the other, and some time to work.
func (w *world) patience() time.Duration {
	longest := time.Duration(0)
	for m := range w.log.newest().Masters() {
		// A failover that runs, the wait after it, one more that fails and its
		// wait, a last one; a stray replica is left alone for a timeout.
		if m.Pause != nil {
			longest = max(longest, 2*m.Pause.For)
		}
		d := 8*m.FailoverTimeout + 5*m.DownAfter + 3*m.WitnessWait + m.RebootDownAfter
		longest = max(longest, d)
	}
	return 90*time.Second + longest + 4*w.plan.fullSync + w.plan.replTimeout
}

// unrest says what keeps the cluster from being at rest, "" if nothing does.
func (w *world) unrest() string {
	for _, n := range w.nodes {
		if n.applied != len(w.log.entries)-1 {
			return fmt.Sprintf("node %s is at %d of %d", n.id, n.applied, len(w.log.entries)-1)
		}
		if m, ok := w.log.newest().Member(n.id); !ok || !m.Alive {
			return fmt.Sprintf("node %s does not count as alive", n.id)
		}
	}
	for _, g := range w.groups {
		m, ok := w.log.newest().Master(g.name)
		if !ok {
			return g.name + " is not monitored"
		}
		if unrest := w.unrestOf(m); unrest != "" {
			return g.name + ": " + unrest
		}
	}
	return ""
}

func (w *world) unrestOf(m *state.Master) string {
	master := w.byAddr[m.Addr]
	if !master.running || master.role != failover.RoleMaster {
		if r := w.mustBePromoted(m); r != nil {
			return fmt.Sprintf("the master is %s and %s could take over", master, r)
		}
		if m.Failover != nil && w.now-w.check.begunAt(m.Failover.Epoch) > w.patience() {
			return "a failover without a candidate does not end"
		}
		return ""
	}
	switch {
	case master.isLoading():
		return "the master loads its data"
	case m.Failover != nil:
		return fmt.Sprintf("the failover of epoch %d runs", m.Failover.Epoch)
	case len(m.Votes) > 0 || m.ODown:
		return fmt.Sprintf("%d votes stand against a healthy master", len(m.Votes))
	}
	for _, r := range m.Replicas {
		s := w.byAddr[r.Addr]
		if s.running && (s.role != failover.RoleReplica || s.upstream != m.Addr || s.link != linkUp) {
			return fmt.Sprintf("replica %s is not in sync with %s", s, master)
		}
	}
	return ""
}

// mustBePromoted returns a replica that no rule keeps from being promoted, nil
// if there is none. It judges by the models and is careful: where the rules
// leave room, it returns nil.
func (w *world) mustBePromoted(m *state.Master) *server {
	if m.Quorum > len(w.nodes) {
		return nil
	}
	down := w.check.downSince(w.byAddr[m.Addr])
	for _, r := range m.Replicas {
		s := w.byAddr[r.Addr]
		known := m.ReplID == "" || w.ofGroup(m, s.replID) || w.ofGroup(m, s.replID2)
		inTime := s.lostAt == 0 && s.role == failover.RoleMaster || s.lostAt >= down-5*m.DownAfter
		if s.running && s.priority != 0 && !s.isLoading() && s.link != linkSyncing && known && inTime {
			return s
		}
	}
	return nil
}

func (w *world) ofGroup(m *state.Master, id state.ReplID) bool {
	if id == "" {
		return false
	}
	for _, past := range m.PastReplIDs {
		if id == past {
			return true
		}
	}
	return id == m.ReplID
}
