package scripts

import (
	_ "redis-failover/cluster"
	_ "redis-failover/cluster/state"
	_ "redis-failover/server" // want "monitor/scripts imports server"
)
