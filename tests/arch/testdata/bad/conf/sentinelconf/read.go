package sentinelconf

import (
	_ "redis-failover/conf/fault"
	_ "redis-failover/monitor" // want "conf/sentinelconf imports monitor"
)
