package chaos

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// ms is a moment of a written history.
func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// asked is a call to node that lasted from begin to end, in milliseconds.
func asked(node, begin, end int, v verb, value int, r result) call {
	return call{client: node, node: node, key: "m", verb: v, value: value, begin: ms(begin), end: ms(end), result: r}
}

// saw is a look-up; a strong one if strong.
func saw(node, begin, end int, r register, strong bool) call {
	return call{client: 10 + node, node: node, key: "m", verb: look, begin: ms(begin), end: ms(end), seen: r, strong: strong}
}

// journal numbers events from 1.
func journal(lines ...string) []event {
	var all []event
	for i, text := range lines {
		name, payload, _ := strings.Cut(text, " ")
		all = append(all, event{number: uint64(i) + 1, name: name, payload: payload})
	}
	return all
}

// complains ends the test unless there is one fault at least, and all begin with
// or contain the text; with "" there must be none.
func complains(t *testing.T, faults []string, text string) {
	t.Helper()
	if text == "" && len(faults) > 0 {
		t.Errorf("found without need: %q", faults)
	}
	if text != "" && (len(faults) == 0 || !strings.Contains(faults[0], text)) {
		t.Errorf("found %q, want %q", faults, text)
	}
}

const (
	monitored = "+monitor master m 127.0.0.1 7 quorum 9"
	removed   = "-monitor master m 127.0.0.1 7"
)

func setTo(timeout string) string { return "+set master m 127.0.0.1 7 failover-timeout " + timeout }

var (
	fresh = register{port: 7, timeout: initialTimeout}
	one   = register{port: 7, timeout: 1}
	two   = register{port: 7, timeout: 2}
)

// Each history is judged by all checks of registers, as a run is.
func TestRegisterChecks(t *testing.T) {
	begun := asked(0, 0, 10, monitor, 7, done)
	tests := []struct {
		name   string
		calls  []call
		events []event
		// linear, outcome and order are what the three checks say.
		linear, outcome, order string
	}{
		{
			name: "a good history",
			calls: []call{
				begun, asked(0, 20, 30, set, 1, done), asked(1, 25, 40, set, 2, done),
				saw(2, 35, 50, two, true), saw(1, 45, 50, two, true), saw(3, 41, 55, one, false), saw(3, 60, 70, two, false),
				asked(2, 60, 70, monitor, 8, exists), asked(2, 80, 90, remove, 0, done), asked(2, 95, 99, set, 3, missing),
				saw(1, 100, 110, register{}, true), saw(3, 120, 130, two, false),
			},
			events: journal(monitored, setTo("1"), setTo("2"), removed),
		},
		{
			name:    "an acknowledged change is lost",
			calls:   []call{begun, asked(0, 20, 30, set, 1, done), saw(1, 40, 50, fresh, true)},
			events:  journal(monitored),
			linear:  "m is not linearizable",
			outcome: "lost: 20ms–30ms client 0 at node 0: set m 1",
		},
		{
			name:   "a change is undone",
			calls:  []call{begun, asked(0, 20, 30, set, 1, done), saw(1, 40, 50, one, true), saw(1, 60, 70, fresh, true)},
			events: journal(monitored, setTo("1")),
			linear: "m is not linearizable", order: "went back",
		},
		{
			name:   "a strong look-up is old",
			calls:  []call{begun, asked(0, 20, 30, set, 1, done), saw(1, 40, 50, fresh, true)},
			events: journal(monitored, setTo("1")),
			linear: "m is not linearizable", order: "went back",
		},
		{
			name:   "another look-up may be old",
			calls:  []call{begun, asked(0, 20, 30, set, 1, done), saw(1, 40, 50, fresh, false)},
			events: journal(monitored, setTo("1")),
		},
		{
			name:   "but not on the node that acknowledged",
			calls:  []call{begun, asked(1, 20, 30, set, 1, done), saw(1, 40, 50, fresh, false)},
			events: journal(monitored, setTo("1")),
			order:  "went back",
		},
		{
			name:   "nor older than the node has said before",
			calls:  []call{begun, asked(0, 20, 30, set, 1, done), saw(1, 40, 50, one, false), saw(1, 51, 60, fresh, false)},
			events: journal(monitored, setTo("1")),
			order:  "went back",
		},
		{
			name:   "look-ups at the same time may cross",
			calls:  []call{begun, asked(0, 20, 80, set, 1, done), saw(1, 40, 50, one, true), saw(1, 45, 60, fresh, true)},
			events: journal(monitored, setTo("1")),
		},
		{
			name:    "a refused change happens",
			calls:   []call{begun, asked(0, 20, 30, set, 1, refused), saw(1, 40, 50, one, true)},
			events:  journal(monitored, setTo("1")),
			linear:  "m is not linearizable",
			outcome: "refused, and yet it happened",
		},
		{
			name:   "an unknown change happens late",
			calls:  []call{begun, asked(0, 20, 0, set, 1, unknown), saw(1, 40, 50, fresh, true), saw(1, 60, 70, one, true)},
			events: journal(monitored, setTo("1")),
		},
		{
			name:   "an unknown change happens twice",
			calls:  []call{begun, asked(0, 20, 0, set, 1, unknown), asked(0, 30, 40, set, 2, done), saw(1, 50, 55, one, true), saw(1, 60, 70, two, true), saw(1, 80, 90, one, true)},
			events: journal(monitored, setTo("1"), setTo("2"), setTo("1")),
			linear: "m is not linearizable", order: "went back",
		},
		{
			name:   "an unknown change never happens",
			calls:  []call{begun, asked(0, 20, 0, remove, 0, unknown), asked(0, 30, 0, set, 1, unknown), saw(1, 60, 70, fresh, true)},
			events: journal(monitored),
		},
		{
			name:    "nobody wrote that",
			calls:   []call{begun, saw(1, 60, 70, two, true)},
			events:  journal(monitored),
			linear:  "m is not linearizable",
			outcome: "never was",
		},
		{
			name:   "a master is added over another",
			calls:  []call{begun, asked(1, 20, 30, monitor, 8, done)},
			events: journal(monitored, "+monitor master m 127.0.0.1 8 quorum 9"),
			linear: "m is not linearizable",
		},
		{
			name:    "a removed master is there",
			calls:   []call{begun, asked(1, 20, 30, remove, 0, done), asked(1, 40, 50, set, 1, done)},
			events:  journal(monitored, removed),
			linear:  "m is not linearizable",
			outcome: "lost",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := readVersions(test.events)
			if err != nil {
				t.Fatal(err)
			}
			complains(t, checkLinear(test.calls), test.linear)
			complains(t, checkOutcomes(test.calls, v), test.outcome)
			complains(t, checkNeverBack(test.calls, v), test.order)
		})
	}
}

func TestFindShowsThePort(t *testing.T) {
	c := saw(1, 40, 50, register{port: 7}, true)
	c.verb = find
	complains(t, checkLinear([]call{asked(0, 0, 10, monitor, 7, done), c}), "")
	c.seen.port = 8
	complains(t, checkLinear([]call{asked(0, 0, 10, monitor, 7, done), c}), "not linearizable")
}

func TestReadLife(t *testing.T) {
	l := readLife(2, 1, "id", `{"level":"WARN","msg":"+monitor","payload":"master m 127.0.0.1 7 quorum 9","event":1}
{"level":"INFO","msg":"+sdown","payload":"master m 127.0.0.1 7"}
{"level":"INFO","msg":"ordering","server":"10.0.0.2:1","follow":"nobody (be a master)","claim":{"epoch":3,"number":2}}
{"level":"INFO","msg":"carrying out the failover","epoch":3,"claim":2,"master":"mymaster"}
{"level":"INFO","msg":"ordering","server":"10.0.0.3:1","follow":"10.0.0.2:1","claim":{"epoch":3,"number":2}}
panic: something
{"level":"INFO","msg":"+set","payload":"master m 127.0.0.1 7 failover-timeout 5","event":2}
{"level":"INFO","msg":"+set","payl`)
	if want := journal(monitored, setTo("5")); len(l.events) != 2 || l.events[0] != want[0] || l.events[1] != want[1] {
		t.Errorf("events %v, want %v", l.events, want)
	}
	if len(l.last) != 1 || l.last[0] != "panic: something\n" {
		t.Errorf("beside the log it wrote %q", l.last)
	}
	complains(t, checkLogs([]life{{}, l}), "node 2, process 1 wrote:\npanic: something")
	complains(t, checkLogs([]life{{}}), "")
	if len(l.promotions) != 1 || l.promotions[0] != (promotion{3, "10.0.0.2:1"}) {
		t.Errorf("promotions %v", l.promotions)
	}
}

func TestNumberChecks(t *testing.T) {
	all := journal(monitored, setTo("1"), setTo("2"), "+sentinel sentinel id1 10.0.0.1 1 @ m 127.0.0.1 7", removed)
	other := journal(monitored, setTo("4"))
	tests := []struct {
		name  string
		lives [][]event
		want  string
	}{
		{"parts that overlap", [][]event{all[:3], all[1:4], all[4:]}, ""},
		{"a process after another", [][]event{all[:2], all[3:]}, ""},
		{"a node that does not greet itself", [][]event{all, {all[2], all[4]}}, ""},
		{"one that greets nobody", [][]event{{all[2], all[4]}, all}, "next to"},
		{"what nobody published", [][]event{{all[2], all[4]}}, "next to"},
		{"an introduction that nobody published", [][]event{{all[0], all[2]}}, ""},
		{"more than one can be", [][]event{{all[0], all[3]}}, "next to"},
		{"a gap", [][]event{all, {all[0], all[1], all[3]}}, "next to"},
		{"another order", [][]event{all, {all[0], all[2], all[1]}}, "next to"},
		{"one twice", [][]event{all, {all[0], all[0]}}, "next to"},
		{"one number for two", [][]event{all, other}, "number given twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var lives []life
			for i, events := range test.lives {
				lives = append(lives, life{node: i, self: fmt.Sprintf("id%d", i), events: events})
			}
			merged, faults := checkNumbers(lives)
			complains(t, faults, test.want)
			if !slices.IsSortedFunc(merged, func(a, b event) int { return int(a.number) - int(b.number) }) {
				t.Errorf("merged to %v", merged)
			}
		})
	}
}

func TestUnpublished(t *testing.T) {
	all := journal(monitored, "+sentinel sentinel id1 10.0.0.1 1 @ m 127.0.0.1 7", setTo("1"), setTo("2"), setTo("3"))
	tests := []struct {
		published []event
		want      int
	}{
		{all, 0},
		{[]event{all[0], all[2], all[3]}, 0},
		{[]event{all[0], all[3]}, 2},
		{[]event{all[2], all[4]}, 1},
		{nil, 0},
	}
	for _, test := range tests {
		if got := unpublished(test.published); got != test.want {
			t.Errorf("%v: %d unpublished, want %d", test.published, got, test.want)
		}
	}
}

func TestStreamCheck(t *testing.T) {
	all := append(journal(monitored, setTo("1"), setTo("2"), "repair-end x", setTo("3")), event{6, "+odown", "x"}, event{7, "+odown", "x"}, event{8, "-odown", "x"},
		event{9, "+sentinel", "sentinel id1 10.0.0.1 1 @ m 127.0.0.1 7"}, event{10, "+sentinel", "sentinel id2 10.0.0.2 1 @ m 127.0.0.1 7"})
	say := func(lines ...string) stream {
		s := stream{node: 1, self: "id1"}
		for _, e := range journal(lines...) {
			s.messages = append(s.messages, message{e.name, e.payload})
		}
		return s
	}
	tests := []struct {
		name string
		s    stream
		want string
	}{
		{"nothing", say(), ""},
		{"a part, over a note", say(setTo("2"), setTo("3")), ""},
		{"its own introduction", say("-odown x", "+sentinel sentinel id1 10.0.0.1 1 @ m 127.0.0.1 7"), "which does not follow"},
		{"another's introduction", say("-odown x", "+sentinel sentinel id2 10.0.0.2 1 @ m 127.0.0.1 7"), ""},
		{"local ones between", say("+sdown a", setTo("1"), "-sdown a", setTo("2")), ""},
		{"the same words twice", say("+odown x", "+odown x", "-odown x"), ""},
		{"the second of two alike", say("+odown x", "-odown x"), ""},
		{"a gap", say(monitored, setTo("2")), "which does not follow"},
		{"another order", say(setTo("2"), setTo("1")), "which does not follow"},
		{"one twice", say(setTo("1"), setTo("1")), "which does not follow"},
		{"a note", say(setTo("2"), "repair-end x"), "which does not follow"},
		{"something else", say(setTo("9")), "which does not follow"},
		{"more than there was", say("-odown x", "+odown x"), "which does not follow"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { complains(t, checkStream(all, test.s), test.want) })
	}
}

func TestPromotionChecks(t *testing.T) {
	const (
		first    = "+new-epoch 1"
		promoted = "+promoted-slave slave 10.0.0.2:1 10.0.0.2 1 @ g 10.0.0.1 1"
		other    = "+promoted-slave slave 10.0.0.3:1 10.0.0.3 1 @ g 10.0.0.1 1"
		switched = "+switch-master g 10.0.0.1 1 10.0.0.2 1"
	)
	tests := []struct {
		name   string
		events []event
		want   string
	}{
		{"two failovers", journal(first, promoted, switched, "+new-epoch 2",
			"+promoted-slave slave 10.0.0.1:1 10.0.0.1 1 @ g 10.0.0.2 1", "+switch-master g 10.0.0.2 1 10.0.0.1 1"), ""},
		{"one that came to nothing", journal(first, "+new-epoch 2", promoted, switched), ""},
		{"two promotions", journal(first, promoted, switched, other, "+switch-master g 10.0.0.2 1 10.0.0.3 1"), "epoch 1 has"},
		{"the same promotion again", journal(first, promoted, switched, promoted, switched), "epoch 1 has"},
		{"a switch to another than the promoted", journal(first, other, switched), "epoch 1 has"},
		{"an epoch goes back", journal(first, "+new-epoch 3", "+new-epoch 2"), "after epoch 3 comes"},
		{"an epoch is given twice", journal(first, first), "after epoch 1 comes"},
		{"a stranger fails over", journal(first, "+promoted-slave slave 10.0.0.2:1 10.0.0.2 1 @ h 10.0.0.1 1"), "another group than g"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { complains(t, checkPromotions(test.events, nil, "g"), test.want) })
	}
}

func TestOrderedChecks(t *testing.T) {
	lives := []life{{promotions: []promotion{{1, "a"}, {1, "a"}, {2, "b"}}}, {node: 1, promotions: []promotion{{1, "a"}}}}
	complains(t, checkPromotions(nil, lives, "g"), "")
	lives[1].promotions = append(lives[1].promotions, promotion{2, "c"})
	complains(t, checkPromotions(nil, lives, "g"), "in epoch 2, node 1")
}

func TestSightChecks(t *testing.T) {
	all := journal("+switch-master g a 1 b 1", "+switch-master g b 1 a 1", "+switch-master g a 1 c 1")
	at := func(node, begin int, master string, epoch uint64, strong bool) sight {
		return sight{node: node, begin: ms(begin), end: ms(begin + 5), master: master, epoch: epoch, strong: strong}
	}
	tests := []struct {
		name   string
		sights []sight
		want   string
	}{
		{"two nodes, one behind", []sight{at(0, 0, "a:1", 0, false), at(0, 10, "b:1", 1, false), at(1, 20, "a:1", 0, false), at(1, 30, "b:1", 1, false), at(0, 40, "a:1", 2, false)}, ""},
		{"back to an earlier epoch", []sight{at(0, 0, "a:1", 0, false), at(0, 10, "c:1", 3, false), at(0, 20, "b:1", 1, false)}, "went back"},
		{"one epoch with two masters", []sight{at(0, 0, "a:1", 0, false), at(0, 10, "b:1", 1, false), at(1, 10, "c:1", 1, false)}, "one epoch, two masters"},
		{"a strong look-up behind another", []sight{at(0, 0, "a:1", 0, true), at(0, 10, "b:1", 1, true), at(1, 20, "a:1", 0, true)}, "went back"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { complains(t, checkSights(test.sights, all), test.want) })
	}
}
