package failover

import (
	"cmp"
	"time"
)

// Timing holds the periods that a node goes by. All of them can be changed while
// it runs (SENTINEL DEBUG).
type Timing struct {
	// CheckInterval lies between two probes of a healthy server.
	CheckInterval time.Duration
	// InfoPeriod lies between two full INFOs; the replication section comes
	// with every probe.
	InfoPeriod time.Duration
	// ReconfLimit is when a replica that was ordered to follow the new master,
	// and does not, counts as done, so that the others get their turn; 0 is
	// Sentinel's slave-reconf-timeout of 10 s.
	ReconfLimit time.Duration
	// TiltTrigger is how long a pause of this process must be to be called
	// TILT; 0 is Sentinel's 2 s.
	TiltTrigger time.Duration
	// TiltPeriod is how long that is said at the most: it ends when all servers
	// have been asked anew, which takes two CheckIntervals. 0 is Sentinel's 30 s.
	TiltPeriod time.Duration
}

// WithDefaults returns t with the default for each period that is 0 and has one.
func (t Timing) WithDefaults() Timing {
	t.ReconfLimit = cmp.Or(t.ReconfLimit, 10*time.Second)
	t.TiltTrigger = cmp.Or(t.TiltTrigger, 2*time.Second)
	t.TiltPeriod = cmp.Or(t.TiltPeriod, 30*time.Second)
	return t
}
