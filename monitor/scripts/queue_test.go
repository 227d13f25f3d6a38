package scripts

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// noon is when the tests of the queue begin.
var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return noon.Add(d) }

func notify(name string) *job { return &job{argv: []string{name}} }

func switchOf(master, name string) *job {
	return &job{argv: []string{name}, master: master, reconfig: true}
}

// names are what distinguishes jobs.
func names(jobs []*job) string {
	var all []string
	for _, j := range jobs {
		all = append(all, j.argv[0])
	}
	return strings.Join(all, " ")
}

// filled is a queue with these jobs.
func filled(jobs ...*job) *queue {
	q := &queue{}
	for _, j := range jobs {
		q.add(j)
	}
	return q
}

var killed = ending{signal: syscall.SIGKILL}

func TestVerdict(t *testing.T) {
	tests := []struct {
		ending   ending
		attempts int
		want     verdict
		wait     time.Duration
	}{
		{ending{}, 1, done, 0},
		{ending{}, 10, done, 0},
		{ending{code: 1}, 1, retry, 30 * time.Second},
		{ending{code: 1}, 2, retry, time.Minute},
		{ending{code: 1}, 9, retry, 128 * time.Minute},
		{ending{code: 1}, 10, failed, 0},
		{killed, 1, retry, 30 * time.Second},
		{killed, 9, retry, 128 * time.Minute},
		{killed, 10, failed, 0},
		{ending{signal: syscall.SIGTERM}, 3, retry, 2 * time.Minute},
		{ending{code: 2}, 1, failed, 0},
		{ending{code: 255}, 1, failed, 0},
	}
	for _, test := range tests {
		for _, reconfig := range []bool{false, true} {
			j := &job{argv: []string{"x"}, reconfig: reconfig, attempts: test.attempts - 1}
			q := filled(j)
			q.start(noon)
			got := q.end(j, test.ending, noon, SentinelTimes())
			var wait time.Duration
			if next := q.wake(SentinelTimes()); !next.IsZero() {
				wait = next.Sub(noon)
			}
			if got != test.want || wait != test.wait || q.running != 0 || (len(q.jobs) == 1) != (got == retry) {
				t.Errorf("attempt %d ends with %+v: verdict %v, next after %v, %d running, %d left; want verdict %v, next after %v",
					test.attempts, test.ending, got, wait, q.running, len(q.jobs), test.want, test.wait)
			}
		}
	}
}

// A script that asks for it is tried ten times, and never before its time.
func TestTenAttempts(t *testing.T) {
	j := notify("x")
	q := filled(j)
	now, attempts := noon, 0
	for len(q.jobs) > 0 {
		if attempts > 0 && q.start(now.Add(-time.Nanosecond)) != nil {
			t.Fatalf("attempt %d is begun too early", attempts+1)
		}
		if got := q.start(now); len(got) != 1 {
			t.Fatalf("attempt %d is not begun at its time", attempts+1)
		}
		attempts++
		q.end(j, ending{code: 1}, now, SentinelTimes())
		now = q.wake(SentinelTimes())
	}
	if attempts != 10 {
		t.Errorf("%d attempts, want 10", attempts)
	}
}

func TestLimitOfRunning(t *testing.T) {
	q := &queue{}
	for i := range 20 {
		q.add(notify(fmt.Sprint(i)))
	}
	q.add(switchOf("m", "switch"))
	first := q.start(noon)
	if got, want := names(first), "switch 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14"; got != want {
		t.Errorf("started are %s; want %s", got, want)
	}
	if got := q.wake(SentinelTimes()); !got.Equal(after(time.Minute)) {
		t.Errorf("with all places taken the next thing to do is at %v, want the timeout", got)
	}
	q.end(first[3], ending{}, noon, SentinelTimes())
	if got := names(q.start(noon)); got != "15" {
		t.Errorf("with one place free started are %q, want 15", got)
	}
}

func TestLimitOfNotifications(t *testing.T) {
	q := &queue{}
	for i := range maxNotifications {
		if dropped := q.add(notify(fmt.Sprint(i))); dropped != nil {
			t.Fatalf("the %dth drops %s", i, names(dropped))
		}
	}
	q.start(noon) // 0 to 15
	if dropped := q.add(switchOf("m", "switch")); dropped != nil {
		t.Errorf("a switch drops %s", names(dropped))
	}
	if dropped := q.add(notify("more")); names(dropped) != "16" {
		t.Errorf("dropped is %q, want the oldest that waits, 16", names(dropped))
	}
	if len(q.jobs) != maxNotifications+1 || q.running != maxRunning {
		t.Errorf("%d jobs, %d running", len(q.jobs), q.running)
	}
}

func TestLimitOfSwitches(t *testing.T) {
	q := &queue{}
	for i := range maxSwitches {
		q.add(switchOf("m", fmt.Sprint(i)))
		q.add(switchOf("n", fmt.Sprint("n", i)))
	}
	q.start(noon)
	if dropped := q.add(switchOf("m", "more")); names(dropped) != "1" {
		t.Errorf("dropped is %q, want the oldest of the master that waits, 1", names(dropped))
	}
}

// Switches of one master run one after the other, those of others beside them.
func TestSwitchesInOrder(t *testing.T) {
	a, b, c, other := switchOf("m", "a"), switchOf("m", "b"), switchOf("m", "c"), switchOf("n", "other")
	q := filled(a, b, c, other)
	var order []string
	for now := noon; len(q.jobs) > 0; now = now.Add(time.Second) {
		started := q.start(now)
		order = append(order, names(started))
		for _, j := range started {
			q.end(j, ending{}, now, SentinelTimes())
		}
	}
	if got, want := strings.Join(order, ", "), "a other, b, c"; got != want {
		t.Errorf("order %q, want %q", got, want)
	}
}

// A switch that failed is not tried again when the master has changed once more.
func TestLaterSwitchSupersedes(t *testing.T) {
	t.Run("while it runs", func(t *testing.T) {
		a, b := switchOf("m", "a"), switchOf("m", "b")
		q := filled(a, switchOf("n", "other"))
		q.start(noon)
		q.add(b)
		if got := q.start(noon); got != nil {
			t.Errorf("%s runs beside a", names(got))
		}
		if got := q.end(a, ending{code: 1}, noon, SentinelTimes()); got != superseded {
			t.Errorf("verdict %v, want superseded", got)
		}
		if got := names(q.start(noon)); got != "b" {
			t.Errorf("started is %q, want b", got)
		}
	})
	t.Run("while it waits for another attempt", func(t *testing.T) {
		a, b := switchOf("m", "a"), switchOf("m", "b")
		q := filled(a)
		q.start(noon)
		q.end(a, ending{code: 1}, noon, SentinelTimes())
		if got := names(q.add(b)); got != "a" {
			t.Errorf("dropped is %q, want a", got)
		}
		if got := names(q.start(noon)); got != "b" {
			t.Errorf("started is %q, want b", got)
		}
	})
	t.Run("not of another master, nor a notification", func(t *testing.T) {
		a := switchOf("m", "a")
		q := filled(a)
		q.start(noon)
		q.end(a, ending{code: 1}, noon, SentinelTimes())
		for _, j := range []*job{switchOf("n", "b"), {argv: []string{"c"}, master: "m"}} {
			if got := q.add(j); got != nil {
				t.Errorf("dropped is %q", names(got))
			}
		}
	})
}

func TestOverdue(t *testing.T) {
	j := notify("x")
	q := filled(j)
	q.start(noon)
	j.pid = 7
	if got := q.wake(SentinelTimes()); !got.Equal(after(time.Minute)) {
		t.Errorf("the next thing to do is at %v, want a minute later", got)
	}
	if got := q.overdue(after(time.Minute-1), SentinelTimes()); got != nil {
		t.Errorf("overdue before its time is over")
	}
	if got := q.overdue(after(time.Minute), SentinelTimes()); !slices.Equal(got, []*job{j}) {
		t.Errorf("overdue is %q, want x", names(got))
	}
	if got := q.overdue(after(time.Hour), SentinelTimes()); got != nil || !q.wake(SentinelTimes()).IsZero() {
		t.Error("it is overdue twice")
	}
	// Killed, it is tried again, and has its whole time again.
	q.end(j, killed, after(time.Minute), SentinelTimes())
	q.start(after(time.Hour))
	j.pid = 8
	if got := q.wake(SentinelTimes()); !got.Equal(after(time.Hour + time.Minute)) {
		t.Errorf("the second attempt is overdue at %v", got)
	}
}

// What the system has no room for is tried again soon and loses no attempt.
func TestUnstarted(t *testing.T) {
	j := notify("x")
	q := filled(j)
	q.start(noon)
	q.unstarted(j, noon)
	if got := q.wake(SentinelTimes()); !got.Equal(after(startPause)) || j.attempts != 0 || q.running != 0 {
		t.Errorf("next try at %v, %d attempts, %d running", got, j.attempts, q.running)
	}
}

func TestClear(t *testing.T) {
	a, b := notify("a"), notify("b")
	q := filled(a)
	q.start(noon)
	q.add(b)
	if got := q.clear(); names(got) != "b" || names(q.jobs) != "a" {
		t.Errorf("cleared are %q, left are %q", names(got), names(q.jobs))
	}
}
