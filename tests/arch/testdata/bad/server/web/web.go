package web

import (
	_ "github.com/prometheus/client_golang/prometheus" // want "import of github.com/prometheus/client_golang/prometheus"
	_ "redis-failover/commands"
	_ "redis-failover/server" // want "server/web imports server"
)
