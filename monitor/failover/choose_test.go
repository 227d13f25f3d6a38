package failover_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// group is the group of these tests: histories "now" and "before", down-after
// one second, the master down for a minute.
var group = failover.Group{
	ReplID: "now", PastReplIDs: []state.ReplID{"before"},
	DownAfter: time.Second, MasterDown: time.Minute,
}

// replica is a candidate that may be promoted, changed by edit.
func replica(port int, edit func(*failover.Candidate)) failover.Candidate {
	c := failover.Candidate{
		Addr: state.Addr{Host: "10.0.0.1", Port: port}, RunID: state.RunID(fmt.Sprint("run", port)), Fresh: true,
		Facts: failover.Facts{
			Role: failover.RoleReplica, ReplID: "now", LinkDown: 10 * time.Second,
			Priority: 100, Offset: 1000, HasOffset: true, Announced: true,
		},
	}
	if edit != nil {
		edit(&c)
	}
	return c
}

func TestChooseFilters(t *testing.T) {
	tests := map[string]struct {
		edit func(*failover.Candidate)
		// reason is a part of the verdict; "" if it may be promoted.
		reason string
	}{
		"good":                              {nil, ""},
		"unannounced":                       {func(c *failover.Candidate) { c.Facts.Announced = false }, ""},
		"link up":                           {func(c *failover.Candidate) { c.Facts.LinkUp, c.Facts.LinkDown = true, 0 }, ""},
		"down":                              {func(c *failover.Candidate) { c.SDown = true }, "down"},
		"old facts":                         {func(c *failover.Candidate) { c.Fresh = false }, "did not answer"},
		"priority 0":                        {func(c *failover.Candidate) { c.Facts.Priority = 0 }, "priority 0"},
		"priority 1":                        {func(c *failover.Candidate) { c.Facts.Priority = 1 }, ""},
		"loading":                           {func(c *failover.Candidate) { c.Facts.Loading = true }, "loads"},
		"full sync":                         {func(c *failover.Candidate) { c.Facts.Syncing = true }, "full sync"},
		"foreign":                           {func(c *failover.Candidate) { c.Facts.ReplID = "other" }, "foreign"},
		"foreign since, ours before":        {func(c *failover.Candidate) { c.Facts.ReplID, c.Facts.ReplID2 = "other", "now" }, ""},
		"an earlier history":                {func(c *failover.Candidate) { c.Facts.ReplID = "before" }, ""},
		"no history (an old engine)":        {func(c *failover.Candidate) { c.Facts.ReplID = "" }, ""},
		"never synced, no history":          {func(c *failover.Candidate) { c.Facts.ReplID, c.Facts.LinkDown = "", -time.Second }, "never completed"},
		"never synced, foreign":             {func(c *failover.Candidate) { c.Facts.ReplID, c.Facts.LinkDown = "other", -time.Second }, "never completed"},
		"no link since its start, our data": {func(c *failover.Candidate) { c.Facts.LinkDown = -time.Second }, ""},
		"master already":                    {func(c *failover.Candidate) { c.Facts.Role, c.Facts.LinkDown = failover.RoleMaster, 0 }, ""},
		"link down as long as allowed":      {func(c *failover.Candidate) { c.Facts.LinkDown = 70 * time.Second }, ""},
		"link down for longer":              {func(c *failover.Candidate) { c.Facts.LinkDown = 71 * time.Second }, "lost its master"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			verdicts, good := failover.Choose(group, []failover.Candidate{replica(1, test.edit)})
			if len(verdicts) != 1 || good != (test.reason == "") || verdicts[0].Chosen != good {
				t.Fatalf("good %t, verdicts %+v", good, verdicts)
			}
			if !good && !strings.Contains(verdicts[0].Reason, test.reason) {
				t.Errorf("the reason is %q, it should say %q", verdicts[0].Reason, test.reason)
			}
		})
	}
}

func TestChooseOrder(t *testing.T) {
	tests := map[string]struct {
		// better and worse are changes to replicas that are alike otherwise; the
		// worse one has the smaller address.
		better, worse func(*failover.Candidate)
	}{
		"present history before priority": {nil, func(c *failover.Candidate) { c.Facts.ReplID, c.Facts.Priority, c.Facts.Offset = "before", 1, 9999 }},
		"priority before offset":          {func(c *failover.Candidate) { c.Facts.Priority = 99 }, func(c *failover.Candidate) { c.Facts.Offset = 9999 }},
		"offset before run id":            {func(c *failover.Candidate) { c.Facts.Offset = 1001 }, func(c *failover.Candidate) { c.RunID = "a" }},
		"the smaller run id":              {func(c *failover.Candidate) { c.RunID = "aa" }, func(c *failover.Candidate) { c.RunID = "ab" }},
		"run ids in any case":             {func(c *failover.Candidate) { c.RunID = "aA" }, func(c *failover.Candidate) { c.RunID = "AB" }},
		"a run id before none":            {func(c *failover.Candidate) { c.RunID = "z" }, func(c *failover.Candidate) { c.RunID = "" }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			worse, better := replica(1, test.worse), replica(2, test.better)
			for _, order := range [][]failover.Candidate{{worse, better}, {better, worse}} {
				verdicts, good := failover.Choose(group, order)
				if !good || verdicts[0].Addr != better.Addr || !verdicts[0].Chosen || verdicts[1].Chosen {
					t.Errorf("verdicts %+v", verdicts)
				}
			}
		})
	}
}

// TestChooseAfterStart: a node that has never seen the master well goes by the
// replica that lost it last.
func TestChooseAfterStart(t *testing.T) {
	lost := func(d time.Duration) func(*failover.Candidate) {
		return func(c *failover.Candidate) { c.Facts.LinkDown, c.Facts.LinkUp = d, d == 0 }
	}
	tests := map[string]struct {
		downs []time.Duration
		fit   []bool
	}{
		"all for an hour":                    {[]time.Duration{time.Hour, time.Hour}, []bool{true, true}},
		"one long before the others":         {[]time.Duration{time.Hour, time.Hour + 11*time.Second}, []bool{true, false}},
		"one without a link since its start": {[]time.Duration{-time.Second, time.Hour}, []bool{true, true}},
		"one that follows somebody else":     {[]time.Duration{0, time.Hour}, []bool{true, true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := group
			g.MasterDown = -1
			var candidates []failover.Candidate
			for i, d := range test.downs {
				candidates = append(candidates, replica(i, lost(d)))
			}
			verdicts, _ := failover.Choose(g, candidates)
			for i, want := range test.fit {
				at := slices.IndexFunc(verdicts, func(v state.Verdict) bool { return v.Addr == candidates[i].Addr })
				if fit := !strings.Contains(verdicts[at].Reason, "lost its master"); fit != want {
					t.Errorf("replica %d: fit %t, %s", i, fit, verdicts[at].Reason)
				}
			}
		})
	}
}

// TestChooseAgainstNaive compares the choice with one that asks, for each pair,
// who is better.
func TestChooseAgainstNaive(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		g := randomGroup(rng)
		candidates := make([]failover.Candidate, rng.IntN(6))
		for i := range candidates {
			candidates[i] = randomCandidate(rng, i)
		}
		verdicts, good := failover.Choose(g, slices.Clone(candidates))
		best := naive(g, candidates)
		switch {
		case len(verdicts) != len(candidates):
			t.Fatalf("%d verdicts for %d candidates", len(verdicts), len(candidates))
		case good != (best != nil):
			t.Fatalf("good %t, the naive choice is %+v\ngroup %+v\ncandidates %+v", good, best, g, candidates)
		case good && (verdicts[0].Addr != best.Addr || !verdicts[0].Chosen):
			t.Fatalf("chose %+v, the naive choice is %+v\ngroup %+v\ncandidates %+v", verdicts[0], best, g, candidates)
		}
		rng.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
		if again, _ := failover.Choose(g, candidates); !slices.Equal(again, verdicts) {
			t.Fatalf("another order gives another choice: %+v and %+v", verdicts, again)
		}
	}
}

func naive(g failover.Group, candidates []failover.Candidate) *failover.Candidate {
	var best *failover.Candidate
	for i := range candidates {
		c := &candidates[i]
		if mayBePromoted(g, *c, candidates) && (best == nil || isBetter(g, *c, *best)) {
			best = c
		}
	}
	return best
}

func mayBePromoted(g failover.Group, c failover.Candidate, all []failover.Candidate) bool {
	if !sound(g, c) {
		return false
	}
	down := g.MasterDown
	if down < 0 {
		down = 0
		for _, o := range all {
			if sound(g, o) && o.Facts.LinkDown > 0 && (down == 0 || o.Facts.LinkDown < down) {
				down = o.Facts.LinkDown
			}
		}
	}
	return c.Facts.LinkDown <= down+10*g.DownAfter
}

func sound(g failover.Group, c failover.Candidate) bool {
	f := c.Facts
	if c.SDown || !c.Fresh || f.Priority == 0 || f.Loading || f.Role == failover.RoleReplica && f.Syncing {
		return false
	}
	known := g.ReplID != "" && f.ReplID != ""
	if known {
		return kinship(g, f) < 2
	}
	return f.Role == failover.RoleMaster || f.LinkDown >= 0
}

// kinship is 0 for the present history, 1 for an earlier one, 2 for a foreign one.
func kinship(g failover.Group, f failover.Facts) int {
	has := func(id state.ReplID) bool { return f.ReplID == id || f.ReplID2 == id }
	switch {
	case g.ReplID == "" || f.ReplID == "" || has(g.ReplID):
		return 0
	case slices.ContainsFunc(g.PastReplIDs, has):
		return 1
	}
	return 2
}

func isBetter(g failover.Group, a, b failover.Candidate) bool {
	if x, y := kinship(g, a.Facts), kinship(g, b.Facts); x != y {
		return x < y
	}
	if a.Facts.Priority != b.Facts.Priority {
		return a.Facts.Priority < b.Facts.Priority
	}
	if a.Facts.Offset != b.Facts.Offset {
		return a.Facts.Offset > b.Facts.Offset
	}
	if x, y := strings.ToLower(string(a.RunID)), strings.ToLower(string(b.RunID)); x != y {
		return y == "" || x != "" && x < y
	}
	return a.Addr.Port < b.Addr.Port
}

func oneOf[T any](rng *rand.Rand, values ...T) T { return values[rng.IntN(len(values))] }

func randomGroup(rng *rand.Rand) failover.Group {
	return failover.Group{
		ReplID:      oneOf[state.ReplID](rng, "", "h1", "h1", "h1"),
		PastReplIDs: oneOf(rng, nil, []state.ReplID{"h2"}, []state.ReplID{"h2", "h3"}),
		DownAfter:   time.Second,
		MasterDown:  oneOf(rng, 0, time.Minute, -1),
	}
}

func randomCandidate(rng *rand.Rand, i int) failover.Candidate {
	return failover.Candidate{
		Addr:  state.Addr{Host: "10.0.0.1", Port: i + 1},
		RunID: oneOf[state.RunID](rng, "", "a", "A", "b", "c"),
		Fresh: rng.IntN(10) > 0,
		SDown: rng.IntN(10) == 0,
		Facts: failover.Facts{
			Role:     oneOf(rng, failover.RoleReplica, failover.RoleReplica, failover.RoleReplica, failover.RoleMaster),
			ReplID:   oneOf[state.ReplID](rng, "", "h1", "h1", "h1", "h2", "h9"),
			ReplID2:  oneOf[state.ReplID](rng, "", "", "h1", "h3"),
			Syncing:  rng.IntN(10) == 0,
			Loading:  rng.IntN(10) == 0,
			LinkDown: oneOf(rng, 0, -time.Second, time.Second, 69*time.Second, 80*time.Second, time.Hour),
			Priority: oneOf(rng, 0, 1, 100, 100, 100),
			Offset:   oneOf[int64](rng, 0, 500, 1000),
		},
	}
}

// TestChooseOffsetOfOneHistory: a replica that was a master for a while has
// written on; that is no reason to prefer it to one that stayed.
func TestChooseOffsetOfOneHistory(t *testing.T) {
	stayed := replica(1, func(c *failover.Candidate) { c.Facts.Offset = 150 })
	left := replica(2, func(c *failover.Candidate) {
		c.Facts.ReplID, c.Facts.ReplID2, c.Facts.SecondOffset, c.Facts.Offset = "own", "now", 101, 9999
	})
	verdicts, ok := failover.Choose(group, []failover.Candidate{left, stayed})
	if !ok || verdicts[0].Addr != stayed.Addr {
		t.Errorf("chose %+v", verdicts)
	}
	if want := "offset 100; 10.0.0.1:1 has offset 150"; !strings.Contains(verdicts[1].Reason, want) {
		t.Errorf("reason %q, want %q", verdicts[1].Reason, want)
	}
}
