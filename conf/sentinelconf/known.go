package sentinelconf

import (
	"slices"
	"strings"
)

// redisDirective is what must be known of a directive of redis.conf to accept
// it: how many arguments it takes and whether they may be shown.
type redisDirective struct {
	// min and max number of arguments, max -1 for any.
	min, max int
	// secret: the arguments must not be shown.
	secret bool
}

// redisDirectives are all directives of Redis 7 and 8 and of Valkey 8, in lower
// case. A sentinel.conf may contain any of them, because Redis reads it with the
// parser of redis.conf, and files with a part shared by servers and sentinels
// exist.
var redisDirectives = knownRedisDirectives()

func knownRedisDirectives() map[string]redisDirective {
	known := make(map[string]redisDirective)
	for name := range strings.FieldsSeq(oneArgument) {
		known[name] = redisDirective{min: 1, max: 1}
	}
	for name := range strings.FieldsSeq(onePassword) {
		known[name] = redisDirective{min: 1, max: 1, secret: true}
	}
	for name := range strings.FieldsSeq(anyArguments) {
		known[name] = redisDirective{min: 1, max: -1}
	}
	known["bind"] = redisDirective{min: 1, max: 16}
	known["client-output-buffer-limit"] = redisDirective{min: 4, max: -1}
	known["include"] = redisDirective{min: 1, max: 1}
	known["oom-score-adj-values"] = redisDirective{min: 3, max: 3}
	known["rename-command"] = redisDirective{min: 2, max: 2}
	known["replicaof"] = redisDirective{min: 2, max: 2}
	known["slaveof"] = redisDirective{min: 2, max: 2}
	return known
}

// IsDirective reports whether name, in any case, begins a line that a
// sentinel.conf may contain.
func IsDirective(name string) bool {
	name = strings.ToLower(name)
	_, ok := redisDirectives[name]
	return ok || name == "sentinel"
}

// DirectiveNames returns the first words of all lines that a sentinel.conf may
// contain, sorted.
func DirectiveNames() []string {
	names := []string{"sentinel"}
	for name := range redisDirectives {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

const onePassword = `
masterauth primaryauth requirepass tls-client-key-file-pass tls-key-file-pass`

const anyArguments = `
latency-tracking-info-percentiles loadmodule save shutdown-on-sigint shutdown-on-sigterm user`

const oneArgument = `
acl-pubsub-default aclfile acllog-max-len active-defrag-cycle-max active-defrag-cycle-min
active-defrag-ignore-bytes active-defrag-max-scan-fields active-defrag-threshold-lower
active-defrag-threshold-upper active-expire-effort activedefrag activerehashing always-show-logo
aof-disable-auto-gc aof-load-truncated aof-rewrite-incremental-fsync aof-timestamp-enabled
aof-use-rdb-preamble aof_rewrite_cpulist aof-rewrite-cpulist appenddirname appendfilename
appendfsync appendonly auto-aof-rewrite-min-size auto-aof-rewrite-percentage availability-zone
bgsave_cpulist bgsave-cpulist bind-source-addr bio_cpulist bio-cpulist busy-reply-threshold
client-default-resp client-query-buffer-limit cluster-allow-pubsubshard-when-down
cluster-allow-reads-when-down cluster-allow-replica-migration cluster-announce-bus-port
cluster-announce-hostname cluster-announce-human-nodename cluster-announce-ip
cluster-announce-port cluster-announce-tls-port cluster-config-file cluster-enabled
cluster-link-sendbuf-limit cluster-migration-barrier cluster-node-timeout cluster-port
cluster-preferred-endpoint-type cluster-replica-no-failover cluster-replica-validity-factor
cluster-require-full-coverage cluster-slave-no-failover cluster-slave-validity-factor
cluster-slot-stats-enabled crash-log-enabled crash-memcheck-enabled daemonize databases
dbfilename dir disable-thp dual-channel-replication-enabled dynamic-hz enable-debug-command
enable-module-command enable-protected-configs extended-redis-compatibility
hash-max-listpack-entries hash-max-listpack-value hash-max-ziplist-entries
hash-max-ziplist-value hide-user-data-from-log hll-sparse-max-bytes hz ignore-warnings
io-threads io-threads-do-reads jemalloc-bg-thread key-load-delay latency-monitor-threshold
latency-tracking lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del
lazyfree-lazy-user-del lazyfree-lazy-user-flush lfu-decay-time lfu-log-factor
list-compress-depth list-max-listpack-size list-max-ziplist-entries list-max-ziplist-size
list-max-ziplist-value locale-collate logfile loglevel lua-enable-deprecated-api
lua-time-limit masteruser max-new-connections-per-cycle max-new-tls-connections-per-cycle
maxclients maxmemory maxmemory-clients maxmemory-eviction-tenacity maxmemory-policy
maxmemory-samples min-replicas-max-lag min-replicas-to-write min-slaves-max-lag
min-slaves-to-write no-appendfsync-on-rewrite notify-keyspace-events oom-score-adj pidfile
port primaryuser proc-title-template propagation-error-behavior protected-mode
proto-max-bulk-len rdb-del-sync-files rdb-key-save-delay rdb-save-incremental-fsync
rdbchecksum rdbcompression repl-backlog-size repl-backlog-ttl repl-disable-tcp-nodelay
repl-diskless-load repl-diskless-sync repl-diskless-sync-delay repl-diskless-sync-max-replicas
repl-ping-replica-period repl-ping-slave-period repl-timeout replica-announce-ip
replica-announce-port replica-announced replica-full-sync-buffer-limit
replica-ignore-disk-write-errors replica-ignore-maxmemory replica-lazy-flush replica-priority
replica-read-only replica-serve-stale-data sanitize-dump-payload server_cpulist server-cpulist
set-max-intset-entries set-max-listpack-entries set-max-listpack-value set-proc-title
shutdown-timeout slave-announce-ip slave-announce-port slave-ignore-maxmemory
slave-lazy-flush slave-priority slave-read-only slave-serve-stale-data
slowlog-log-slower-than slowlog-max-len socket-mark-id stop-writes-on-bgsave-error
stream-node-max-bytes stream-node-max-entries supervised syslog-enabled syslog-facility
syslog-ident tcp-backlog tcp-keepalive timeout tls-auth-clients tls-ca-cert-dir
tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites tls-client-cert-file
tls-client-key-file tls-cluster tls-dh-params-file tls-key-file tls-port
tls-prefer-server-ciphers tls-protocols tls-replication tls-session-cache-size
tls-session-cache-timeout tls-session-caching tracking-table-max-keys unixsocket
unixsocketgroup unixsocketperm use-exit-on-panic watchdog-period zset-max-listpack-entries
zset-max-listpack-value zset-max-ziplist-entries zset-max-ziplist-value`
