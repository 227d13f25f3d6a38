package events

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// words puts the messages of a side into words: see the package's comment.
func (s *side) words() []string {
	promoted := s.promoted()
	names := []string{}
	for _, server := range s.group.Servers() {
		name := "OTHER"
		switch server.Addr {
		case s.group.Master.Addr:
			name = "OLD"
		case promoted:
			name = "NEW"
		}
		names = append(names, server.Addr.String(), name+":", spaced(server.Addr), name)
	}
	names = append(names, s.id, "SELF")
	for i, other := range s.others {
		names = append(names, other.id, fmt.Sprintf("NODE%d", i), spaced(other.server.Addr), fmt.Sprintf("NODE%d", i))
	}
	known := strings.NewReplacer(names...)
	var lines []string
	master := s.group.Master.Addr
	for _, m := range s.recorder.Messages() {
		if m.Channel == "+tilt" || m.Channel == "-tilt" {
			continue // a busy machine
		}
		text := m.Channel + " " + m.Payload
		if m.Channel == "+switch-master" {
			master = promoted
		} else {
			for _, before := range []string{"@ mymaster ", "master mymaster "} {
				text = strings.ReplaceAll(text, before+spaced(master), before+"MASTER")
			}
		}
		text = known.Replace(text)
		if n := len(lines); m.Channel == "+convert-to-slave" && n > 0 && lines[n-1] == text {
			continue // stock, busy: it reads several INFOs in a row and acts on each
		}
		lines = append(lines, text)
	}
	return lines
}

func spaced(a state.Addr) string { return fmt.Sprintf("%s %d", a.Host, a.Port) }

// promoted is the replica that was selected in a failover, or became the master
// by one that this side had no part in, the zero Addr if none did.
func (s *side) promoted() state.Addr {
	for _, m := range s.recorder.Messages() {
		words := strings.Fields(m.Payload)
		text := ""
		switch m.Channel {
		case "+selected-slave":
			text = words[1]
		case "+switch-master":
			text = words[3] + ":" + words[4]
		default:
			continue
		}
		addr, err := state.ParseAddr(text)
		if err != nil {
			s.t.Fatal(err)
		}
		return addr
	}
	return state.Addr{}
}

// only are the lines of some channels.
func only(lines []string, channels ...string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		channel, _, _ := strings.Cut(line, " ")
		return !slices.Contains(channels, channel)
	})
}

// stream is the one that a line belongs to.
func stream(line string) string {
	words := append(strings.Fields(line), "", "")
	subject := strings.TrimSuffix(words[2], ":")
	switch words[0] {
	case "+reboot":
		return "restarts"
	case "+role-change", "-role-change":
		return "roles of " + subject
	case "+sdown", "-sdown":
		if words[1] != "master" {
			return "ups and downs of " + subject
		}
	case "+slave":
		return "main"
	}
	if words[1] == "slave" && subject == "OLD" {
		return "the way back of OLD"
	}
	return "main"
}

// streams splits a record.
func streams(lines []string) map[string][]string {
	all := map[string][]string{}
	for _, line := range lines {
		all[stream(line)] = append(all[stream(line)], line)
	}
	return all
}

// difference is one that is meant: lines in a row that stand elsewhere in their
// stream, or on one side only.
type difference struct {
	lines []string
	// stock and ours are the lines before them, "" for the begin of the stream,
	// never where they must not be.
	stock, ours string
	why         string
}

const never = "never"

// without takes the lines out of the record of a side where they are allowed to
// be. It returns an error where that is not what happened.
func (d difference) without(lines []string, after string) ([]string, error) {
	at := -1
	for i := range lines {
		if i+len(d.lines) <= len(lines) && slices.Equal(lines[i:i+len(d.lines)], d.lines) {
			at = i
			break
		}
	}
	before := ""
	if at > 0 {
		before = lines[at-1]
	}
	switch {
	case after == never && slices.Contains(lines, d.lines[0]):
		return lines, fmt.Errorf("%q came, and never should", d.lines[0])
	case after == never:
		return lines, nil
	case at < 0:
		return lines, fmt.Errorf("did not come, in a row: %q", d.lines)
	case before != after:
		return lines, fmt.Errorf("%q came after %q, not after %q", d.lines[0], before, after)
	}
	return slices.Concat(lines[:at], lines[at+len(d.lines):]), nil
}

// compare compares the records of both sides.
func compare(t *testing.T, stock, ours *side, meant []difference) {
	t.Helper()
	records := [2]map[string][]string{streams(stock.words()), streams(ours.words())}
	for _, d := range meant {
		key := stream(d.lines[0])
		for i, after := range []string{d.stock, d.ours} {
			rest, err := d.without(records[i][key], after)
			if err != nil {
				t.Errorf("%s: %v (excused because %s)", []*side{stock, ours}[i].name, err, d.why)
			}
			records[i][key] = rest
		}
	}
	for _, record := range records {
		for key := range record {
			if !slices.Equal(records[0][key], records[1][key]) {
				t.Errorf("%s:\nredis-sentinel:\n\t%s\nredis-failover:\n\t%s", key,
					strings.Join(records[0][key], "\n\t"), strings.Join(records[1][key], "\n\t"))
			}
		}
	}
	if t.Failed() {
		t.Logf("all of redis-sentinel:\n%v\nall of redis-failover:\n%v", stock.recorder, ours.recorder)
	}
}

// inOrder checks that on both sides the first of the lines that begin so come in
// this order, whatever comes between them.
func inOrder(t *testing.T, both []*side, lines ...string) {
	t.Helper()
	for _, s := range both {
		record, last := s.words(), -1
		for _, want := range lines {
			at := slices.IndexFunc(record, func(line string) bool { return strings.HasPrefix(line, want) })
			if at <= last {
				t.Errorf("%s: %q is not where it should be, in the order %q:\n%s", s.name, want, lines, strings.Join(record, "\n"))
				return
			}
			last = at
		}
	}
}

// await waits on both sides for a line that begins so.
func await(t *testing.T, both []*side, line string) {
	t.Helper()
	awaitTimes(t, both, 1, line)
}

// awaitTimes waits on both sides for that many lines that begin so.
func awaitTimes(t *testing.T, both []*side, times int, line string) {
	t.Helper()
	for _, s := range both {
		procs.Eventually(t, patience, func() error {
			record, count := s.words(), 0
			for _, l := range record {
				if strings.HasPrefix(l, line) {
					count++
				}
			}
			if count < times {
				return fmt.Errorf("%s has said %q %d times, not %d:\n%s", s.name, line, count, times, strings.Join(record, "\n"))
			}
			return nil
		})
	}
}
