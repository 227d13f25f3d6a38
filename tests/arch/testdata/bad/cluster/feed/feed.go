package feed

import (
	_ "redis-failover/cluster/raft" // want "cluster/feed imports cluster/raft"
)
