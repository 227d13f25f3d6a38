package scripts

import (
	"slices"
	"syscall"
	"time"
)

// The limits are Sentinel's.
const (
	// maxRunning is how many scripts run at the same time.
	maxRunning = 16
	// maxNotifications is how many runs of notification scripts are kept,
	// those that run included.
	maxNotifications = 256
	// maxAttempts is how often a script is tried in all.
	maxAttempts = 10
)

const (
	// maxSwitches bounds what waits for one master whose client-reconfig-script
	// does not end. Sentinel counts these runs among the 256, and then drops
	// them when a rack with more masters than that is lost.
	maxSwitches = 16
	// startPause lies between two tries to start a process while the system has
	// no room for one. Sentinel tries ten times a second.
	startPause = time.Second
)

// Times are the periods that Sentinel lets SENTINEL DEBUG change.
type Times struct {
	// MaxRuntime is how long a script may run before it is killed.
	MaxRuntime time.Duration
	// RetryDelay lies between the first attempt and the second; each further
	// delay is twice the one before.
	RetryDelay time.Duration
}

// SentinelTimes are those of a Sentinel that was told nothing else.
func SentinelTimes() Times {
	return Times{MaxRuntime: time.Minute, RetryDelay: 30 * time.Second}
}

// retryDelay is the pause after that many attempts, counted from 1.
func (t Times) retryDelay(attempts int) time.Duration { return t.RetryDelay << (attempts - 1) }

// job is one script to be run with certain arguments until it succeeds or is
// given up.
type job struct {
	argv   []string
	master string
	// reconfig: it is a client-reconfig-script, whose runs for one master are
	// not to overtake each other.
	reconfig bool

	// attempts counts those that were begun, the present one included.
	attempts int
	// notBefore is when a job that waits may be tried; zero: at once.
	notBefore time.Time
	running   bool
	started   time.Time
	pid       int
	// killed: its time was over and it was told to end.
	killed bool
}

// setting is the option of SENTINEL SET that names the script.
func (j *job) setting() string {
	if j.reconfig {
		return settingReconfig
	}
	return settingNotification
}

// ending is how a process ended: by a signal, or by itself with an exit code.
type ending struct {
	signal syscall.Signal
	code   int
}

// again reports whether the script asked to be tried again, as it does by
// exiting with 1 and by dying.
func (e ending) again() bool { return e.signal != 0 || e.code == 1 }

func (e ending) good() bool { return e.signal == 0 && e.code == 0 }

// verdict is what becomes of a job when its process has ended.
type verdict int8

const (
	// done: it succeeded.
	done verdict = iota
	// retry: it waits for another attempt.
	retry
	// failed: it is given up.
	failed
	// superseded: it is given up because a later switch of the same master
	// waits. To bring clients to the earlier address after that would undo it.
	superseded
)

// queue holds the jobs that run and those that wait, oldest first. It decides
// what is started, tried again and given up; the time is an argument.
type queue struct {
	jobs    []*job
	running int
}

// add puts a job at the end and returns those that had to make room.
func (q *queue) add(j *job) (dropped []*job) {
	if j.reconfig {
		dropped = append(dropped, q.retriesOf(j.master)...)
	}
	q.jobs = append(q.jobs, j)
	alike, limit := q.like(j)
	for _, old := range alike[:max(0, len(alike)-1)] {
		if len(alike)-len(dropped) <= limit {
			break
		}
		if !old.running && !slices.Contains(dropped, old) {
			dropped = append(dropped, old)
		}
	}
	q.jobs = slices.DeleteFunc(q.jobs, func(k *job) bool { return slices.Contains(dropped, k) })
	return dropped
}

// retriesOf are the earlier switches of a master that wait for another attempt.
func (q *queue) retriesOf(master string) []*job {
	var retries []*job
	for _, j := range q.jobs {
		if j.reconfig && j.master == master && !j.running && j.attempts > 0 {
			retries = append(retries, j)
		}
	}
	return retries
}

// like returns the jobs that share a limit with one, and the limit.
func (q *queue) like(j *job) ([]*job, int) {
	limit := maxNotifications
	if j.reconfig {
		limit = maxSwitches
	}
	var alike []*job
	for _, k := range q.jobs {
		if k.reconfig == j.reconfig && (!j.reconfig || k.master == j.master) {
			alike = append(alike, k)
		}
	}
	return alike, limit
}

// start marks the jobs that are to be started now as running and returns them.
// Clients that do not find the master come before people who want to know.
func (q *queue) start(now time.Time) []*job {
	var starts []*job
	ready := q.ready()
	for _, reconfig := range []bool{true, false} {
		for _, j := range ready {
			if j.reconfig != reconfig || q.running == maxRunning || now.Before(j.notBefore) {
				continue
			}
			j.running, j.started, j.killed, j.pid = true, now, false, 0
			j.attempts++
			q.running++
			starts = append(starts, j)
		}
	}
	return starts
}

// ready are the waiting jobs that no other one keeps from being started.
func (q *queue) ready() []*job {
	var ready []*job
	busy := map[string]bool{} // masters with an earlier switch that is not done
	for _, j := range q.jobs {
		if !j.running && (!j.reconfig || !busy[j.master]) {
			ready = append(ready, j)
		}
		if j.reconfig {
			busy[j.master] = true
		}
	}
	return ready
}

// unstarted takes back what start said of a job whose process did not come
// about. It is tried again soon, and that does not count as an attempt.
func (q *queue) unstarted(j *job, now time.Time) {
	q.rest(j, now.Add(startPause))
	j.attempts--
}

// remove takes out a job that runs.
func (q *queue) remove(j *job) {
	q.rest(j, time.Time{})
	q.jobs = slices.DeleteFunc(q.jobs, func(k *job) bool { return k == j })
}

func (q *queue) rest(j *job, until time.Time) {
	j.running, j.pid, j.notBefore = false, 0, until
	q.running--
}

// end says what becomes of a job whose process has ended.
func (q *queue) end(j *job, e ending, now time.Time, times Times) verdict {
	switch {
	case e.good():
		q.remove(j)
		return done
	case !e.again() || j.attempts >= maxAttempts:
		q.remove(j)
		return failed
	case j.reconfig && q.later(j):
		q.remove(j)
		return superseded
	}
	q.rest(j, now.Add(times.retryDelay(j.attempts)))
	return retry
}

// later reports whether a later switch of the same master waits.
func (q *queue) later(j *job) bool {
	i := slices.Index(q.jobs, j)
	return slices.ContainsFunc(q.jobs[i+1:], func(k *job) bool { return k.reconfig && k.master == j.master })
}

// overdue returns the jobs whose time is over since the last call.
func (q *queue) overdue(now time.Time, times Times) []*job {
	var overdue []*job
	for _, j := range q.jobs {
		if j.running && j.pid != 0 && !j.killed && now.Sub(j.started) >= times.MaxRuntime {
			j.killed = true
			overdue = append(overdue, j)
		}
	}
	return overdue
}

// wake is when there is something to do next if nothing happens until then, the
// zero time for never. It is asked after start and overdue.
func (q *queue) wake(times Times) time.Time {
	var next time.Time
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, j := range q.jobs {
		if j.running && !j.killed {
			earlier(j.started.Add(times.MaxRuntime))
		}
	}
	if q.running == maxRunning {
		return next // whoever ends makes room and wakes us
	}
	for _, j := range q.ready() {
		earlier(j.notBefore)
	}
	return next
}

// clear drops the jobs that wait and returns them.
func (q *queue) clear() []*job {
	var waiting []*job
	for _, j := range q.jobs {
		if !j.running {
			waiting = append(waiting, j)
		}
	}
	q.jobs = slices.DeleteFunc(q.jobs, func(j *job) bool { return !j.running })
	return waiting
}
