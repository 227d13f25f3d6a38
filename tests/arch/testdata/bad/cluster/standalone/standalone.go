package standalone

import (
	"log/slog"
	_ "redis-failover/cluster"
	_ "redis-failover/monitor" // want "cluster/standalone imports monitor"
)

func Logger() *slog.Logger { return slog.Default() } // want "use of log/slog.Default"
