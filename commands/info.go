package commands

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"redis-failover/cluster"
)

func infoCommand() *Command {
	return &Command{
		Name: "info", Arity: -1, Flags: Loading | Stale, Categories: []string{"dangerous"},
		Tips:  []string{"nondeterministic_output", "request_policy:all_shards", "response_policy:special"},
		Group: "server", Since: "1.0.0", Kind: Local,
		Syntax: "[section [section ...]]", Summary: "Returns what is known of this server, in lines of name:value.",
		Handler: info,
	}
}

// infoSections are the sections in the order in which they are printed,
// whatever the order they were asked for in.
var infoSections = []struct {
	name  string
	print func(*Context, *infoText)
}{
	{"Server", infoServer},
	{"Clients", infoClients},
	{"Stats", infoStats},
	{"CPU", infoCPU},
	{"Sentinel", infoSentinel},
	{"Document", infoDocument},
}

// info answers with a plain bulk in both protocols; data nodes send a verbatim
// string in RESP3, Sentinels do not.
func info(c *Context, args []string) Reply {
	all := len(args) == 0
	var wanted []string
	for _, word := range args {
		word = strings.ToLower(word)
		wanted = append(wanted, word)
		all = all || word == "default" || word == "all" || word == "everything"
	}
	var text infoText
	for _, section := range infoSections {
		if !all && !slices.Contains(wanted, strings.ToLower(section.name)) {
			continue
		}
		if text.Len() > 0 {
			text.WriteString("\r\n")
		}
		text.WriteString("# " + section.name + "\r\n")
		section.print(c, &text)
	}
	return Bulk(text.String())
}

// infoText collects lines of name:value.
type infoText struct{ strings.Builder }

func (t *infoText) line(name string, value any) { fmt.Fprintf(t, "%s:%v\r\n", name, value) }

func (t *infoText) zeros(names ...string) {
	for _, name := range names {
		t.line(name, 0)
	}
}

func infoServer(c *Context, t *infoText) {
	now := time.Now()
	up := int64(now.Sub(c.Node.Started).Seconds())
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	t.line("redis_version", RedisVersion)
	t.line("redis_failover_version", c.Node.Version)
	t.line("redis_git_sha1", "00000000")
	t.line("redis_git_dirty", 0)
	t.line("redis_build_id", 0)
	t.line("redis_mode", "sentinel")
	t.line("os", runtime.GOOS+" "+runtime.GOARCH)
	t.line("arch_bits", 32<<(^uint(0)>>63))
	t.line("monotonic_clock", "Go runtime")
	t.line("multiplexing_api", "Go runtime")
	t.line("atomicvar_api", "sync/atomic")
	t.line("gcc_version", "0.0.0")
	t.line("go_version", runtime.Version())
	t.line("process_id", os.Getpid())
	t.line("process_supervised", cmp.Or(c.Node.Supervised, "no"))
	t.line("run_id", c.Node.RunID)
	t.line("tcp_port", c.Host.Stats().Port)
	t.line("server_time_usec", now.UnixMicro())
	t.line("uptime_in_seconds", up)
	t.line("uptime_in_days", up/(24*60*60))
	t.line("hz", 10)
	t.line("configured_hz", 10)
	t.line("lru_clock", now.Unix()&(1<<24-1))
	t.line("executable", executable)
	t.line("config_file", c.Node.ConfigFile)
	t.line("io_threads_active", 0)
}

func infoClients(c *Context, t *infoText) {
	stats := c.Host.Stats()
	t.line("connected_clients", stats.Clients)
	t.line("cluster_connections", 0)
	t.line("maxclients", stats.MaxClients)
	t.line("client_recent_max_input_buffer", stats.MaxInput)
	t.line("client_recent_max_output_buffer", stats.MaxOutput)
	t.line("blocked_clients", 0)
	t.line("tracking_clients", 0)
	t.line("pubsub_clients", stats.Subscribers)
	t.line("clients_in_timeout_table", 0)
	t.line("total_watched_keys", 0)
	t.line("total_blocking_keys", 0)
	t.line("total_blocking_keys_on_nokey", 0)
}

// infoStats has all lines of Redis, because tools look for them by name; those
// about data, replication and forks are zero, as they are in a Sentinel.
func infoStats(c *Context, t *infoText) {
	stats := c.Host.Stats()
	t.line("total_connections_received", stats.Connections)
	t.line("total_commands_processed", stats.Commands)
	t.line("instantaneous_ops_per_sec", stats.CommandsPerSecond)
	t.line("total_net_input_bytes", stats.BytesIn)
	t.line("total_net_output_bytes", stats.BytesOut)
	t.zeros("total_net_repl_input_bytes", "total_net_repl_output_bytes")
	t.line("instantaneous_input_kbps", kibPerSecond(stats.BytesInPerSecond))
	t.line("instantaneous_output_kbps", kibPerSecond(stats.BytesOutPerSecond))
	t.line("instantaneous_input_repl_kbps", kibPerSecond(0))
	t.line("instantaneous_output_repl_kbps", kibPerSecond(0))
	t.line("rejected_connections", stats.Rejected)
	t.zeros("sync_full", "sync_partial_ok", "sync_partial_err", "expired_keys")
	t.line("expired_stale_perc", "0.00")
	t.zeros("expired_time_cap_reached_count", "expire_cycle_cpu_milliseconds", "evicted_keys", "evicted_clients",
		"total_eviction_exceeded_time", "current_eviction_exceeded_time", "keyspace_hits", "keyspace_misses")
	t.line("pubsub_channels", stats.Channels)
	t.line("pubsub_patterns", stats.Patterns)
	t.zeros("pubsubshard_channels", "latest_fork_usec", "total_forks", "migrate_cached_sockets",
		"slave_expires_tracked_keys", "active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits",
		"active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time", "tracking_total_keys",
		"tracking_total_items", "tracking_total_prefixes", "unexpected_error_replies")
	t.line("total_error_replies", stats.ErrorReplies)
	t.zeros("dump_payload_sanitizations")
	t.line("total_reads_processed", stats.Reads)
	t.line("total_writes_processed", stats.Writes)
	t.zeros("io_threaded_reads_processed", "io_threaded_writes_processed", "reply_buffer_shrinks", "reply_buffer_expands")
	users := c.Node.Users
	t.line("acl_access_denied_auth", users.logins.Load())
	t.line("acl_access_denied_cmd", users.commands.Load())
	t.zeros("acl_access_denied_key")
	t.line("acl_access_denied_channel", users.channels.Load())
	t.line("client_query_buffer_limit_disconnections", stats.BadQueries)
	t.line("client_output_buffer_limit_disconnections", stats.SlowClients)
	t.zeros("eventloop_cycles", "eventloop_duration_sum", "eventloop_duration_cmd_sum",
		"instantaneous_eventloop_cycles_per_sec", "instantaneous_eventloop_duration_usec")
}

func kibPerSecond(bytes int64) string { return fmt.Sprintf("%.2f", float64(bytes)/1024) }

// infoCPU says what the operating system counts for this process. Go runs on
// many threads: what Redis says of its main thread is the whole here.
func infoCPU(_ *Context, t *infoText) {
	var self, children syscall.Rusage
	// Neither call can fail with these constants and a valid pointer.
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &self)
	_ = syscall.Getrusage(syscall.RUSAGE_CHILDREN, &children)
	t.line("used_cpu_sys", cpuSeconds(self.Stime))
	t.line("used_cpu_user", cpuSeconds(self.Utime))
	t.line("used_cpu_sys_children", cpuSeconds(children.Stime))
	t.line("used_cpu_user_children", cpuSeconds(children.Utime))
	t.line("used_cpu_sys_main_thread", cpuSeconds(self.Stime))
	t.line("used_cpu_user_main_thread", cpuSeconds(self.Utime))
}

func cpuSeconds(t syscall.Timeval) string {
	return fmt.Sprintf("%.6f", time.Duration(t.Nano()).Seconds())
}

// infoSentinel has exactly Sentinel's lines in its order: tools read the
// master lines with fixed patterns.
func infoSentinel(c *Context, t *infoText) {
	s := c.state()
	tilt := c.Node.Watcher.TiltSeconds()
	t.line("sentinel_masters", s.Len())
	t.line("sentinel_tilt", bit(tilt >= 0))
	t.line("sentinel_tilt_since_seconds", tilt)
	running, scripts := c.countScripts()
	t.line("sentinel_running_scripts", running)
	t.line("sentinel_scripts_queue_length", scripts)
	t.line("sentinel_simulate_failure_flags", c.Node.Watcher.SimulatedFailures())
	i := 0
	for m := range s.Masters() {
		t.line(fmt.Sprintf("master%d", i), fmt.Sprintf("name=%s,status=%s,address=%s,slaves=%d,sentinels=%d",
			m.Name, c.observe(m).status(m), s.Shown(m, m.Addr), len(m.Replicas), len(c.othersWatching(m))+1))
		i++
	}
}

// infoDocument is ours: whether what this node says is agreed on at present. It
// stands apart from Sentinel's section, which tools know line by line.
func infoDocument(c *Context, t *infoText) {
	health := c.Node.Broker.Health()
	isolated := int64(-1)
	if d := c.Node.LookUps.IsolatedFor(); d >= 0 {
		isolated = int64(d.Seconds())
	}
	usable, voters := c.countMembers(health.Condition == cluster.Ready)
	t.line("document_condition", health.Condition)
	t.line("document_reason", oneLine(health.Reason))
	t.line("document_isolated_since_seconds", isolated)
	t.line("document_index", c.state().Index)
	t.line("document_members", voters)
	t.line("document_usable_members", usable)
	t.line("isolated_answers", word(c.Node.LookUps.options.IsolatedAnswers, "yes", "no"))
	t.line("linearizable_reads", word(c.Node.LookUps.options.Linearizable, "yes", "no"))
}

// oneLine is a text without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
