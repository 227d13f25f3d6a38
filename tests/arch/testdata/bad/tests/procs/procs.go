package procs

import (
	"time"

	_ "github.com/gomodule/redigo/redis"
	_ "redis-failover/monitor"
)

func Wait() { time.Sleep(1) }
