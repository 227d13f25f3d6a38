package cluster

import _ "redis-failover/conf" // want "cluster imports conf"
