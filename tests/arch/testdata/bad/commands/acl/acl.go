package acl

import _ "redis-failover/cluster/state" // want "commands/acl imports cluster/state"
