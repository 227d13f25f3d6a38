package bench

import (
	"time"

	_ "redis-failover/tests/procs"
)

func wait() { time.Sleep(1) } // want "use of time.Sleep"
