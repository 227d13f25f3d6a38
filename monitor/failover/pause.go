package failover

import "time"

const (
	// heartbeat is the longest time that the caller of Step sleeps.
	heartbeat = 100 * time.Millisecond
	// minPause is how much later than that it must wake for the process to
	// count as paused (SIGSTOP, a frozen or starved virtual machine).
	minPause = 100 * time.Millisecond
)

// PauseDetector recognises that the process did not run for a while. It reads
// the monotonic clock only, so steps of the wall clock do not exist for it.
// The zero value is ready. It is not safe for concurrent use.
type PauseDetector struct{ last Moment }

// Tick is called at each turn of the loop and returns the length of the pause
// that lies between this turn and the one before, 0 if there was none.
func (p *PauseDetector) Tick(now Moment) time.Duration {
	last := p.last
	p.last = now
	if last == 0 || now.Sub(last) < heartbeat+minPause {
		return 0
	}
	return now.Sub(last)
}

// Due bounds a wake-up so that pauses are noticed: the earlier of t and one
// heartbeat from now.
func (p *PauseDetector) Due(now, t Moment) Moment { return min(t, now.Add(heartbeat)) }
