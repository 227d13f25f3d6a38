package conf

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
	"redis-failover/conf/sentinelconf"
)

// file writes a configuration file and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustLoad loads a configuration that nothing is wrong with.
func mustLoad(t *testing.T, args []string, environ ...string) *Config {
	t.Helper()
	c, err := Load(args, environ)
	if err != nil {
		t.Fatalf("Load(%q, %q):\n%v", args, environ, err)
	}
	return c
}

// faultsOf loads a configuration that something is wrong with.
func faultsOf(t *testing.T, args []string, environ ...string) string {
	t.Helper()
	c, err := Load(args, environ)
	if c != nil && err != nil {
		t.Errorf("Load(%q) returned a Config with the error", args)
	}
	if err == nil {
		return ""
	}
	if faults := (Faults)(nil); !errors.As(err, &faults) {
		t.Errorf("Load(%q) returned a %T", args, err)
	}
	return err.Error()
}

func TestNothingGiven(t *testing.T) {
	got, want := mustLoad(t, nil), Default()
	got.given = nil
	if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	if err := want.Validate(); err != nil {
		t.Errorf("the default is not valid: %v", err)
	}
}

func TestFlagSpellings(t *testing.T) {
	for _, args := range [][]string{
		{"-raft_addr", "127.0.0.1:12000"}, {"--raft_addr", "127.0.0.1:12000"},
		{"-raft-addr", "127.0.0.1:12000"}, {"--raft-addr", "127.0.0.1:12000"},
		{"-raft_addr=127.0.0.1:12000"}, {"--raft-addr=127.0.0.1:12000"},
		{"-raft_addr", "127.0.0.1:1", "-raft-addr", "127.0.0.1:12000"},
	} {
		c := mustLoad(t, args)
		if c.Broker.Raft.Addr.Port != 12000 || c.Broker.Kind != RaftBroker {
			t.Errorf("%q: broker is %+v", args, c.Broker)
		}
	}
}

// The flags of the table, each with a value and what becomes of it.
func TestFlags(t *testing.T) {
	for _, tc := range []struct {
		args string
		want string
		got  func(c *Config) any
	}{
		{"-addr 127.0.0.1:11000", "[{tcp 127.0.0.1:11000 false}]", func(c *Config) any { return c.Server.Listen }},
		{"-addr [::1]:0", "[{tcp [::1]:0 false}]", func(c *Config) any { return c.Server.Listen }},
		{"-http_addr 127.0.0.1:8080", "127.0.0.1:8080", func(c *Config) any { return c.Server.HTTPAddr }},
		{"-http_hosts sentinel.example,b", "[sentinel.example b]", func(c *Config) any { return c.Server.HTTPHosts }},
		{"-http_addr off", HTTPOff, func(c *Config) any { return c.Server.HTTPAddr }},
		{"-announce_addr sentinel.example:26379", "sentinel.example:26379", func(c *Config) any { return c.Server.AnnounceAddr }},
		{"-masters_state new", "new", func(c *Config) any { return c.MastersState }},
		{"-masters_state=", "existing", func(c *Config) any { return c.MastersState }},
		{"-check_interval 250", "250ms", func(c *Config) any { return c.Monitor.CheckInterval }},
		{"-check_interval 0.5s", "500ms", func(c *Config) any { return c.Monitor.CheckInterval }},
		{"-max_down_time 5", "5s", func(c *Config) any { return c.NewMaster.DownAfter }},
		{"-max_down_time 0.2", "200ms", func(c *Config) any { return c.NewMaster.DownAfter }},
		{"-max_down_time 500ms", "500ms", func(c *Config) any { return c.NewMaster.DownAfter }},
		{"-max_down_time 0.0016", "2ms", func(c *Config) any { return c.NewMaster.DownAfter }},
		{"-quorum 2", "2", func(c *Config) any { return c.NewMaster.Quorum }},
		{"-isolated_answers no", "{false false}", func(c *Config) any { return c.LookUps }},
		{"-resolve_hostnames=TRUE -announce-hostnames no", "[resolve-hostnames yes announce-hostnames no]", func(c *Config) any { return c.Sentinel.Globals }},
		{"-isolated-answers=TRUE -linearizable-reads yes", "{true true}", func(c *Config) any { return c.LookUps }},
		{"-broker=", "standalone", func(c *Config) any { return c.Broker.Kind }},
		{"-data_dir /srv/x", "/srv/x", func(c *Config) any { return c.Broker.DataDir }},
		{"-raft_data_dir /srv/x", "/srv/x", func(c *Config) any { return c.Broker.DataDir }},
		{"-raft_addr a:1 -raft_cluster a:1,b:2,", "[a:1 b:2]", func(c *Config) any { return c.Broker.Raft.Cluster }},
		{"-raft_addr a:1 -raft_cluster b:1 -raft_cluster_state join", "join", func(c *Config) any { return c.Broker.Raft.State }},
		{"-raft_addr a:1 -raft_log_dir /log", "/log", func(c *Config) any { return c.Broker.Raft.LogDir }},
		{"-raft_addr a:1 -raft_listen :7000", ":7000", func(c *Config) any { return c.Broker.Raft.Listen }},
		{"-raft_addr a:1 -raft_rtt 10", "10ms", func(c *Config) any { return c.Broker.Raft.RTT }},
		{"-raft_addr a:1 -raft_secret_file /s", "/s", func(c *Config) any { return c.Broker.Raft.SecretFile }},
		{"-raft_addr a:1 -raft_tls_ca x -raft_tls_cert y -raft_tls_key z", "{x y z}", func(c *Config) any { return c.Broker.Raft.TLS }},
		{"-raft_addr a:1 -broker=", "raft", func(c *Config) any { return c.Broker.Kind }},
		{"-broker zk -zk_addr a:1,b:2 -zk_path /x", "{[a:1 b:2] /x   4s {  }}", func(c *Config) any { return c.Broker.ZK }},
		{"-broker zk -zk_addr a:1", "{[a:1] /zk/redis/failover   4s {  }}", func(c *Config) any { return c.Broker.ZK }},
		{"-broker zk -zk_addr a:1,[::1]:2/r/s/ -zk_auth_file /f", "{[a:1 [::1]:2] /zk/redis/failover /r/s /f 4s {  }}", func(c *Config) any { return c.Broker.ZK }},
		{"-broker zk -zk_addr a:1 -zk_session_timeout 2000 -zk_tls_ca x -zk_tls_cert y -zk_tls_key z", "{[a:1] /zk/redis/failover   2s {x y z}}", func(c *Config) any { return c.Broker.ZK }},
		{"-log_level warning", "WARN", func(c *Config) any { return c.Log.Level }},
		{"-log_level nothing", LevelNothing.String(), func(c *Config) any { return c.Log.Level }},
		{"-log_format json", "json", func(c *Config) any { return c.Log.Format }},
		{"-service_manager no", "no", func(c *Config) any { return c.Supervised }},
		{"-service_manager upstart", "no", func(c *Config) any { return c.Supervised }},
		{"-check", "true", func(c *Config) any { return c.Check }},
		{"-check=false", "false", func(c *Config) any { return c.Check }},
		{"--version", "true", func(c *Config) any { return c.Version }},
		{"-h", "true", func(c *Config) any { return c.Help }},
	} {
		if got := fmt.Sprint(tc.got(mustLoad(t, strings.Fields(tc.args)))); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.args, got, tc.want)
		}
	}
}

func TestMastersFlag(t *testing.T) {
	c := mustLoad(t, []string{"-masters", "127.0.0.1:6379, one=redis.example:6380,a=b=[::1]:6381", "-max_down_time", "2", "-quorum", "3"})
	var got []string
	for _, m := range c.Masters {
		got = append(got, m.Name+" "+m.Addr.String())
		if want := state.DefaultSettings(); m.Settings.DownAfter != 2*time.Second || m.Settings.FailoverTimeout != want.FailoverTimeout ||
			m.Quorum != 3 || !m.FromFlags || m.At.String() != "-masters" {
			t.Errorf("master is %+v", m)
		}
	}
	want := []string{"127.0.0.1:6379 127.0.0.1:6379", "one redis.example:6380", "a=b [::1]:6381"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The command lines that the older tool was used with.
func TestOlderCommandLines(t *testing.T) {
	for _, args := range []string{
		"-addr=127.0.0.1:11000 -masters=127.0.0.1:6379",
		"-addr=127.0.0.1:11000 -raft_addr=127.0.0.1:12000 -raft_data_dir=./var0 -raft_cluster=127.0.0.1:12000,127.0.0.1:12001,127.0.0.1:12002 -broker=raft -masters=127.0.0.1:6379",
		"-addr=127.0.0.1:11000 -zk_addr=127.0.0.1:2181 -zk_path=/zk/redis/failover -broker=zk",
		"-addr=127.0.0.1:11000 -check_interval=1000 -max_down_time=3 -masters_state=existing",
	} {
		c := mustLoad(t, strings.Fields(args))
		if c.Server.Listen[0].Addr != "127.0.0.1:11000" {
			t.Errorf("%s: listens on %+v", args, c.Server.Listen)
		}
	}
}

func TestStrength(t *testing.T) {
	toml := file(t, "f.toml", "check_interval = 100\nlog_level = \"error\"\n")
	sentinel := file(t, "s.conf", "port 7000\nloglevel debug\nsentinel announce-ip 10.0.0.1\ndir "+t.TempDir())
	env := []string{"REDIS_FAILOVER_CHECK_INTERVAL=200", "REDIS_FAILOVER_ADDR=:7001", "REDIS_FAILOVER_LOG_LEVEL=", "PATH=/bin"}
	for _, tc := range []struct {
		args    []string
		environ []string
		want    string
	}{
		{nil, nil, "1s :26379 INFO"},
		{[]string{toml}, nil, "100ms :26379 ERROR"},
		{[]string{toml}, env, "200ms :7001 ERROR"},
		{[]string{toml, "-check_interval=300"}, env, "300ms :7001 ERROR"},
		{[]string{sentinel}, nil, "1s :7000 DEBUG"},
		{[]string{sentinel}, env, "200ms :7001 DEBUG"},
		{[]string{"-addr=:7002", sentinel, "-log_level=warn"}, env, "200ms :7002 WARN"},
		{nil, append(slices.Clone(env), "REDIS_FAILOVER_CONFIG="+toml), "200ms :7001 ERROR"},
		{[]string{sentinel}, []string{"REDIS_FAILOVER_CONFIG=" + toml}, "1s :7000 DEBUG"},
	} {
		c := mustLoad(t, tc.args, tc.environ...)
		if got := fmt.Sprint(c.Monitor.CheckInterval, " ", c.Server.Listen[0].Addr, " ", c.Log.Level); got != tc.want {
			t.Errorf("%q %q: got %s, want %s", tc.args, tc.environ, got, tc.want)
		}
	}
	if c := mustLoad(t, []string{sentinel, "-announce_addr=a:1", "-data_dir=/d"}); c.Server.AnnounceAddr.Host != "a" || c.Broker.DataDir != "/d" {
		t.Errorf("flags lost against sentinel.conf: %+v", c)
	}
}

func TestHelpAndVersionLookAtNothingElse(t *testing.T) {
	for _, args := range [][]string{{"-help", "/nowhere", "-bogus", "-addr", "x"}, {"-addr=", "-version"}} {
		if c := mustLoad(t, args, "REDIS_FAILOVER_ADDR=x"); !c.Help && !c.Version {
			t.Errorf("%q: %+v", args, c)
		}
	}
}

func TestMistypedVariables(t *testing.T) {
	c := mustLoad(t, nil, "REDIS_FAILOVER_CHEK_INTERVAL=5", "REDIS_FAILOVER_PORT=tcp://10.0.0.1:26379",
		"REDIS_FAILOVER_SERVICE_HOST=10.0.0.1", "REDIS_FAILOVER_PORT_26379_TCP_ADDR=10.0.0.1", "REDIS_FAILOVER_CHECK=1",
		"REDIS_FAILOVER_addr=x")
	if len(c.Notices) != 3 || c.Notices[1].Text != "This variable is not read; -check is a flag only." || c.Notices[0].String() != "REDIS_FAILOVER_CHEK_INTERVAL: This variable is not read; did you mean REDIS_FAILOVER_CHECK_INTERVAL?" {
		t.Errorf("notices are %v", c.Notices)
	}
}

func TestSentinelFile(t *testing.T) {
	dir := t.TempDir()
	path := file(t, "sentinel.conf", `
port 7000
bind 127.0.0.1 -::1 * ::*
dir `+dir+`
logfile log.txt
loglevel verbose
requirepass hunter2
timeout 5
maxclients 6
client-output-buffer-limit pubsub 7mb 6mb 5
sentinel monitor mymaster 127.0.0.1 6379 2
sentinel known-replica mymaster 127.0.0.1 6380
sentinel config-epoch mymaster 4
sentinel current-epoch 8
sentinel myid bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
sentinel announce-port 7777
sentinel deny-scripts-reconfig no
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel sentinel-user u
sentinel sentinel-pass p
protected-mode yes
`)
	c := mustLoad(t, []string{path, "-masters", "two=127.0.0.1:6390", "-check_interval=50"})
	for _, tc := range []struct {
		got  any
		want string
	}{
		{c.Server.Listen, "[{tcp 127.0.0.1:7000 false} {tcp6 [::1]:7000 true} {tcp4 0.0.0.0:7000 false} {tcp6 [::]:7000 false}]"},
		{[]string{c.Broker.DataDir, c.Log.File, c.File}, fmt.Sprint([]string{dir + "/var", dir + "/log.txt", path})},
		{c.Log.Level, LevelVerbose.String()},
		{string(c.Server.RequirePass), "hunter2"},
		{[]any{c.Server.Timeout, c.Server.MaxClients, c.Server.PubSubLimit}, "[5s 6 {7340032 6291456 5s}]"},
		{c.Server.AnnounceAddr, ":7777"},
		{[]any{c.MyID, c.CurrentEpoch}, "[bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb 8]"},
		{fmt.Sprintf("%+v %s", c.Sentinel, c.Sentinel.Global(state.SentinelPass)), "{DenyScriptsReconfig:false Globals:[resolve-hostnames yes announce-hostnames yes sentinel-user u sentinel-pass ******] Dir:" + dir + "} p"},
		{c.Monitor.CheckInterval, "50ms"},
		{len(c.Masters), "2"},
		{c.Notices[0].Serious, "true"},
	} {
		if got := fmt.Sprint(tc.got); got != tc.want {
			t.Errorf("got %s, want %s", got, tc.want)
		}
	}
	if m := c.Masters[1]; m.FromFlags || m.Name != "mymaster" || m.Quorum != 2 || m.ConfigEpoch != 4 || m.At.Line != 11 ||
		m.Settings.DownAfter != state.DefaultDownAfter || fmt.Sprint(m.Replicas) != "[127.0.0.1:6380]" {
		t.Errorf("master is %+v", m)
	}
}

func TestDirectivesAsArguments(t *testing.T) {
	path := file(t, "sentinel.conf", "port 7000\n")
	c := mustLoad(t, []string{path, "--port", "7001", "--bind", "-::1", "127.0.0.1", "--sentinel", "monitor", "m", "127.0.0.1", "6379", "2",
		"--sentinel", "down-after-milliseconds", "m", "5", "-check_interval", "77", "--Loglevel=debug", "--requirepass", "a b", "--sentinel"})
	if got := fmt.Sprint(c.Server.Listen); got != "[{tcp6 [::1]:7001 true} {tcp 127.0.0.1:7001 false}]" {
		t.Errorf("listens on %s", got)
	}
	if len(c.Masters) != 1 || c.Masters[0].Settings.DownAfter != 5*time.Millisecond || c.Masters[0].At.String() != "--sentinel" {
		t.Errorf("masters are %+v", c.Masters)
	}
	if c.Monitor.CheckInterval != 77*time.Millisecond || c.Log.Level != slog.LevelDebug || c.Server.RequirePass != "a b" {
		t.Errorf("config is %+v", c)
	}
}

// A line may be one word, and a value may look like a line.
func TestUnusualArguments(t *testing.T) {
	path := file(t, "sentinel.conf", "port 7000\n")
	c := mustLoad(t, []string{path, "--port 7001", "--requirepass", "--x y", "--sentinel monitor 'm n' 127.0.0.1 6379 2", "--timeout", "5"})
	if c.Server.Listen[0].Addr != ":7001" || c.Server.RequirePass != "--x y" || c.Server.Timeout != 5*time.Second || len(c.Masters) != 1 || c.Masters[0].Name != "m n" {
		t.Errorf("config is %+v", c)
	}
	for _, args := range [][]string{{path, "--prot 7001"}, {path, "--port 7001", "7002", "7003"}, {path, "--port", "--prot", "1"}, {path, "--sentinel", "--prot", "1"}} {
		if got := faultsOf(t, args); got == "" {
			t.Errorf("%q is accepted", args)
		}
	}
}

// A word must mean a flag of ours or a directive of Redis, never both.
func TestNoFlagIsADirective(t *testing.T) {
	for _, name := range settings().flagNames() {
		if sentinelconf.IsDirective(name) || sentinelconf.IsDirective(strings.ReplaceAll(name, "_", "-")) {
			t.Errorf("-%s is a directive of redis.conf", name)
		}
	}
}

func TestFileFormats(t *testing.T) {
	const toml, yaml, sentinel = "# x\n\ncheck_interval = 77\n", "# x\n\ncheck_interval: 77\n", "# x\n\nloglevel debug\n"
	for _, tc := range []struct{ name, text, want string }{
		{"f.toml", toml, "77ms INFO"}, {"f.TOML", toml, "77ms INFO"}, {"f.conf", toml, "77ms INFO"}, {"f", toml, "77ms INFO"},
		{"f.yaml", yaml, "77ms INFO"}, {"f.yml", yaml, "77ms INFO"}, {"f.conf", yaml, "77ms INFO"}, {"f", "---\n" + yaml, "77ms INFO"},
		{"f.conf", "{check_interval: 77}", "77ms INFO"},
		{"f.conf", sentinel, "1s DEBUG"}, {"f", sentinel, "1s DEBUG"}, {"f.bak", sentinel, "1s DEBUG"},
		{"f", "", "1s INFO"}, {"f.toml", "", "1s INFO"}, {"f.yaml", "# nothing", "1s INFO"},
		{"f.conf", "[raft]\naddr = ''\n", "1s INFO"},
		{"f.toml", "\ufeff" + toml, "77ms INFO"}, {"f.conf", "\ufeff" + strings.ReplaceAll(toml, "\n", "\r\n"), "77ms INFO"},
		{"f.conf", "\ufeff" + strings.ReplaceAll(sentinel, "\n", "\r\n"), "1s DEBUG"},
		{"f.yaml", "\ufeff" + strings.ReplaceAll(yaml, "\n", "\r\n"), "77ms INFO"},
	} {
		c := mustLoad(t, []string{"-config", file(t, tc.name, tc.text)})
		if got := fmt.Sprint(c.Monitor.CheckInterval, " ", c.Log.Level); got != tc.want {
			t.Errorf("%s %q: got %s, want %s", tc.name, tc.text, got, tc.want)
		}
	}
}

// TestGlobals: settings of all nodes come from the strongest source that names them,
// and from none if none does.
func TestGlobals(t *testing.T) {
	conf := file(t, "sentinel.conf", "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\nsentinel sentinel-pass p\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "[]"},
		{[]string{conf}, "[resolve-hostnames yes announce-hostnames yes sentinel-pass ******]"},
		{[]string{conf, "-resolve_hostnames=no"}, "[resolve-hostnames no announce-hostnames yes sentinel-pass ******]"},
		{[]string{file(t, "f.toml", "announce_hostnames = true\n")}, "[announce-hostnames yes]"},
	} {
		config, err := Load(c.args, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(config.Sentinel.Globals); got != c.want {
			t.Errorf("%v: %s, want %s", c.args, got, c.want)
		}
	}
	if _, err := Load([]string{"-announce_hostnames=maybe"}, nil); err == nil || !strings.Contains(err.Error(), "Give yes or no.") {
		t.Errorf("maybe: %v", err)
	}
}

// How look-ups are answered can be said in every place; the stronger one wins.
func TestLookUpSettings(t *testing.T) {
	conf := file(t, "sentinel.conf", "sentinel isolated-answers no\nsentinel linearizable-reads yes\n")
	for _, tc := range []struct {
		args, environ []string
		want          LookUps
	}{
		{nil, nil, LookUps{IsolatedAnswers: true}},
		{[]string{conf}, nil, LookUps{Linearizable: true}},
		{[]string{conf, "-isolated_answers=yes", "-linearizable_reads=no"}, nil, LookUps{IsolatedAnswers: true}},
		{[]string{conf}, []string{"REDIS_FAILOVER_ISOLATED_ANSWERS=yes", "REDIS_FAILOVER_LINEARIZABLE_READS=no"}, LookUps{IsolatedAnswers: true}},
		{[]string{file(t, "f.toml", "isolated_answers = false\nlinearizable_reads = \"yes\"\n")}, nil, LookUps{Linearizable: true}},
		{[]string{file(t, "f.yaml", "isolated-answers: no\nlinearizable_reads: true\n")}, nil, LookUps{Linearizable: true}},
	} {
		if got := mustLoad(t, tc.args, tc.environ...).LookUps; got != tc.want {
			t.Errorf("%v %v: got %+v, want %+v", tc.args, tc.environ, got, tc.want)
		}
	}
	for args, want := range map[string]string{
		"":                        "answered, without a majority with what was last known",
		"-isolated_answers no":    "refused without a majority",
		"-linearizable_reads yes": "confirmed by a majority each, refused without one",
	} {
		if got := mustLoad(t, strings.Fields(args)).Summary(); !strings.Contains(got, want) {
			t.Errorf("%s: the summary does not say %q:\n%s", args, want, got)
		}
	}
}

// The file of the older tool, with both of its sections, in both formats.
func TestKeyedFiles(t *testing.T) {
	toml := file(t, "f.toml", `
addr = "127.0.0.1:11000"
masters = ["127.0.0.1:6379", "m=127.0.0.1:6380"]
Masters-State = "new"
check_interval = 1500.0
max_down_time = 0.5
broker = "raft"
raft_log_dir = "./log"
[raft]
addr = "127.0.0.1:12000"
data_dir = "./var0"
cluster = "127.0.0.1:12000,127.0.0.1:12001"
cluster_state = "new"
[zk]
addr = ["127.0.0.1:2181"]
base_dir = "/zk"
`)
	yaml := file(t, "f.yaml", `
addr: 127.0.0.1:11000
masters: 127.0.0.1:6379,m=127.0.0.1:6380
masters_state: new
check_interval: 1500
max_down_time: .5
broker: raft
raft: {addr: '127.0.0.1:12000', log_dir: ./log, cluster: ['127.0.0.1:12000', '127.0.0.1:12001'], cluster_state: new, data_dir: ./var0}
zk:
  addr:
  - 127.0.0.1:2181
  base_dir: /zk
`)
	for _, path := range []string{toml, yaml} {
		c := mustLoad(t, []string{path})
		got := fmt.Sprint(c.Server.Listen[0].Addr, c.mastersText(), c.MastersState, c.Monitor.CheckInterval, c.NewMaster.DownAfter, c.Broker)
		want := "127.0.0.1:11000127.0.0.1:6379,m=127.0.0.1:6380new1.5s500ms{raft ./var0 {127.0.0.1:12000[127.0.0.1:12000 127.0.0.1:12001]new./log50ms{}} {[127.0.0.1:2181] /zk4s{}}}"
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s:\ngot  %s\nwant %s", path, got, want)
		}
		if len(c.Notices) != 2 || !strings.HasSuffix(c.Notices[1].Text, "zk.base_dir has no effect with the broker raft.") {
			t.Errorf("%s: notices are %v", path, c.Notices)
		}
	}
}

func TestYAMLAliases(t *testing.T) {
	c := mustLoad(t, []string{file(t, "f.yaml", "raft:\n  addr: &a a:1\n  data_dir: ./x\n  <<: {log_dir: ./l, data_dir: ./y}\n  cluster: [*a]\n")})
	if c.Broker.Raft.Addr.Host != "a" || c.Broker.DataDir != "./x" || c.Broker.Raft.LogDir != "./l" || len(c.Broker.Raft.Cluster) != 1 {
		t.Errorf("broker is %+v", c.Broker)
	}
}

func TestSamples(t *testing.T) {
	c := mustLoad(t, []string{"../etc/sentinel.conf"})
	if m := c.Masters[0]; m.Name != "mymaster" || m.Settings.DownAfter != time.Second || len(c.Notices) != 0 {
		t.Errorf("sentinel.conf: %+v", c)
	}
	c = mustLoad(t, []string{"../etc/redis-failover.toml"})
	given := c.given
	c.given = nil
	masters := c.Masters
	c.Masters = nil
	want := Default()
	want.File = c.File
	c.Notices = nil
	if fmt.Sprintf("%+v", *c) != fmt.Sprintf("%+v", want) {
		t.Errorf("the sample does not show the defaults:\ngot  %+v\nwant %+v", *c, want)
	}
	if len(masters) != 1 || masters[0].Name != "mymaster" {
		t.Errorf("masters are %+v", masters)
	}
	// Those that are there as a comment: to say the default means something else
	// than to say nothing.
	commented := []string{"announce_addr", "resolve_hostnames", "announce_hostnames"}
	for _, s := range settings() {
		if _, ok := given[s.name]; !ok && !s.flagOnly && !slices.Contains(commented, s.name) {
			t.Errorf("the sample lacks %s", s.name)
		}
	}
}

// The file of Debian's package loads as it is.
func TestInstalledFile(t *testing.T) {
	const path = "/etc/redis/sentinel.conf"
	if _, err := os.ReadFile(path); err != nil {
		t.Skipf("no installed sentinel.conf to try: %v", err)
	}
	if _, err := os.Stat("/var/lib/redis"); err != nil {
		t.Skip("its dir is not there: redis-server was removed")
	}
	if c := mustLoad(t, []string{path}); len(c.Masters) == 0 {
		t.Errorf("no masters in %+v", c)
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none"), filepath.Join(dir, "none.toml"), "nul\x00byte"} {
		if got := faultsOf(t, []string{path}); got == "" || strings.Count(got, "\n") != 0 {
			t.Errorf("%q: %s", path, got)
		}
	}
	if got := faultsOf(t, []string{dir}); !strings.HasPrefix(got, dir+": This is a directory, not a file. Name") {
		t.Errorf("directory: %s", got)
	}
	secret := file(t, "s.conf", "port 1")
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(secret); err == nil {
		t.Skip("this user may read any file")
	}
	if got := faultsOf(t, []string{secret}); !strings.Contains(got, "may not read the file") {
		t.Errorf("no permission: %s", got)
	}
}

func FuzzKeyedFiles(f *testing.F) {
	f.Add("[raft]\naddr = 'a:1'\nx = {y = [1]}\n")
	f.Add("raft: &a\n  addr: a:1\n  <<: *a\n")
	f.Add("a: [*b, &b {}]\n---\n- 1")
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []fileFormat{formatTOML, formatYAML} {
			var faults fault.Collector
			given := readKeyed(settings(), "fuzz", []byte(text), format, &faults)
			for name, e := range given {
				if e.origin.at.Line < 1 || e.origin.at.Line > strings.Count(text, "\n")+1 {
					t.Errorf("%s of %q is on line %d", name, text, e.origin.at.Line)
				}
			}
		}
	})
}
