package chaos

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
)

// version is what a register held from one event on.
type version struct {
	number uint64 // of the event
	name   string // of the event
	held   register
}

// versions are those of each key, by the events. Each begins as "no such
// master".
type versions map[string][]version

// readVersions follows the registers through all events.
func readVersions(all []event) (versions, error) {
	v := versions{}
	for _, e := range all {
		if e.name != state.EventMonitor && e.name != state.EventSet && e.name != state.EventUnmonitor {
			continue
		}
		words := strings.Fields(e.payload) // master <name> <ip> <port> …
		if len(words) < 4 {
			return nil, fmt.Errorf("event %v has another form than master <name> <ip> <port>", e)
		}
		key := words[1]
		held := v.of(key)[len(v.of(key))-1].held
		switch {
		case e.name == state.EventUnmonitor:
			held = register{}
		case e.name == state.EventMonitor:
			port, err := strconv.Atoi(words[3])
			if err != nil {
				return nil, fmt.Errorf("event %v: %w", e, err)
			}
			held = register{port: port, timeout: initialTimeout}
		case len(words) == 6 && words[4] == timeoutOption:
			timeout, err := strconv.Atoi(words[5])
			if err != nil {
				return nil, fmt.Errorf("event %v: %w", e, err)
			}
			held.timeout = timeout
		default:
			continue // a setting that the clients do not change
		}
		v[key] = append(v.of(key), version{number: e.number, name: e.name, held: held})
	}
	return v, nil
}

// timeoutOption is the setting that set changes.
const timeoutOption = "failover-timeout"

// of are the versions of a key, oldest first; there is always one.
func (v versions) of(key string) []version {
	if found, ok := v[key]; ok {
		return found
	}
	return []version{{}}
}

// which returns the numbers of those versions of a key that match accepts.
func (v versions) which(key string, match func(version) bool) []uint64 {
	var numbers []uint64
	for _, version := range v.of(key) {
		if match(version) {
			numbers = append(numbers, version.number)
		}
	}
	return numbers
}

// made returns the versions that a change can have made.
func (v versions) made(c call) []uint64 {
	return v.which(c.key, func(v version) bool {
		switch c.verb {
		case monitor:
			return v.name == state.EventMonitor && v.held.port == c.value
		case set:
			return v.name == state.EventSet && v.held.timeout == c.value
		}
		return v.name == state.EventUnmonitor
	})
}

// seen returns the versions that the answer of a call tells of.
func (v versions) seen(c call) []uint64 {
	switch {
	case c.result == missing:
		return v.which(c.key, func(v version) bool { return v.held.port == 0 })
	case c.result == exists:
		return v.which(c.key, func(v version) bool { return v.held.port != 0 })
	case c.changes():
		return v.made(c)
	}
	return v.which(c.key, func(v version) bool { return c.shows(v.held) })
}

// checkOutcomes says which changes were acknowledged and are not among the
// events, and which were refused and are; and which look-ups saw what never was.
func checkOutcomes(calls []call, v versions) []string {
	var faults []string
	for _, c := range calls {
		switch {
		case c.result == unknown, !c.changes() && c.result == refused:
		case c.result == refused && c.verb != remove: // nobody can tell whose a removal was
			if len(v.made(c)) > 0 {
				faults = append(faults, fmt.Sprintf("refused, and yet it happened: %v", c))
			}
		case c.result != refused && len(v.seen(c)) == 0 && c.changes():
			faults = append(faults, fmt.Sprintf("lost: %v", c))
		case c.result != refused && len(v.seen(c)) == 0:
			faults = append(faults, fmt.Sprintf("never was: %v", c))
		}
	}
	return faults
}

// checkNeverBack says which answers are older than an earlier one: of the same
// node, where look-ups are answered from its own document, or of any, where they
// pass through a majority.
func checkNeverBack(calls []call, v versions) []string {
	type scope struct {
		key  string
		node int // -1 for all together
	}
	scopes := map[scope][]observation{}
	for _, c := range calls {
		if c.result == unknown || c.result == refused {
			continue
		}
		o := observation{begin: c.begin, end: c.end, versions: v.seen(c), what: c}
		if len(o.versions) == 0 {
			continue // checkOutcomes speaks of it
		}
		own, everywhere := scope{c.key, c.node}, scope{c.key, -1}
		scopes[own] = append(scopes[own], o)
		if c.changes() || c.strong {
			scopes[everywhere] = append(scopes[everywhere], o)
		}
	}
	var faults []string
	for _, seen := range scopes {
		faults = append(faults, checkOrder(seen)...)
	}
	slices.Sort(faults)
	return faults
}
