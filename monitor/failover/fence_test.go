package failover_test

import (
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// log is a document that a test changes by mutations.
type log struct {
	t   *testing.T
	doc *state.State
	seq uint64
}

func newLog(t *testing.T) *log {
	l := &log{t: t, doc: state.New()}
	for _, id := range []state.MemberID{"a", "b"} {
		l.apply(state.OpMember{Member: state.Member{ID: id, Alive: true}})
	}
	l.monitor()
	return l
}

func (l *log) apply(op state.Op) state.Outcome {
	l.t.Helper()
	l.seq++
	var outcome state.Outcome
	l.doc, outcome = state.Apply(l.doc, l.doc.Index+1, state.Mutation{ID: state.MutationID{Member: "test", Seq: l.seq}, Op: op})
	if outcome.Refused() {
		l.t.Fatalf("%s is refused: %s", state.Kind(op), outcome.Detail)
	}
	return outcome
}

func (l *log) monitor() {
	l.apply(state.OpMonitor{Name: "m", Addr: master, Quorum: 1, Settings: state.DefaultSettings(), Replicas: []state.Addr{first, second}})
}

func (l *log) master() *state.Master {
	m, ok := l.doc.Master("m")
	if !ok {
		l.t.Fatal("no master m")
	}
	return m
}

func (l *log) begin() state.Claim {
	return l.apply(state.OpBegin{Name: "m", Generation: l.master().Generation, Kind: state.Manual, Member: "a", After: l.master().LastAttempt}).Claim
}

func (l *log) repair(a state.Addr) uint64 {
	return l.apply(state.OpRepair{Name: "m", Generation: l.master().Generation, Addr: a, Kind: state.RepairFix, Member: "a"}).Number
}

var (
	master = state.Addr{Host: "10.0.0.1", Port: 6379}
	first  = state.Addr{Host: "10.0.0.2", Port: 6379}
	second = state.Addr{Host: "10.0.0.3", Port: 6379}
)

func TestFenceOfFailover(t *testing.T) {
	tests := map[string]struct {
		now    failover.Moment
		change func(*log, state.Claim)
		holds  bool
	}{
		"nothing has changed":  {now: 99, holds: true},
		"the view is too old":  {now: 100},
		"a phase later":        {change: func(l *log, c state.Claim) { l.apply(state.OpSelect{Name: "m", Claim: c, Candidate: first}) }, holds: true},
		"taken over":           {change: func(l *log, c state.Claim) { l.apply(state.OpTakeOver{Name: "m", From: c, Member: "b"}) }},
		"taken over by itself": {change: func(l *log, c state.Claim) { l.apply(state.OpTakeOver{Name: "m", From: c, Member: "a"}) }},
		"aborted":              {change: func(l *log, c state.Claim) { l.apply(state.OpAbort{Name: "m", Claim: c, Event: state.NoteAborted}) }},
		"aborted and begun again": {change: func(l *log, c state.Claim) {
			l.apply(state.OpAbort{Name: "m", Claim: c, Event: state.NoteAborted})
			l.begin()
		}},
		"reset":                 {change: func(l *log, _ state.Claim) { l.apply(state.OpReset{Names: []string{"m"}}) }},
		"removed":               {change: func(l *log, _ state.Claim) { l.apply(state.OpRemove{Name: "m"}) }},
		"removed and monitored": {change: func(l *log, _ state.Claim) { l.apply(state.OpRemove{Name: "m"}); l.monitor() }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			claim := l.begin()
			fence := failover.Fence{Master: "m", Generation: l.master().Generation, Claim: claim, Addr: first, Until: 100}
			if test.change != nil {
				test.change(l, claim)
			}
			if holds := fence.Holds(test.now, l.doc); holds != test.holds {
				t.Errorf("holds: %t", holds)
			}
		})
	}
}

func TestFenceOfRepair(t *testing.T) {
	tests := map[string]struct {
		now    failover.Moment
		change func(*log, uint64)
		holds  bool
	}{
		"nothing has changed":     {now: 99, holds: true},
		"the view is too old":     {now: 100},
		"granted to somebody":     {change: func(l *log, _ uint64) { l.repair(first) }},
		"another replica's grant": {change: func(l *log, _ uint64) { l.repair(second) }, holds: true},
		"over":                    {change: func(l *log, n uint64) { l.apply(state.OpRepaired{Name: "m", Addr: first, Number: n, OK: true}) }},
		"a failover begins":       {change: func(l *log, _ uint64) { l.begin() }},
		"reset":                   {change: func(l *log, _ uint64) { l.apply(state.OpReset{Names: []string{"m"}}) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLog(t)
			number := l.repair(first)
			fence := failover.Fence{Master: "m", Generation: l.master().Generation, Repair: number, Addr: first, Until: 100}
			if test.change != nil {
				test.change(l, number)
			}
			if holds := fence.Holds(test.now, l.doc); holds != test.holds {
				t.Errorf("holds: %t", holds)
			}
		})
	}
}

func TestPauseDetector(t *testing.T) {
	const ms = failover.Moment(time.Millisecond)
	var p failover.PauseDetector
	for i, tick := range []struct {
		now   failover.Moment
		pause time.Duration
	}{
		{5000 * ms, 0}, // the first one has nothing before it
		{5100 * ms, 0},
		{5100 * ms, 0},
		{5299 * ms, 0},
		{5499 * ms, 200 * time.Millisecond},
		{5600 * ms, 0},
		{65600 * ms, time.Minute},
	} {
		if pause := p.Tick(tick.now); pause != tick.pause {
			t.Errorf("turn %d at %d ms: a pause of %s, should be %s", i, tick.now/ms, pause, tick.pause)
		}
	}
	if due := p.Due(1000*ms, 5000*ms); due != 1100*ms {
		t.Errorf("due at %d ms, a pause would go unnoticed", due/ms)
	}
	if due := p.Due(1000*ms, 1050*ms); due != 1050*ms {
		t.Errorf("due at %d ms, should be as asked for", due/ms)
	}
}
