package events

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// What clients of the nodes hear that do not carry the failover out. Stock tells
// them the result; ours tells the same, and before and after it all that the
// clients of the acting node hear, in one order on all nodes.
func TestOnOtherNodes(t *testing.T) {
	t.Parallel()
	stock, ours := newGroups(t, 2, 20*time.Second)
	all := slices.Concat(stock, ours)
	ours[0].server.Must("SENTINEL", "SET", "mymaster", "parallel-syncs", "1") // from here on all have heard the same
	await(t, ours, "+set ")
	for _, group := range [][]*side{stock, ours} {
		group[0].failOver()
	}
	await(t, all, "+slave slave OLD:")
	await(t, ours, "+failover-end ")

	news := []string{"+new-epoch", "+config-update-from", "+switch-master", "+slave"}
	want := append([]string{"+new-epoch 1", "+config-update-from sentinel NODE0 NODE0 @ mymaster MASTER"}, switched...)
	for _, group := range [][]*side{stock, ours} {
		if got := only(group[0].words(), news[1]); len(got) > 0 {
			t.Errorf("%s, which has it from nobody, said %q", group[0].name, got)
		}
		for _, s := range group[1:] {
			got := only(sinceMark(s), news...)
			if s.name == stock[0].name {
				got = fromAnybody(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s said\n%s\nand should have said\n%s", s.name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}

	agreed := func(s *side) []string {
		return slices.DeleteFunc(sinceMark(s), func(line string) bool {
			key := stream(line)
			return strings.HasPrefix(key, "roles") || strings.HasPrefix(key, "ups") || strings.HasPrefix(line, "+config-update-from")
		})
	}
	for _, s := range ours[1:] {
		here, there := agreed(s), agreed(ours[0])
		for _, lines := range [][]string{here, there} { // who votes is told by name
			for i := range lines {
				lines[i] = strings.Replace(strings.Replace(lines[i], "SELF", "NODE0", 1), "NODE0", "SOMEBODY", 1)
			}
		}
		if !slices.Equal(here, there) {
			t.Errorf("one node said\n%s\nthe other\n%s", strings.Join(there, "\n"), strings.Join(here, "\n"))
		}
	}
	if t.Failed() {
		for _, s := range all {
			t.Logf("all of %s:\n%v", s.name, s.recorder)
		}
	}
}

// fromAnybody puts the acting node in the place of whoever told a Sentinel of the
// switch: that is the first greeting that it hears, and another one that has just
// been told may be faster than the one who acted.
func fromAnybody(lines []string) []string {
	other := regexp.MustCompile(`NODE\d`)
	lines = slices.Clone(lines)
	for i, line := range lines {
		if strings.HasPrefix(line, "+config-update-from ") {
			lines[i] = other.ReplaceAllString(line, "NODE0")
		}
	}
	return lines
}

// sinceMark is what a side said after the first +set, all if there was none.
func sinceMark(s *side) []string {
	lines := s.words()
	mark := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "+set ") })
	return lines[mark+1:]
}
