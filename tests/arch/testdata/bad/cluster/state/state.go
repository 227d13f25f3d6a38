package state

import (
	_ "crypto/rand" // want "import of crypto/rand"
	clock "time"

	_ "redis-failover/cluster" // want "cluster/state imports cluster"
)

type Time int64

func Now() Time {
	go func() {}()          // want "go statement"
	clock.AfterFunc(0, nil) // want "use of time.AfterFunc"
	stamp := clock.Now      // want "use of time.Now"
	return Time(stamp().UnixMilli())
}

// A variable may be called as a package is.
func shadow(clock struct{ Now int }) int { return clock.Now }
