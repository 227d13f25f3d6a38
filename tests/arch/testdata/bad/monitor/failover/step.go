package failover

import (
	"time"

	_ "redis-failover/cluster" // want "monitor/failover imports cluster"
	_ "redis-failover/cluster/state"
)

var lag time.Duration

func Step() time.Duration {
	lag++                          // want "variable lag is changed"
	return time.Since(time.Time{}) // want "use of time.Since"
}
