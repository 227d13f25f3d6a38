package metrics

import (
	_ "github.com/prometheus/client_golang/prometheus"
	_ "redis-failover/commands"
	_ "redis-failover/server/web" // want "server/metrics imports server/web"
)
