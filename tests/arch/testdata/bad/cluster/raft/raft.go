package raft

import (
	_ "github.com/lni/dragonboat/v4"
	"log/slog"
	_ "redis-failover/cluster"
	_ "redis-failover/monitor" // want "cluster/raft imports monitor"
)

func Logger() *slog.Logger { return slog.Default() } // want "use of log/slog.Default"
