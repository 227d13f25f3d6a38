package zk

import (
	_ "github.com/go-zookeeper/zk"
	"log/slog"
	_ "redis-failover/cluster"
	_ "redis-failover/monitor" // want "cluster/zk imports monitor"
)

func Logger() *slog.Logger { return slog.Default() } // want "use of log/slog.Default"
