package failover

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// Outside of a failover, replicas that call themselves masters or follow
// somebody else are sent back to their master. Sentinel waits 8 s for the
// former and failover-timeout for the latter, and any sentinel acts; here the
// right to do so is granted by the document first, so there is no need to wait
// out a race between nodes, and an old master that comes back stops taking
// writes within a probe.

const (
	repairKeyPrefix = "repair:"
	doneKeyPrefix   = "repaired:"
	// repairLimit is when a repair that shows no effect is given up, and how
	// long it is left alone then.
	repairLimit = 10 * time.Second
)

func isRepairKey(key string) bool { return strings.HasPrefix(key, repairKeyPrefix) }

func (s *step) repairAll() {
	for _, r := range s.m.Replicas {
		v := s.w.server(r.Addr)
		if mine, ok := s.w.repairs[r.Addr]; ok {
			s.carryRepair(v, r, mine)
			continue
		}
		if s.repairedElsewhere(r) {
			continue
		}
		if kind, reason := s.wrong(v); kind != "" && s.m.Pause == nil {
			op := state.OpRepair{Name: s.m.Name, Generation: s.m.Generation, Addr: r.Addr, Kind: kind, Member: s.env.Self, Reason: reason}
			if s.propose(repairKeyPrefix+r.Addr.String(), op) {
				s.log(slog.LevelInfo, "a replica must be re-pointed", slog.String("replica", r.Addr.String()), slog.String("reason", reason))
			}
			continue
		}
		s.release(r)
	}
}

// release gives a grant back that this member holds and this process does not
// know of: one from before a restart, or one whose end could not be committed.
// While it stands no other member may repair the replica.
func (s *step) release(r state.Replica) {
	if r.Repair == nil || r.Repair.Member != s.env.Self || s.w.pending[repairKeyPrefix+r.Addr.String()].inFlight {
		return
	}
	s.propose(doneKeyPrefix+r.Addr.String(), state.OpRepaired{
		Name: s.m.Name, Addr: r.Addr, Number: r.Repair.Number, Reason: "nobody carries it out any more",
	})
}

// repairedElsewhere reports whether another living member has the right to
// repair a replica.
func (s *step) repairedElsewhere(r state.Replica) bool {
	if r.Repair == nil || r.Repair.Member == s.env.Self {
		return false
	}
	member, ok := s.env.Doc.Member(r.Repair.Member)
	return ok && member.Alive
}

// masterSane reports whether the master is seen to be one: only then is it
// right to send anybody to it.
func (s *step) masterSane() bool {
	v := s.w.server(s.m.Addr)
	return v.linked && !v.sdown && !s.m.ODown && v.factsAt != 0 && v.facts.Role == RoleMaster
}

// wrong says what is wrong with a replica, "" if nothing is or if it is not yet
// time to act.
func (s *step) wrong(v *server) (state.RepairKind, string) {
	// What it said before the last failover ended says nothing: it has been
	// re-pointed since.
	if !s.masterSane() || !v.linked || v.factsAt == 0 || v.factsAt < s.w.phaseSince {
		return "", ""
	}
	// Which processes they are must be known from their present connections, or
	// a master with two addresses that has just restarted looks like two.
	if !v.introduced() || !s.w.server(s.m.Addr).introduced() || s.isMaster(v) {
		return "", ""
	}
	if v.facts.Role == RoleMaster {
		return state.RepairConvert, "it calls itself a master, the group's master is " + s.m.Addr.String()
	}
	if v.strayed == 0 {
		return "", ""
	}
	upstream := state.Addr{Host: v.facts.MasterHost, Port: v.facts.MasterPort}
	reason := fmt.Sprintf("it follows %s, the group's master is %s", upstream, s.m.Addr)
	if _, known := s.m.Replica(upstream); known {
		return state.RepairFix, reason // a former master of this group, or a ring
	}
	// Somebody may be moving it elsewhere by hand: Sentinel's wait.
	if s.env.Now.Sub(v.strayed) < s.m.FailoverTimeout {
		s.wake(v.strayed.Add(s.m.FailoverTimeout))
		return "", ""
	}
	return state.RepairFix, reason
}

func (s *step) repairGranted(in Input) {
	if in.Err != nil || in.Outcome.Refused() {
		return
	}
	a, err := state.ParseAddr(strings.TrimPrefix(in.Key, repairKeyPrefix))
	if err != nil {
		return
	}
	s.w.repairs[a] = repairing{number: in.Outcome.Number, since: s.env.Now}
	delete(s.w.orders, a)
}

// carryRepair sends the order and looks for its effect.
func (s *step) carryRepair(v *server, r state.Replica, mine repairing) {
	switch {
	case r.Repair == nil || r.Repair.Number != mine.number:
		delete(s.w.repairs, v.addr) // over, or somebody else's
	case v.factsAt >= mine.since && s.followsMaster(v.facts):
		s.endRepair(v, mine, true, "it follows the master")
	case s.env.Now.Sub(mine.since) >= repairLimit:
		s.endRepair(v, mine, false, "no effect within "+repairLimit.String())
	case v.linked && s.masterSane():
		s.order(v, s.m.Addr)
	}
}

func (s *step) endRepair(v *server, mine repairing, ok bool, reason string) {
	op := state.OpRepaired{Name: s.m.Name, Addr: v.addr, Number: mine.number, OK: ok, Reason: reason}
	if !s.propose(doneKeyPrefix+v.addr.String(), op) {
		return
	}
	delete(s.w.repairs, v.addr)
	delete(s.w.orders, v.addr)
	if !ok {
		s.w.pending[repairKeyPrefix+v.addr.String()] = pending{retry: s.env.Now.Add(repairLimit)}
	}
}
