package zk

import (
	"log/slog"
	_ "github.com/go-zookeeper/zk"
	_ "redis-failover/cluster"
	_ "redis-failover/monitor" // want "cluster/zk imports monitor"
)

func Logger() *slog.Logger { return slog.Default() } // want "use of log/slog.Default"
