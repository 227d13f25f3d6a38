// Package conf is what a node is told by its command line, its environment and
// its configuration file, as typed values.
//
// A setting is taken from the strongest place that gives it:
//
//	flag          -check_interval 500, --check-interval=500
//	environment   REDIS_FAILOVER_CHECK_INTERVAL=500
//	file          check_interval = 500, or a directive of sentinel.conf
//	default       defaults.go
//
// settings.go is the one table of all that can be set; flags, variables, keys,
// the help text and the summary come from it. The file is a sentinel.conf
// (package sentinelconf), TOML or YAML, and it is never written.
//
// [Load] reports everything that is wrong, not only the first thing, as
// [Faults]; [Config.Validate] does the same for a Config made by a program. A
// fault says where the value came from, what it is, and what would be right.
//
// Libraries are a detail of this package: viper weighs the places against each
// other and reads TOML and YAML, pflag reads flags, and no type of theirs shows.
package conf
