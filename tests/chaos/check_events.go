package chaos

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"redis-failover/cluster/state"
)

// event is an agreed event.
type event struct {
	number        uint64
	name, payload string
}

func (e event) String() string { return fmt.Sprintf("%d %s %s", e.number, e.name, e.payload) }

// promotion is an order to a server to be a master, by the log of the node that
// gave it.
type promotion struct {
	epoch  uint64
	server string
}

// life is what one process of a node wrote into its log.
type life struct {
	node, process int
	// self is the identity of the node.
	self       string
	events     []event
	promotions []promotion
	// last are the first lines that it wrote beside its log: why it ended by
	// itself, or what the race detector found.
	last []string
}

func (l life) String() string { return fmt.Sprintf("node %d, process %d", l.node, l.process) }

// line is a line of a log, in JSON.
type line struct {
	Text    string `json:"msg"`
	Payload string
	Event   uint64
	Server  string
	Follow  string
	Claim   struct{ Epoch uint64 }
}

// lastLines bounds life.last.
const lastLines = 20

// readLife reads the log of one process. A line at the end that a kill has torn
// is passed over.
func readLife(node, process int, self, log string) life {
	l := life{node: node, process: process, self: self}
	for text := range strings.Lines(log) {
		if !json.Valid([]byte(text)) {
			if strings.HasSuffix(text, "\n") && len(l.last) < lastLines {
				l.last = append(l.last, text)
			}
			continue
		}
		var got line
		_ = json.Unmarshal([]byte(text), &got) // other lines have other things under these names
		if got.Event != 0 {
			l.events = append(l.events, event{got.Event, got.Text, got.Payload})
		}
		if got.Text == "ordering" && strings.HasPrefix(got.Follow, "nobody") && got.Claim.Epoch != 0 {
			l.promotions = append(l.promotions, promotion{got.Claim.Epoch, got.Server})
		}
	}
	return l
}

// checkLogs says which processes wrote what does not belong into a log. Those
// that were killed or stopped have nothing to say beside it.
func checkLogs(lives []life) []string {
	var faults []string
	for _, l := range lives {
		if len(l.last) > 0 {
			faults = append(faults, fmt.Sprintf("%v wrote:\n%s", l, strings.Join(l.last, "")))
		}
	}
	return faults
}

// checkNumbers puts the events of all logs into one order. It says which number
// has two events, and where a process published out of order or left something
// out.
func checkNumbers(lives []life) (all []event, faults []string) {
	known := map[uint64]event{}
	for _, l := range lives {
		for _, e := range l.events {
			if first, ok := known[e.number]; ok && first != e {
				faults = append(faults, fmt.Sprintf("number given twice: %v has %v, another has %v", l, e, first))
			}
			known[e.number] = e
		}
	}
	for _, l := range lives {
		for i := 1; i < len(l.events); i++ {
			if last, next := l.events[i-1], l.events[i]; !l.follows(last, next, known) {
				faults = append(faults, fmt.Sprintf("%v published %v next to %v", l, next, last))
			}
		}
	}
	for _, e := range known {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b event) int { return int(a.number) - int(b.number) })
	return all, faults
}

// follows reports whether a node may publish next right after last: all numbers
// between belong to events that introduce the node itself. When the other nodes
// were starting at that moment no log has such an event, because what a node
// finds in its own folder it does not publish; then it is told by its place, in
// the row of introductions that follows a new master.
func (l life) follows(last, next event, known map[uint64]event) bool {
	for n := last.number + 1; n < next.number; n++ {
		between, ok := known[n]
		if ok && !between.introduces(l.self) || !ok && !last.misses(n) {
			return false
		}
	}
	return next.number > last.number
}

// misses reports whether the event that no log has may be the introduction, or the
// credit, that belongs behind e.
func (e event) misses(number uint64) bool {
	switch e.name {
	case state.EventMonitor, state.EventReset, state.EventSentinel, state.EventReconf:
		return number == e.number+1
	}
	return false
}

// unpublished counts the events that are in no log, introductions aside: those
// that came while every node was about to die or starting.
func unpublished(all []event) int {
	count := 0
	for i := 1; i < len(all); i++ {
		gap := int(all[i].number - all[i-1].number - 1)
		if gap == 1 && all[i-1].misses(all[i].number-1) {
			gap = 0
		}
		count += gap
	}
	return count
}

// introduces reports whether an event introduces a node to clients, or credits it.
// That node does not publish it: no Sentinel greets itself.
func (e event) introduces(id string) bool {
	return (strings.HasPrefix(e.name, state.EventSentinel) || e.name == state.EventConfigFrom) && strings.Contains(e.payload, id)
}

// message is what a subscriber was sent.
type message struct{ channel, payload string }

// stream is what one subscriber was sent over one connection.
type stream struct {
	node     int
	self     string // the identity of the node
	messages []message
}

// checkStream says where a stream is not the agreed events from somewhere on, in
// order, none twice and none left out. Those that are only logged never come;
// those that each node publishes for itself, which have no number in any log, may
// come between.
func checkStream(all []event, s stream) []string {
	wanted := slices.DeleteFunc(slices.Clone(all), func(e event) bool { return !published(e) || e.introduces(s.self) })
	numbered := map[string]bool{}
	for _, e := range all {
		numbered[e.name] = true
	}
	heard := slices.DeleteFunc(slices.Clone(s.messages), func(m message) bool { return !numbered[m.channel] })
	if len(heard) == 0 {
		return nil
	}
	best := 0 // how much of the stream fits at the best place
	for i := range wanted {
		n := 0
		for n < len(heard) && i+n < len(wanted) && heard[n] == (message{wanted[i+n].name, wanted[i+n].payload}) {
			n++
		}
		best = max(best, n)
	}
	if best == len(heard) {
		return nil
	}
	return []string{fmt.Sprintf("a subscriber of node %d heard %v, which does not follow on what it heard before: %v",
		s.node, heard[best], heard[max(0, best-3):best])}
}

// published reports whether an event goes to subscribers: the notes in the
// journal are for people, and have plain names.
func published(e event) bool { return strings.HasPrefix(e.name, "+") || strings.HasPrefix(e.name, "-") }
