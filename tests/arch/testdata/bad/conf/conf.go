package conf

import (
	_ "github.com/spf13/pflag"
	_ "github.com/spf13/viper"
	_ "github.com/tidwall/redcon" // want "import of github.com/tidwall/redcon"
	_ "redis-failover/cluster/state"
	_ "redis-failover/server" // want "conf imports server"
)

func init() {} // want "func init"
