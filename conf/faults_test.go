package conf

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// Each row is a command line and the faults that it has, word for word.
func TestFlagFaults(t *testing.T) {
	const (
		addrWant    = " Give host:port, or :port for all addresses of the machine; port 0 is any free port, and off is no such listener."
		mastersWant = " Give host:port or name=host:port; the host may be a name, IPv6 goes into brackets."
		checkWant   = " Give 10 to 60000 milliseconds, or a duration such as 500ms."
		downWant    = " Give seconds such as 3 or 0.2, or a duration such as 500ms; the least is 1ms, the most 24h."
		levelWant   = " Give debug, verbose, notice (info), warning (warn), error or nothing."
		memberWant  = " Give the host:port that the other members reach this node by."
		foreignWant = " Leave it out, or choose the broker that it belongs to with -broker."
	)
	for _, tc := range []struct{ args, want string }{
		{"-addr x", "'-addr x': This is not host:port." + addrWant},
		{"-addr=", "'-addr ': The value is empty." + addrWant},
		{"-addr :65536", `'-addr :65536': The port "65536" is not a number from 0 to 65535.` + addrWant},
		{"-addr a,b:1", `'-addr a,b:1': The host "a,b" is not one.` + addrWant},
		{"--http-addr x", "'--http-addr x': This is not host:port. Give host:port, 'off' for no HTTP, or nothing to serve it on the node's address."},
		{"-http_hosts a:80", "'-http_hosts a:80': \"a:80\" is not a host name. Give host names without ports, with commas between, or * for any name."},
		{"-addr :1 -http_addr :1", "'-http_addr :1': This is the address of -addr, which serves HTTP too. Leave it out, or give another port."},
		{"-addr :0 -http_addr :0", ""},
		{"-announce_addr :1", `'-announce_addr :1': Address ":1" has no usable host. Give the host:port that others reach this node by.`},
		{"-masters a", `'-masters a': Address "a" is not host:port.` + mastersWant},
		{"-masters =a:1", `'-masters =a:1': "" is not a usable master name.` + mastersWant},
		{"-masters a:1,m=b:0,c:1,d", `'-masters a:1,m=b:0,c:1,d': Address "b:0" has port "0", which is not a number from 1 to 65535.` + mastersWant + "\n" +
			`'-masters a:1,m=b:0,c:1,d': Address "d" is not host:port.` + mastersWant},
		{"-masters m=a:1,m=b:1", "'-masters m=a:1,m=b:1': Duplicate master name. m is given by -masters too. Keep one of them, or give them different names."},
		{"-masters_state old", `'-masters_state old': There is no choice "old". Give existing or new.`},
		{"-check_interval 9", "'-check_interval 9': This is less than 10 ms." + checkWant},
		{"-check_interval 60001", "'-check_interval 60001': This is more than 60000 ms." + checkWant},
		{"-check_interval soon", "'-check_interval soon': This is neither a number nor a duration." + checkWant},
		{"-check_interval NaN", "'-check_interval NaN': The number is out of range." + checkWant},
		{"-check_interval 1e300", "'-check_interval 1e300': The number is out of range." + checkWant},
		{"-max_down_time 0", "'-max_down_time 0': This is less than 1 ms." + downWant},
		{"-max_down_time -3", "'-max_down_time -3': This is less than 1 ms." + downWant},
		{"-max_down_time 86401", "'-max_down_time 86401': This is more than 24 hours." + downWant},
		{"-max_down_time=", "'-max_down_time ': The value is empty." + downWant},
		{"-quorum -1", "'-quorum -1': The number is negative. Give a whole number from 1, or 0 for a majority of the nodes."},
		{"-quorum 1.5", "'-quorum 1.5': This is not a whole number. Give a whole number from 1, or 0 for a majority of the nodes."},
		{"-broker etcd", `'-broker etcd': There is no choice "etcd". Give standalone, raft or zk.`},
		{"-data_dir=", "'-data_dir ': The value is empty. Name a directory; it is made if it is missing."},
		{"-data_dir a -raft_data_dir b", "'-raft_data_dir b': This is the same setting as '-data_dir a', with another value. Keep one of them."},
		{"-raft_addr x", `'-raft_addr x': Address "x" is not host:port.` + memberWant},
		{"-broker raft", "'raft_addr': The raft broker needs an address of its own." + memberWant},
		{"-broker zk -raft_addr a:1 -zk_addr b:1", "'-raft_addr a:1': This setting means nothing to the broker zk." + foreignWant},
		{"-broker standalone -raft_addr a:1", "'-raft_addr a:1': This setting means nothing to the broker standalone." + foreignWant},
		{"-raft_cluster a:1", "'-raft_cluster a:1': This setting means nothing to the broker standalone." + foreignWant},
		{"-addr a:1 -raft_addr a:1", "'-raft_addr a:1': This is the address of -addr, where clients connect. Give another port: members talk over a listener of its own."},
		{"-raft_addr a:1 -raft_cluster a:1,b:1,b:1", "'-raft_cluster a:1,b:1,b:1': b:1 is listed twice. List each address once."},
		{"-raft_addr a:1 -raft_cluster_state join", "'raft_cluster': A node that joins must know whom. List the raft addresses of one or more members."},
		{"-raft_addr a:1 -raft_rtt 1.5", "'-raft_rtt 1.5': This is out of range or not whole. Give 5 to 1000 whole milliseconds, the same on all members."},
		{"-raft_addr a:1 -raft_listen x", "'-raft_listen x': This is not host:port. Give host:port, or :port for all addresses of the machine."},
		{"-raft_addr a:1 -raft_tls_ca ca -raft_tls_key key", "'raft_tls_cert': TLS between members needs all three files, and this one is not named. Give -raft_tls_ca, -raft_tls_cert and -raft_tls_key, or none of them."},
		{"-raft_addr a:1 -raft_cluster_state old", `'-raft_cluster_state old': There is no choice "old". Give existing, new or join.`},
		{"-broker zk", "'zk_addr': The zk broker needs at least one server. Give host:port of each server, with commas between."},
		{"-broker zk -zk_addr a", `'-zk_addr a': Address "a" is not host:port. Give host:port of each server, with commas between.`},
		{"-broker zk -zk_addr a:1 -zk_path x/y", "'-zk_path x/y': This is not an absolute path. Give one such as /zk/redis/failover, without a slash at its end."},
		{"-broker zk -zk_addr a:1 -zk_path /x/", "'-zk_path /x/': This is not an absolute path. Give one such as /zk/redis/failover, without a slash at its end."},
		{"-broker zk -zk_addr a:1//b", "'-zk_addr a:1//b': What stands behind the servers is not an absolute path. Give one such as host:port,host:port/chroot, or none."},
		{"-broker zk -zk_addr a:1 -zk_session_timeout 499", "'-zk_session_timeout 499': This is out of range or not whole. Give 500 to 60000 whole milliseconds, the same on all nodes."},
		{"-broker zk -zk_addr a:1 -zk_tls_key k", "'zk_tls_ca': TLS to ZooKeeper needs to know whom to trust. Name the file with the authorities."},
		{"-broker zk -zk_addr a:1 -zk_tls_ca c -zk_tls_key k", "'zk_tls_cert': A certificate needs its key, and a key its certificate. Give -zk_tls_cert and -zk_tls_key, or neither."},
		{"-zk_addr a:1", "'-zk_addr a:1': This setting means nothing to the broker standalone." + foreignWant},
		{"-log_level loud", `'-log_level loud': There is no log level "loud".` + levelWant},
		{"-service_manager runit", `'-service_manager runit': There is no choice "runit". Give auto, systemd or no.`},
		{"-log_format xml", `'-log_format xml': There is no choice "xml". Give text or json.`},
		{"-isolated_answers maybe", `'-isolated_answers maybe': "maybe" is neither yes nor no. Give yes or no.`},
		{"-check=maybe", `'-check': "maybe" is neither true nor false. Give -check alone, or with =true or =false.`},
		{"-adr :1", "'-adr': There is no such flag. Did you mean -addr?"},
		{"--prot 1", "'--prot': There is no such flag. Did you mean --port (a line of a sentinel.conf)?"},
		{"-xyzzy 1 -plugh", "'-xyzzy': There is no such flag. redis-failover -help lists the flags.\n'-plugh': There is no such flag. redis-failover -help lists the flags."},
		{"--requirepas=hunter2 hunter2", "'--requirepas': There is no such flag. Did you mean --requirepass (a line of a sentinel.conf)?"},
		{"-addr", "'-addr': The flag has no value." + addrWant},
		{"--port 1", "'--port': This is a line for the end of a sentinel.conf, and there is none. Put it behind the file: redis-failover sentinel.conf --port …"},
	} {
		if got := faultsOf(t, strings.Fields(tc.args)); got != tc.want {
			t.Errorf("%s\ngot  %s\nwant %s", tc.args, got, tc.want)
		}
	}
}

func TestEnvironmentFaults(t *testing.T) {
	got := faultsOf(t, []string{"-check_interval=100"}, "REDIS_FAILOVER_CHECK_INTERVAL=x", "REDIS_FAILOVER_QUORUM=-1")
	want := "'REDIS_FAILOVER_CHECK_INTERVAL=x': This is neither a number nor a duration. Give 10 to 60000 milliseconds, or a duration such as 500ms.\n" +
		"'REDIS_FAILOVER_QUORUM=-1': The number is negative. Give a whole number from 1, or 0 for a majority of the nodes."
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Each row is a file and the faults that it has; FILE stands for its path.
func TestFileFaults(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"f.toml", "addr = 1\nfoo = 2\n[raft]\nadr = \"x\"\n[zok]\naddr = 1\n[[list]]\na = 1",
			"FILE:1: 'addr = 1': This is not host:port. Give host:port, or :port for all addresses of the machine; port 0 is any free port, and off is no such listener.\n" +
				"FILE:2: 'foo': There is no such key. redis-failover -help lists the settings; each is a key.\n" +
				"FILE:4: 'raft.adr': There is no such key. Did you mean raft.addr?\n" +
				"FILE:6: 'zok.addr': There is no such key. Did you mean zk.addr?\n" +
				"FILE:8: 'list.a': There is no such key. redis-failover -help lists the settings; each is a key."},
		{"f.toml", "masters = [1]\naddr = [\":1\"]\nraft = {addr = \"x\", foo.bar = 1}\nconfig = \"x\"",
			"FILE:1: 'masters': The list has an item that is not a string. Give host:port or name=host:port; the host may be a name, IPv6 goes into brackets.\n" +
				"FILE:2: 'addr': This is a list, where one value is wanted. Give host:port, or :port for all addresses of the machine; port 0 is any free port, and off is no such listener.\n" +
				"FILE:3: 'raft.foo.bar': There is no such key. redis-failover -help lists the settings; each is a key.\n" +
				"FILE:3: 'raft.addr = x': Address \"x\" is not host:port. Give the host:port that the other members reach this node by.\n" +
				"FILE:4: 'config': There is no such key. redis-failover -help lists the settings; each is a key."},
		{"f.toml", "check_interval = 1\ncheck-interval = 2",
			"FILE:1: 'check_interval = 1': This is less than 10 ms. Give 10 to 60000 milliseconds, or a duration such as 500ms.\n" +
				"FILE:2: 'check-interval = 2': This is the same setting as 'check_interval = 1', with another value. Keep one of them."},
		{"f.toml", "quorum = 1\nQuorum = 2", "FILE:2: 'Quorum': The key is there twice. Keep one of them."},
		{"f.toml", "addr = ''\naddr = ''", "FILE:2: 'addr': The key is there twice. Keep one of them."},
		{"f.toml", "[[list]]\na = 1\n[[list]]\na = 1",
			"FILE:2: 'list.a': There is no such key. redis-failover -help lists the settings; each is a key.\n" +
				"FILE:4: 'list.a': There is no such key. redis-failover -help lists the settings; each is a key."},
		{"f.yaml", "raft:\n  addr: a:1\n  addr: a:1", "FILE:3: 'raft.addr': The key is there twice. Keep one of them."},
		{"f.toml", "quorum = -1\nmax_down_time = 1e30",
			"FILE:1: 'quorum = -1': The number is negative. Give a whole number from 1, or 0 for a majority of the nodes.\n" +
				"FILE:2: 'max_down_time = 1000000000000000000000000000000': The number is out of range. Give seconds such as 3 or 0.2, or a duration such as 500ms; the least is 1ms, the most 24h."},
		{"f.yaml", "addr: [x: 1]\nfoo: 1\nraft:\n  addr:\n  bar: 2\nmasters:\n  a: 1\n",
			"FILE:1: 'addr': This is a list, where one value is wanted. Give host:port, or :port for all addresses of the machine; port 0 is any free port, and off is no such listener.\n" +
				"FILE:2: 'foo': There is no such key. redis-failover -help lists the settings; each is a key.\n" +
				"FILE:4: 'raft.addr': The key has no value. Give the host:port that the other members reach this node by.\n" +
				"FILE:5: 'raft.bar': There is no such key. Did you mean raft.addr?\n" +
				"FILE:7: 'masters.a': There is no such key. Did you mean masters?"},
		{"f.yaml", "- a\n- b\n", "FILE:1: This is not a list of keys and values. The file is read as YAML."},
		{"f.yaml", "quorum: 1\n---\nquorum: 2\n", "FILE:2: The file holds more than one document. The file is read as YAML."},
		{"sentinel.conf", "port x\nsentinel monitor m 127.0.0.1 6379 2\nsentinel known-replica m 127.0.0.1 6379\n",
			"FILE:1: 'port x': argument couldn't be parsed into an integer. Give a whole number between 0 and 65535.\n" +
				"FILE:3: 'sentinel known-replica m 127.0.0.1 6379': This is the address of the master itself, given at FILE:2. Remove this line, or name the right master."},
	} {
		path := file(t, tc.name, tc.text)
		if got := strings.ReplaceAll(faultsOf(t, []string{path}), path, "FILE"); got != tc.want {
			t.Errorf("%s %q\ngot  %s\nwant %s", tc.name, tc.text, got, tc.want)
		}
	}
}

// What a parser says is its own business, but it must say where.
func TestSyntaxFaultsHaveALine(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		line       int
	}{
		{"f.toml", "addr = \":1\"\nquorum = \n", 2},
		{"f.toml", "[raft]\n[raft]\n", 2},
		{"f.toml", "a\x00 = 1", 1},
		{"f.toml", "\n\nport 26379\n", 3},
		{"f.yaml", "addr: x\n bad: 1\n", 2},
		{"f.yaml", "a: 1\nb: *nobody\n", 0},
		{"f.yaml", "a: \x00\n", 0},
	} {
		path := file(t, tc.name, tc.text)
		got := faultsOf(t, []string{path})
		want := path + ": "
		if tc.line > 0 {
			want = fmt.Sprintf("%s:%d: ", path, tc.line)
		}
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, strings.ToUpper(strings.TrimPrefix(tc.name, "f."))+".") {
			t.Errorf("%s %q: %s", tc.name, tc.text, got)
		}
	}
}

// Faults of all places come together, those without a file first.
func TestAllPlacesAtOnce(t *testing.T) {
	path := file(t, "f.conf", "prot 1\n\ntimeout x\nsentinel monitor m 127.0.0.1 6379 0\nsentinel monitor k 127.0.0.1 6379 1\n")
	got := faultsOf(t, []string{path, "-adr", "-quorum=x", "--loglevel", "loud", "-masters=k=a:1"}, "REDIS_FAILOVER_BROKER=etcd")
	var places []string
	for line := range strings.Lines(strings.ReplaceAll(got, path, "FILE")) {
		place, _, _ := strings.Cut(strings.TrimPrefix(line, "'"), ": ")
		places = append(places, strings.TrimSuffix(place, "'"))
	}
	slices.Sort(places)
	want := "--loglevel loud|-adr|-quorum x|FILE:1|FILE:3|FILE:4|FILE:5|REDIS_FAILOVER_BROKER=etcd"
	if strings.Join(places, "|") != want || strings.Index(got, "REDIS") > strings.Index(got, path) {
		t.Errorf("faults at %q, want %s:\n%s", places, want, got)
	}
}

func TestTwoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	const a, b, toml = "a.conf", "b.conf", "c.toml"
	for _, name := range []string{a, b, toml} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{a, b}, {"-config", a, b}} {
		want := "'b.conf': There is a configuration file already, a.conf. Name one file; an include line of a sentinel.conf reads further ones."
		if got := faultsOf(t, args); got != want {
			t.Errorf("%q\ngot  %s\nwant %s", args, got, want)
		}
	}
	if c := mustLoad(t, []string{"-config", a, a}); c.File != a {
		t.Errorf("file is %s", c.File)
	}
	if c := mustLoad(t, []string{"--", a}); c.File != a {
		t.Errorf("file is %s", c.File)
	}
	want := "'--port': This is a line for the end of a sentinel.conf, and c.toml is none. Put it behind the file: redis-failover sentinel.conf --port …"
	if got := faultsOf(t, []string{toml, "--port", "1"}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A Config made by a program has no places; the setting's name must do.
func TestValidateWithoutPlaces(t *testing.T) {
	addr := state.Addr{Host: "127.0.0.1", Port: 6379}
	settings := state.DefaultSettings()
	const settingWant = "Start from state.DefaultSettings; times are at least 1 ms and parallel-syncs at least 1."
	for _, tc := range []struct {
		change func(c *Config)
		want   string
	}{
		{func(c *Config) { c.Server.Listen = nil }, "'addr off': There is no address to listen on. Give host:port, or :port for all addresses of the machine; port 0 is any free port, and off is no such listener."},
		{func(c *Config) { c.Server.Listen[0].Addr = "x" }, "'addr x': This is not host:port. Give host:port, or :port for all addresses of the machine; port 0 is any free port, and off is no such listener."},
		{func(c *Config) { c.Server.HTTPAddr = "x" }, "'http_addr x': This is not host:port. Give host:port, 'off' for no HTTP, or nothing to serve it on the node's address."},
		{func(c *Config) { c.Server.AnnounceAddr.Port = -1 }, "'announce_addr :-1': The port is out of range. Give the host:port that others reach this node by."},
		{func(c *Config) { c.Server.MaxClients = 0 }, "'maxclients 0': No client could connect. Give a number from 1."},
		{func(c *Config) { c.Server.Timeout = -1 }, "'timeout -1ns': The time is negative. Give 0 to let idle clients stay."},
		{func(c *Config) { c.Server.PubSubLimit.Soft = -1 }, "'client-output-buffer-limit {33554432 -1 1m0s}': A limit is negative. Give 0 for no limit."},
		{func(c *Config) { c.Monitor.CheckInterval = 0 }, "'check_interval 0': This is less than 10 ms. Give 10 to 60000 milliseconds, or a duration such as 500ms."},
		{func(c *Config) { c.Monitor.InfoPeriod = 0 }, "'InfoPeriod 0s': The time is not above 0. Give 10s as Sentinel does."},
		{func(c *Config) { c.NewMaster.DownAfter = 48 * time.Hour }, "'max_down_time 172800': This is more than 24 hours. Give seconds such as 3 or 0.2, or a duration such as 500ms; the least is 1ms, the most 24h."},
		{func(c *Config) { c.NewMaster.Quorum = -1 }, "'quorum -1': The number is negative. Give a whole number from 1, or 0 for a majority of the nodes."},
		{func(c *Config) { c.Broker.Kind = "etcd" }, `'broker etcd': There is no choice "etcd". Give standalone, raft or zk.`},
		{func(c *Config) { c.Broker.DataDir = "" }, "'data_dir': The value is empty. Name a directory; it is made if it is missing."},
		{func(c *Config) { c.Broker.DataDir = "a\x00" }, `'data_dir a\x00': A path contains a NUL byte. Name a directory; it is made if it is missing.`},
		{func(c *Config) { c.Broker.Raft.State = "old" }, `'raft_cluster_state old': There is no choice "old". Give existing, new or join.`},
		{func(c *Config) { c.Broker.Kind, c.Broker.Raft.Addr = RaftBroker, state.Addr{Port: 1} }, "'raft_addr :1': This is not host:port. Give the host:port that the other members reach this node by."},
		{func(c *Config) { c.Broker.Kind, c.Broker.ZK.Servers = ZKBroker, []state.Addr{{Host: "a"}} }, `'zk_addr a:0': "a:0" is not host:port. Give host:port of each server, with commas between.`},
		{func(c *Config) { c.Log.Format = "xml" }, `'log_format xml': There is no choice "xml". Give text or json.`},
		{func(c *Config) { c.MastersState = "old" }, `'masters_state old': There is no choice "old". Give existing or new.`},
		{func(c *Config) { c.Masters = []Master{{Name: "", Addr: addr, Settings: settings}} }, "'master': This is not a usable master name. Use letters, digits and the characters .-_"},
		{func(c *Config) { c.Masters = []Master{{Name: "m", Settings: settings}} }, `'master m': ":0" is not an address. Give a host and a port from 1 to 65535.`},
		{func(c *Config) { c.Masters = []Master{{Name: "m", Addr: addr, Quorum: -1, Settings: settings}} }, "'master m': Quorum must be 1 or greater. Give a number from 1, or 0 for a majority of the nodes."},
		{func(c *Config) { c.Masters = []Master{{Name: "m", Addr: addr}} }, "'master m': A setting of the master is missing or out of range. " + settingWant},
		{func(c *Config) {
			m := Master{Name: "m", Addr: addr, Settings: settings}
			c.Masters = []Master{m, m}
		}, "'master m': Duplicate master name. m is given by another entry too. Keep one of them, or give them different names."},
		{func(c *Config) {
			c.Masters = []Master{{Name: "m", Addr: addr, Settings: settings, Replicas: []state.Addr{{}, addr, {Host: "b", Port: 1}, {Host: "b", Port: 1}}}}
		}, "'replica of m :0': This is not an address. Give a host and a port from 1 to 65535.\n" +
			"'replica of m 127.0.0.1:6379': This is the address of the master itself, given at another entry. Remove this line, or name the right master.\n" +
			"'replica of m b:1': Duplicate hostname and port for replica. List it once."},
	} {
		c := Default()
		tc.change(&c)
		if err := c.Validate(); err == nil || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}
