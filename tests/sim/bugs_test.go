//go:build !race

// With the race detector each of these builds would take minutes, and there is
// one goroutine to a schedule.

package sim

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// bug is a fault planted into the code to see whether the simulator finds it.
type bug struct {
	name string
	// edits replace text in files of the module. Nothing is written to the
	// working tree: the compiler is told to read a changed copy.
	edits []edit
	// schedules is within how many schedules it must be found: some times what
	// it took when it was planted.
	schedules int
	// finds are the invariants of which one must be violated.
	finds []string
}

type edit struct{ file, old, new string }

// bugs lists what was planted. The last ones are no inventions: the simulator
// found them in the code when it was written.
var bugs = []bug{
	{
		name: "the fence ignores the claim's number and the former process's claim is taken for our own",
		edits: []edit{
			{"monitor/failover/fence.go", "m.Failover.Claim == f.Claim", "m.Failover.Epoch == f.Claim.Epoch"},
			{"monitor/failover/core.go", "	case f.Claim == s.w.claim:\n", "	case f.Holder == s.env.Self:\n		s.w.claim = f.Claim\n"},
		},
		schedules: 2000, finds: []string{"past-claim"},
	},
	{
		name:      "a promotion is recorded without looking at the role",
		edits:     []edit{{"monitor/failover/carry.go", "return v.linked && v.told && v.facts.Role == RoleMaster", "return v.linked && v.told"}},
		schedules: 300, finds: []string{"promotion-unproven"},
	},
	{
		name:      "priorities are compared the wrong way round",
		edits:     []edit{{"monitor/failover/choose.go", "cmp.Compare(a.Facts.Priority, b.Facts.Priority)", "cmp.Compare(b.Facts.Priority, a.Facts.Priority)"}},
		schedules: 500, finds: []string{"better-ignored"},
	},
	{
		name:      "offsets are not compared",
		edits:     []edit{{"monitor/failover/choose.go", "		cmp.Compare(g.offset(b.Facts), g.offset(a.Facts)),\n", ""}},
		schedules: 2000, finds: []string{"better-ignored"},
	},
	{
		name:      "priority 0 may be promoted",
		edits:     []edit{{"monitor/failover/choose.go", "f.Priority == 0", "f.Priority < 0"}},
		schedules: 1000, finds: []string{"unfit-promoted"},
	},
	{
		name:      "foreign histories are allowed",
		edits:     []edit{{"monitor/failover/choose.go", "case g.history(f) < 0:", "case g.history(f) < -1:"}},
		schedules: 2000, finds: []string{"unfit-promoted"},
	},
	{
		name:      "no clean slate after a switch",
		edits:     []edit{{"monitor/failover/watch.go", "case fresh && s.changedRole(old):", "case false && s.changedRole(old):"}},
		schedules: 1000, finds: []string{"judged-too-soon"},
	},
	{
		name:      "the wait between attempts is ignored",
		edits:     []edit{{"monitor/failover/start.go", "s.m.LastAttempt == 0 || since >= wait", "since >= 0 || wait == 0"}},
		schedules: 300, finds: []string{"begun-too-soon"},
	},
	{
		name:      "pauses are not noticed",
		edits:     []edit{{"monitor/failover/pause.go", "now.Sub(last) < heartbeat+minPause", "now.Sub(last) >= 0"}},
		schedules: 1000, finds: []string{"unconfirmed-order"},
	},
	{
		name:      "a pause does not end the confirmation",
		edits:     []edit{{"monitor/failover/observe.go", "s.w.confirmed = 0 // the document may have moved on", ""}},
		schedules: 1000, finds: []string{"unconfirmed-order"},
	},
	{
		name:      "the fence has no time limit",
		edits:     []edit{{"monitor/failover/fence.go", " || now >= f.Until", ""}},
		schedules: 2000, finds: []string{"unconfirmed-order"},
	},
	{
		name:      "Apply begins automatic failovers without ODOWN",
		edits:     []edit{{"cluster/state/apply_failover.go", "op.Kind == Auto && !m.ODown", "op.Kind != Auto && op.Kind != Manual"}},
		schedules: 500, finds: []string{"begun-without-odown"},
	},
	{
		name:      "votes of an older generation count",
		edits:     []edit{{"cluster/state/apply.go", " || m.Generation != b.Generation", ""}},
		schedules: 5000, finds: []string{"stale-vote"},
	},
	{
		name: "repairs go on while a failover runs",
		edits: []edit{
			{"cluster/state/apply_failover.go", "	m.dropRepairs()\n", ""},
			{"monitor/failover/fence.go", "ok && m.Failover == nil && r.Repair", "ok && r.Repair"},
		},
		schedules: 5000, finds: []string{"repair-in-failover"},
	},
	{
		name: "re-pointing has no time limit",
		edits: []edit{
			{"monitor/failover/carry.go", "if s.inPhase() >= s.m.FailoverTimeout {\n		s.endLate(f)", "if false {\n		s.endLate(f)"},
			{"monitor/failover/carry.go", "	s.wake(s.w.phaseSince.Add(s.m.FailoverTimeout))\n	s.survey", "	s.survey"},
		},
		schedules: 2000, finds: []string{"no-convergence"},
	},
	{
		name:      "a switch leaves the config epoch as it was",
		edits:     []edit{{"cluster/state/apply_failover.go", "	m.ConfigEpoch = op.Claim.Epoch\n", ""}},
		schedules: 50, finds: []string{"config-epoch"},
	},
	{
		name:      "a run id that is old news is proposed again and again",
		edits:     []edit{{"monitor/failover/judge.go", " && v.runIDAt >= v.agreedRunIDAt", ""}},
		schedules: 300, finds: []string{"hot-loop"},
	},
	{
		name: "a step asks to be woken in the past",
		edits: []edit{{"monitor/failover/carry.go", "	case s.inPhase() >= surveyLimit/2:\n		return true\n	}\n	s.wake(s.w.phaseSince.Add(surveyLimit / 2))\n	return false",
			"	}\n	s.wake(s.w.phaseSince.Add(surveyLimit / 2))\n	return s.inPhase() >= surveyLimit/2"}},
		schedules: 300, finds: []string{"hot-loop"},
	},
	{
		name:      "a candidate that came back empty is promoted",
		edits:     []edit{{"monitor/failover/carry.go", "told && s.group().history(v.facts) < 0", "false"}},
		schedules: 5000, finds: []string{"unfit-promoted"},
	},
	// Those that need several nodes.
	{
		name: "votes of dead members count",
		edits: []edit{
			{"cluster/state/apply.go", "		if d.isAlive(v.Member) {\n			have++\n		}\n	}\n	odown", "		if v.Member != \"\" {\n			have++\n		}\n	}\n	odown"},
			{"cluster/state/apply.go", "	d.members = d.members.with(string(op.Member), member)\n	d.dropVotesOf(op.Member)\n", "	d.members = d.members.with(string(op.Member), member)\n"},
		},
		schedules: 2000, finds: []string{"begun-without-odown", "stale-vote"},
	},
	{
		name:      "a take-over keeps the number of the claim",
		edits:     []edit{{"cluster/state/apply_failover.go", "Number: op.From.Number + 1, Holder", "Number: op.From.Number, Holder"}},
		schedules: 300, finds: []string{"claim-twice"},
	},
	{
		name:      "who was cut off goes on with its orders",
		edits:     []edit{{"monitor/failover/fence.go", "const confirmFor = time.Second", "const confirmFor = time.Minute"}},
		schedules: 1000, finds: []string{"unconfirmed-order"},
	},
	{
		name: "who does not count as alive gets claims",
		edits: []edit{
			{"cluster/state/apply_failover.go", "	case !d.isAlive(op.Member):\n", "	case op.Member == \"\":\n"},
			{"cluster/state/apply_failover.go", "	if !d.isAlive(op.Member) {\n", "	if op.Member == \"\" {\n"},
			{"monitor/failover/start.go", "	return ok && member.Alive\n", "	return ok || member.Alive\n"},
		},
		schedules: 2000, finds: []string{"dead-claims"},
	},
	{
		name:      "who was held for dead never says that it lives",
		edits:     []edit{{"monitor/failover/peers.go", "	if self.Alive {\n", "	if self.Alive || self.ID != \"\" {\n"}},
		schedules: 300, finds: []string{"no-convergence"},
	},
	{
		name:      "nobody says who is dead",
		edits:     []edit{{"monitor/failover/peers.go", "peerSilence = 4 * time.Second", "peerSilence = 4 * time.Hour"}},
		schedules: 300, finds: []string{"dead-counts"},
	},
	{
		name:      "a commit is no sign of life",
		edits:     []edit{{"monitor/failover/peers.go", "		case known.seq != seq:\n", "		case known.seq != seq && env.Now == 0:\n"}},
		schedules: 2000, finds: []string{"dispute"},
	},
	{
		name:      "who was cut off holds all others for dead",
		edits:     []edit{{"monitor/failover/peers.go", "	if env.CanCommit && !p.canCommit {", "	if env.CanCommit && !p.canCommit && env.Now == 0 {"}},
		schedules: 300, finds: []string{"slander"},
	},
	{
		name:      "whoever sees votes asks for a failover",
		edits:     []edit{{"monitor/failover/start.go", "	case !master.sdown:\n", "	case !master.sdown && s.env.Now == 0:\n"}},
		schedules: 2000, finds: []string{"own-eyes"},
	},
	{
		name:      "a snapshot loses the events of masters that are gone",
		edits:     []edit{{"cluster/state/state.go", "	take(s.journal)\n", ""}},
		schedules: 2000, finds: []string{"event-lost"},
	},
	{
		name:      "a snapshot loses events of masters that are there",
		edits:     []edit{{"cluster/state/apply.go", "m.Journal = appendBounded(m.Journal, own[m.Name], journalLength)", "m.Journal = appendBounded(m.Journal, own[m.Name], journalLength/8)"}},
		schedules: 300, finds: []string{"event-lost"},
	},
}

// TestBugs shows that the simulator bites: each planted bug is found.
func TestBugs(t *testing.T) {
	if testing.Short() {
		procs.Unavailable(t, "-short: this compiles the simulator once for each planted bug")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bugs {
		t.Run(strings.ReplaceAll(b.name, " ", "-"), func(t *testing.T) {
			found := play(t, plant(t, root, b), b.schedules)
			switch {
			case found.invariant == "":
				t.Errorf("not found within %d schedules", b.schedules)
			case !slices.Contains(b.finds, found.invariant):
				t.Errorf("found as %q by seed %d, expected as one of %q", found.invariant, found.seed, b.finds)
			default:
				t.Logf("found as %s by seed %d", found.invariant, found.seed)
			}
		})
	}
}

// plant compiles the simulator with a bug in the code below it and returns the
// test binary.
func plant(t *testing.T, root string, b bug) string {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	for i, e := range b.edits {
		name := filepath.Join(root, filepath.FromSlash(e.file))
		from := name
		if changed, ok := replaced[name]; ok {
			from = changed
		}
		source, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(source, []byte(e.old)); n != 1 {
			t.Fatalf("%s contains %q %d times, it must be there once: the bug has to be planted anew", e.file, e.old, n)
		}
		copied := filepath.Join(dir, strconv.Itoa(i)+".go")
		if err := os.WriteFile(copied, bytes.Replace(source, []byte(e.old), []byte(e.new), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[name] = copied
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "sim.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the bug does not compile: %v\n%s", err, out)
	}
	return binary
}

// finding is the first violation that a run reported.
type finding struct {
	seed      uint64
	invariant string
}

var reported = regexp.MustCompile(`seed (\d+): ([a-z-]+) at `)

// play runs schedules until one fails.
func play(t *testing.T, binary string, schedules int) finding {
	t.Helper()
	run := exec.CommandContext(t.Context(), binary, "-test.run=^TestSchedules$", "-sim.failures=1", "-sim.schedules="+strconv.Itoa(schedules))
	out, err := run.CombinedOutput()
	m := reported.FindSubmatch(out)
	if m == nil {
		if err != nil {
			t.Fatalf("the simulator broke down: %v\n%s", err, out)
		}
		return finding{}
	}
	seed, err := strconv.ParseUint(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return finding{seed, string(m[2])}
}
