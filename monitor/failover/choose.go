package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// Candidate is what is known of a replica when one is to be chosen.
type Candidate struct {
	Addr  state.Addr
	RunID state.RunID
	// Fresh: Facts answer a question that was asked for this very choice (or,
	// for a first look, within the last few probes).
	Fresh bool
	Facts Facts
	SDown bool
	// Trouble is what PING was answered with last if that is no sign of life
	// (-MISCONF, -NOPERM), or why it was not; "" if all is well.
	Trouble string
	// IsMaster: it is the present master's process, under another address.
	IsMaster bool
	// Refusals is how many attempts in a row it was the candidate of and did
	// not obey.
	Refusals int
}

// Group is what the choice must know of the group.
type Group struct {
	// ReplID and PastReplIDs are the group's replication histories; "" unknown.
	ReplID      state.ReplID
	PastReplIDs []state.ReplID
	DownAfter   time.Duration
	// MasterDown is for how long the master has not been one for this node, 0
	// if it is not down; negative if the node has never seen it well.
	MasterDown time.Duration
}

// Choose picks the replica to promote, by the filters and the order of
// Sentinel (sentinelSelectSlave: priority, offset, run id) with three rules
// more: facts must be fresh, a replica that never completed a sync or is in the
// middle of a full one never wins, and neither does one whose data come from
// another history. One that has refused to be a master comes after the others. It returns the verdict on every candidate, in the order of
// preference, the chosen one first; false if there is none.
func Choose(g Group, candidates []Candidate) ([]state.Verdict, bool) {
	var fit []Candidate
	var verdicts []state.Verdict
	for _, c := range candidates {
		if reason := g.unfit(c); reason != "" {
			verdicts = append(verdicts, state.Verdict{Addr: c.Addr, Reason: reason})
			continue
		}
		fit = append(fit, c)
	}
	limit := g.linkDownLimit(fit)
	fit = slices.DeleteFunc(fit, func(c Candidate) bool {
		late := c.Facts.LinkDown > limit
		if late {
			reason := fmt.Sprintf("lost its master for %s, at most %s is allowed", c.Facts.LinkDown, limit)
			verdicts = append(verdicts, state.Verdict{Addr: c.Addr, Reason: reason})
		}
		return late
	})
	slices.SortFunc(verdicts, func(a, b state.Verdict) int { return a.Addr.Compare(b.Addr) })
	slices.SortFunc(fit, g.prefer)
	ranked := make([]state.Verdict, 0, len(candidates))
	for i, c := range fit {
		v := state.Verdict{Addr: c.Addr, Chosen: i == 0, Reason: g.describe(c)}
		if i > 0 {
			v.Reason = g.describe(c) + "; " + fit[0].Addr.String() + " has " + g.advantage(fit[0], c)
		}
		ranked = append(ranked, v)
	}
	return append(ranked, verdicts...), len(fit) > 0
}

// unfit says why a replica cannot be promoted, "" if it can.
func (g Group) unfit(c Candidate) string {
	f := c.Facts
	switch {
	case c.SDown:
		return "down"
	case !c.Fresh:
		return "did not answer when asked for its state"
	case c.Trouble != "":
		return c.Trouble
	case c.IsMaster:
		return "is the master itself, by another address"
	case f.Priority == 0:
		return "priority 0: never to be promoted"
	case f.Loading:
		return "still loads its data set"
	case f.Role == RoleReplica && f.LinkDown < 0 && !g.proven(f):
		return "never completed a sync with a master"
	case f.Role == RoleReplica && f.Syncing:
		return "in the middle of a full sync"
	case g.history(f) < 0:
		return fmt.Sprintf("foreign replication history %s, the group's is %s", f.ReplID, g.ReplID)
	}
	return ""
}

// proven reports whether a replica's replication history shows that it has the
// group's data, although it has had no link since its start. So it is with
// servers that were all restarted, and with a former master.
func (g Group) proven(f Facts) bool { return g.ReplID != "" && f.ReplID != "" && g.history(f) >= 0 }

// linkDownLimit is Sentinel's: the time the master is down plus ten times
// down-after. A node that was started when the master was down already does not
// know that time. It goes by the replica that lost its master last: its link
// cannot have lived longer than the master. (A Sentinel counts from its own
// start and then, after a power cut, finds no good replica for ever.)
func (g Group) linkDownLimit(fit []Candidate) time.Duration {
	down := g.MasterDown
	for _, c := range fit {
		if lost := c.Facts.LinkDown; g.MasterDown < 0 && lost > 0 && (down < 0 || lost < down) {
			down = lost
		}
	}
	return max(0, down) + 10*g.DownAfter
}

// history ranks a replica's replication history: 0 the group's present one (or
// nothing known), 1 an earlier one of the group, -1 a foreign one.
func (g Group) history(f Facts) int {
	if g.ReplID == "" || f.ReplID == "" {
		return 0
	}
	if f.ReplID == g.ReplID || f.ReplID2 == g.ReplID {
		return 0
	}
	for _, past := range g.PastReplIDs {
		if f.ReplID == past || f.ReplID2 == past {
			return 1
		}
	}
	return -1
}

// offset is how much of the group's history a replica has. One that left it for
// a history of its own (it was a master for a while) has it up to where it left;
// what it wrote after that is no reason to prefer it.
func (g Group) offset(f Facts) int64 {
	if g.ReplID == "" || f.ReplID == g.ReplID || slices.Contains(g.PastReplIDs, f.ReplID) || f.SecondOffset <= 0 {
		return f.Offset
	}
	return min(f.Offset, f.SecondOffset-1)
}

// prefer orders fit candidates, the best first.
func (g Group) prefer(a, b Candidate) int {
	return cmp.Or(
		cmp.Compare(a.Refusals, b.Refusals),
		cmp.Compare(g.history(a.Facts), g.history(b.Facts)),
		cmp.Compare(a.Facts.Priority, b.Facts.Priority),
		cmp.Compare(g.offset(b.Facts), g.offset(a.Facts)),
		compareRunIDs(a.RunID, b.RunID),
		a.Addr.Compare(b.Addr),
	)
}

// compareRunIDs ignores case and puts a missing run id last.
func compareRunIDs(a, b state.RunID) int {
	if (a == "") != (b == "") {
		return cmp.Compare(len(b), len(a))
	}
	return strings.Compare(strings.ToLower(string(a)), strings.ToLower(string(b)))
}

// advantage says what put a before b.
func (g Group) advantage(a, b Candidate) string {
	switch {
	case a.Refusals != b.Refusals:
		return "not refused as often"
	case g.history(a.Facts) != g.history(b.Facts):
		return "the group's present history"
	case a.Facts.Priority != b.Facts.Priority:
		return fmt.Sprintf("priority %d", a.Facts.Priority)
	case g.offset(a.Facts) != g.offset(b.Facts):
		return fmt.Sprintf("offset %d", g.offset(a.Facts))
	}
	return "the smaller run id"
}

func (g Group) describe(c Candidate) string {
	text := fmt.Sprintf("priority %d, offset %d", c.Facts.Priority, g.offset(c.Facts))
	if g.history(c.Facts) == 1 {
		text += ", an earlier history of the group"
	}
	if c.Refusals > 0 {
		text += fmt.Sprintf(", did not obey in %d attempt(s)", c.Refusals)
	}
	return text
}

func (s *step) group() Group {
	g := Group{ReplID: s.m.ReplID, PastReplIDs: s.m.PastReplIDs, DownAfter: s.m.DownAfter}
	switch v := s.w.server(s.m.Addr); {
	case v.sdown && v.masterAt == 0:
		g.MasterDown = -1
	case v.sdown:
		g.MasterDown = s.env.Now.Sub(v.masterAt)
	}
	return g
}

// candidates collects the replicas for a choice. since is the moment from which
// on facts count as fresh.
func (s *step) candidates(since Moment) (Group, []Candidate) {
	g := s.group()
	candidates := make([]Candidate, 0, len(s.m.Replicas))
	for _, r := range s.m.Replicas {
		v := s.w.server(r.Addr)
		facts := v.facts
		facts.Loading = facts.Loading || v.loading
		c := Candidate{
			Addr: r.Addr, RunID: v.runID, SDown: v.sdown, Facts: facts,
			Fresh:    v.linked && v.factsAt != 0 && v.factsAt >= since,
			IsMaster: s.isMaster(v),
			Refusals: s.refusals(r.Addr),
		}
		if v.lastOK < since {
			c.Trouble = v.trouble
		}
		candidates = append(candidates, c)
	}
	return g, candidates
}

// refusals counts the attempts, since the last one that succeeded, of which a
// replica was the candidate and did not obey: those whose record has a candidate
// but does not call it chosen (see withdraw).
func (s *step) refusals(a state.Addr) int {
	n := 0
	for _, f := range slices.Backward(s.m.History) {
		if f.Outcome != "aborted" {
			break
		}
		if f.Candidate == a && !slices.ContainsFunc(f.Verdicts, func(v state.Verdict) bool { return v.Addr == a && v.Chosen }) {
			n++
		}
	}
	return n
}

// look is the choice as it would be now, on facts not older than a few probes:
// whether it is worth while to begin.
func (s *step) look() ([]state.Verdict, bool) { return Choose(s.candidates(s.recently())) }

// recently is since when facts count as fresh for a first look.
func (s *step) recently() Moment {
	recent := 5 * max(s.env.Timing.CheckInterval, fastProbe) // Sentinel: 5 x ping-period
	return max(1, s.env.Now.Add(-recent))
}

// hasRival reports whether there is another replica to promote, one that has not
// refused more often.
func (s *step) hasRival(a state.Addr) bool {
	group, candidates := s.candidates(s.recently())
	refusals := s.refusals(a)
	_, good := Choose(group, slices.DeleteFunc(candidates, func(c Candidate) bool { return c.Addr == a || c.Refusals > refusals }))
	return good
}
