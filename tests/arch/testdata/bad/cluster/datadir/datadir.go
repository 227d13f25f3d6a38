package datadir

import _ "redis-failover/cluster/state" // want "cluster/datadir imports cluster/state"
