package local

import _ "redis-failover/cluster/raft" // want "cluster/local imports cluster/raft"
