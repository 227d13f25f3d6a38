package web

import (
	_ "redis-failover/commands"
	_ "redis-failover/server" // want "server/web imports server"
)
