package brokertest

import (
	_ "redis-failover/cluster"
	_ "redis-failover/cluster/standalone" // want "cluster/brokertest imports cluster/standalone"
)
