package raft

import (
	"log/slog"
	_ "github.com/lni/dragonboat/v4"
	_ "redis-failover/cluster"
	_ "redis-failover/monitor" // want "cluster/raft imports monitor"
)

func Logger() *slog.Logger { return slog.Default() } // want "use of log/slog.Default"
