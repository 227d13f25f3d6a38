package server

import (
	_ "unsafe" // want "import of unsafe"

	_ "github.com/getkin/kin-openapi/openapi3" // want "import of github.com/getkin/kin-openapi/openapi3"
	_ "github.com/gomodule/redigo/redis"       // want "import of github.com/gomodule/redigo/redis"
	_ "github.com/tidwall/redcon"
	_ "redis-failover/commands"
	_ "redis-failover/monitor" // want "server imports monitor"
)
