package compat

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// reason is why an answer of ours is meant to differ. Each is a constant here, is
// the reason of some call, and begins a line of the page for users.
type reason string

const (
	since72     reason = "follows Redis 7.2"
	noPerm      reason = "refusals name the user"
	keptRules   reason = "rules about commands are shown as they were given"
	sanitizing  reason = "new users have sanitize-payload"
	since74     reason = "follows Redis 7.4"
	valkey      reason = "follows Valkey 8"
	valkey9     reason = "follows Valkey 9"
	version     reason = "the version is another"
	quits       reason = "QUIT is answered"
	resets      reason = "RESET of a connection is answered"
	ownMembers  reason = "nodes are members of a group"
	again       reason = "MONITOR of what is monitored already is OK"
	severe      reason = "names and values that break lines are refused"
	atomic      reason = "a command with several options changes all or nothing"
	plainAddr   reason = "addresses have four numbers, and ports are not 0"
	named       reason = "a master needs a name"
	bigNumbers  reason = "numbers that Sentinel's own integers do not hold are refused"
	year        reason = "a period of more than a year is refused"
	noNULs      reason = "a NUL in an inline command is an ordinary byte"
	overHTTP    reason = "HTTP is answered on the same port"
	lowerLimits reason = "commands may be 1 MiB long"
)

var reasons = []reason{
	since72, noPerm, keptRules, sanitizing, since74, valkey, valkey9, version, quits, resets, ownMembers, again, severe, atomic, plainAddr, named, bigNumbers, year,
	noNULs, overHTTP, lowerLimits,
}

// page is where users read of the differences.
const page = "../../docs/compatibility.md"

// The page lists the reasons of the tables, all of them and no others.
func TestReasons(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var listed []reason
	for _, line := range regexp.MustCompile(`(?m)^- \*\*(.+?)\*\*: `).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, reason(line[1]))
	}
	used := make(map[reason]int)
	for _, c := range conversations() {
		for _, call := range c.calls {
			used[call.differs]++
		}
	}
	for _, c := range rawCalls {
		used[c.differs]++
	}
	for _, why := range changed {
		used[why]++
	}
	delete(used, "")
	for _, why := range reasons {
		if used[why] == 0 {
			t.Errorf("no call differs because %q", why)
		}
		if !slices.Contains(listed, why) {
			t.Errorf("%s does not list %q", page, why)
		}
		delete(used, why)
	}
	for why := range used {
		t.Errorf("%q is not among the reasons", why)
	}
	for _, why := range listed {
		if !slices.Contains(reasons, why) {
			t.Errorf("%s lists %q, which is no reason of a test", page, why)
		}
	}
}

// leastCalls is how many distinct calls the suite has at the least.
const leastCalls = 250

func TestNumberOfCalls(t *testing.T) {
	distinct := make(map[string]bool)
	for _, c := range conversations() {
		for _, call := range c.calls {
			distinct[call.line] = true
		}
	}
	for _, c := range rawCalls {
		distinct[c.in] = true
	}
	t.Logf("%d distinct calls, in RESP2 and RESP3", len(distinct))
	if len(distinct) < leastCalls {
		t.Errorf("there are %d distinct calls, and should be %d", len(distinct), leastCalls)
	}
}
