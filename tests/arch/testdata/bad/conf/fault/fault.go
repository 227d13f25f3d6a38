package fault

import _ "redis-failover/conf" // want "conf/fault imports conf"
