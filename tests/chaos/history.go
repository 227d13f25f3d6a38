package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// verb is what a client asks for.
type verb int8

const (
	// monitor, remove and set are the changes: SENTINEL MONITOR, REMOVE, SET.
	monitor verb = iota
	remove
	set
	// look is SENTINEL MASTER, which shows the whole register; find is SENTINEL
	// GET-MASTER-ADDR-BY-NAME, which shows its port.
	look
	find
)

var verbs = [...]string{"monitor", "remove", "set", "look", "find"}

func (v verb) String() string { return verbs[v] }

// result is what became of a call.
type result int8

const (
	// done: the change was acknowledged, or the look-up answered.
	done result = iota
	// missing and exists: a change was refused by rule, because there is no
	// such master or there is one already. It was ordered like a change, so it
	// tells the truth about its moment.
	missing
	exists
	// refused: certainly nothing happened.
	refused
	// unknown: it may have happened, or may happen later.
	unknown
)

var results = [...]string{"done", "missing", "exists", "refused", "unknown"}

func (r result) String() string { return results[r] }

// register is what the document holds of one master, as far as the clients
// change it. The zero value is "no such master".
type register struct {
	// port is given by monitor, and never twice in a run.
	port int
	// timeout is failover-timeout in milliseconds, given by set, and never
	// twice in a run; initialTimeout before the first set.
	timeout int
}

// initialTimeout is Sentinel's default of failover-timeout, in milliseconds.
const initialTimeout = 180_000

func (r register) String() string {
	if r.port == 0 {
		return "none"
	}
	return fmt.Sprintf("%d/%d", r.port, r.timeout)
}

// call is one request of a client with its answer.
type call struct {
	client, node int
	key          string
	verb         verb
	// value is the port of monitor and the timeout of set.
	value int
	// begin and end are times since the beginning of the run. An unknown call
	// has no end.
	begin, end time.Duration
	result     result
	// seen is the answer of a look-up; find leaves the timeout unset.
	seen register
	// strong look-ups pass through a majority before they answer.
	strong bool
}

// changes reports whether the call is a change and not a look-up.
func (c call) changes() bool { return c.verb <= set }

// shows reports whether a look-up may have seen r.
func (c call) shows(r register) bool {
	if c.verb == find {
		return c.seen.port == r.port
	}
	return c.seen == r
}

func (c call) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v–", c.begin.Round(time.Microsecond))
	if c.result != unknown {
		fmt.Fprintf(&b, "%v", c.end.Round(time.Microsecond))
	}
	fmt.Fprintf(&b, " client %d at node %d: %v %s", c.client, c.node, c.verb, c.key)
	if c.verb == monitor || c.verb == set {
		fmt.Fprintf(&b, " %d", c.value)
	}
	if c.changes() {
		fmt.Fprintf(&b, ": %v", c.result)
	} else {
		fmt.Fprintf(&b, ": %v", c.seen)
	}
	if c.strong {
		b.WriteString(" (strong)")
	}
	return b.String()
}

// history is what all clients have written down. Its methods may be called from
// any goroutine.
type history struct {
	start time.Time

	mu    sync.Mutex
	calls []call
}

func newHistory() *history { return &history{start: time.Now()} }

// now is the time since the beginning.
func (h *history) now() time.Duration { return time.Since(h.start) }

func (h *history) add(c call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}

// all returns the calls by their begin.
func (h *history) all() []call {
	h.mu.Lock()
	defer h.mu.Unlock()
	sorted := slices.Clone(h.calls)
	slices.SortStableFunc(sorted, func(a, b call) int { return cmp.Compare(a.begin, b.begin) })
	return sorted
}

// byKey sorts calls into those of each key.
func byKey(calls []call) map[string][]call {
	keys := map[string][]call{}
	for _, c := range calls {
		keys[c.key] = append(keys[c.key], c)
	}
	return keys
}
