package certs

import (
	_ "redis-failover/cluster/state"
	_ "redis-failover/server" // want "certs imports server"
)
