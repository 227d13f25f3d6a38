package scripts

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"redis-failover/cluster/state"
)

const (
	// stopGrace is how long scripts that run may go on when the server stops:
	// half of what container runtimes wait before they kill. A script that moves
	// an address should not be stopped in the middle.
	stopGrace = 5 * time.Second
	// stopLimit is how long the server waits after that for those that it has
	// killed. One that hangs in the kernel does not end.
	stopLimit = time.Second
	// lastWords is how long it waits for the output of scripts that have ended.
	// Children that they left behind may hold it open.
	lastWords = 100 * time.Millisecond
)

// Run starts scripts until ctx ends. Those that wait are dropped then, and those
// that run have five seconds left before they are killed. It may be called once.
func (r *Runner) Run(ctx context.Context) {
	var follower sync.WaitGroup
	follower.Go(func() { r.follow(ctx) })
	r.loop(ctx)
	r.stop(stopGrace)
	follower.Wait()
}

// loop starts and kills what is due.
func (r *Runner) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-r.bell:
		case <-timer.C:
		}
		if next := r.turn(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// turn does what is due and returns when the next thing will be.
func (r *Runner) turn() time.Time {
	r.killOverdue()
	r.mu.Lock()
	starts := r.queue.start(time.Now())
	r.mu.Unlock()
	for _, j := range starts {
		r.start(j)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue.wake(r.times)
}

func (r *Runner) killOverdue() {
	var payloads []string
	r.mu.Lock()
	for _, j := range r.queue.overdue(time.Now(), r.times) {
		kill(j.pid)
		payloads = append(payloads, fmt.Sprintf("%s %d", j.argv[0], j.pid))
	}
	r.mu.Unlock()
	for _, payload := range payloads {
		r.event(EventTimeout, payload)
	}
}

// start starts the process of a job that was marked as running.
func (r *Runner) start(j *job) {
	if !r.look(j.master, j.setting(), j.argv[0]) {
		r.mu.Lock()
		r.queue.remove(j)
		r.mu.Unlock()
		r.ring() // there is room for one that waits
		return
	}
	p, err := spawn(r.dir, j.argv)
	log := r.log.With("master", j.master, "script", j.argv[0])
	switch {
	case err == nil:
		r.attend(j, p, log.With("pid", p.pid()))
	case momentary(err):
		log.Warn("a script could not be started now and soon will be tried again", "error", err)
		r.mu.Lock()
		r.queue.unstarted(j, time.Now())
		r.mu.Unlock()
		r.ring()
		r.failed(j, ending{signal: noStart})
	default:
		log.Warn("a script could not be started", "error", err)
		r.ended(j, ending{code: noExec}, log)
	}
}

// What Sentinel says of a script that did not come so far as to end: the signal
// when there was no process, the exit code of a process that was no script.
const (
	noStart = 99
	noExec  = 2
)

// attend follows a process to its end.
func (r *Runner) attend(j *job, p *process, log *slog.Logger) {
	r.mu.Lock()
	j.pid = p.pid()
	r.mu.Unlock()
	log.Debug("+script-child", "argv", j.argv)
	hush := context.AfterFunc(r.over, func() { _ = p.output.Close() }) // it was only read
	r.readers.Go(func() {
		logOutput(p.output, log)
		if hush() {
			_ = p.output.Close()
		}
	})
	r.running.Go(func() { r.ended(j, p.wait(), log) })
}

// ended takes the end of a process, or of what was to become one.
func (r *Runner) ended(j *job, e ending, log *slog.Logger) {
	log = log.With("exit_code", e.code, "signal", int(e.signal))
	log.Debug("-script-child")
	r.mu.Lock()
	attempt := j.attempts
	times := r.times
	verdict := r.queue.end(j, e, time.Now(), times)
	r.mu.Unlock()
	switch verdict {
	case retry:
		log.Warn("a script failed and will be tried again", "argv", j.argv, "attempt", attempt, "in", times.retryDelay(attempt))
	case superseded:
		log.Warn("a script failed and is not tried again, as the master has changed once more", "argv", j.argv)
	case failed:
		log.Warn("a script failed and is given up", "argv", j.argv, "attempts", attempt)
		r.failed(j, e)
	}
	r.ring()
}

func (r *Runner) failed(j *job, e ending) {
	r.event(EventError, fmt.Sprintf("%s %d %d", j.argv[0], int(e.signal), e.code))
}

func (r *Runner) event(name, payload string) {
	r.log.Warn(name, "payload", payload)
	r.publish(state.Event{At: wallNow(), Name: name, Level: state.Warning, Payload: payload})
}

// stop ends what there is, and returns when nothing of it is left but a process
// that cannot be killed.
func (r *Runner) stop(grace time.Duration) {
	r.dropWaiting()
	if !within(grace, &r.running) {
		r.killAll()
		within(stopLimit, &r.running)
	}
	r.dropWaiting() // those that wanted to be tried again
	within(lastWords, &r.readers)
	r.finish()
	r.readers.Wait()
}

func (r *Runner) dropWaiting() {
	r.mu.Lock()
	r.stopped = true
	waiting := r.queue.clear()
	r.mu.Unlock()
	for _, j := range waiting {
		r.log.Warn("the server stops, a script is not run", "master", j.master, "argv", j.argv, "attempts", j.attempts)
	}
}

func (r *Runner) killAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, j := range r.queue.jobs {
		if j.running && j.pid != 0 {
			r.log.Warn("the server stops, a script that still runs is killed", "master", j.master, "argv", j.argv, "pid", j.pid)
			kill(j.pid)
		}
	}
}

// within waits for a group, and reports whether it was done in time.
func within(limit time.Duration, group *sync.WaitGroup) bool {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
