package conf

import (
	"strings"
	"time"

	"redis-failover/cluster/state"
)

func brokerSettings() table {
	return append(table{
		{
			name: "broker", arg: "KIND",
			help: "what keeps the agreed document: standalone, raft or zk",
			want: "Give standalone, raft or zk.",
			set: func(c *Config, text string) error {
				return setWord(&c.Broker.Kind, text, Standalone, RaftBroker, ZKBroker)
			},
			show: func(c *Config) string { return string(c.Broker.Kind) },
		},
		{
			name: "data_dir", arg: "DIR", aliases: []string{"raft_data_dir"}, keys: []string{"raft.data_dir"},
			help: "the directory of what must survive a restart",
			want: "Name a directory; it is made if it is missing.",
			set: func(c *Config, text string) error {
				if text == "" {
					return errEmpty
				}
				c.Broker.DataDir = text
				return nil
			},
			show: func(c *Config) string { return c.Broker.DataDir },
		},
	}, append(raftSettings(), zkSettings()...)...)
}

func raftSettings() table {
	return table{
		{
			name: "raft_addr", arg: "HOST:PORT", keys: []string{"raft.addr"},
			help: "this node's address among the raft members; implies -broker raft",
			want: "Give the host:port that the other members reach this node by.",
			set:  func(c *Config, text string) error { return setAddr(&c.Broker.Raft.Addr, text) },
			show: func(c *Config) string { return addrText(c.Broker.Raft.Addr) },
		},
		{
			name: "raft_cluster", arg: "LIST", list: true, keys: []string{"raft.cluster"},
			help: "the raft addresses of the founding members, the same on all of them",
			want: "Give host:port of each member, with commas between.",
			set:  func(c *Config, text string) error { return setAddrs(&c.Broker.Raft.Cluster, text) },
			show: func(c *Config) string { return joinAddrs(c.Broker.Raft.Cluster) },
		},
		{
			name: "raft_cluster_state", arg: "STATE", keys: []string{"raft.cluster_state"},
			help: "'existing' and 'new' go on with what is saved or found the cluster, 'join' waits to be added",
			want: "Give existing, new or join.",
			set: func(c *Config, text string) error {
				return setWord(&c.Broker.Raft.State, text, ClusterExisting, ClusterNew, ClusterJoin)
			},
			show: func(c *Config) string { return string(c.Broker.Raft.State) },
		},
		{
			name: "raft_log_dir", arg: "DIR", keys: []string{"raft.log_dir"},
			help: "the directory of the raft log, if it is not to be under -data_dir",
			want: "Name a directory; it is made if it is missing.",
			set:  func(c *Config, text string) error { c.Broker.Raft.LogDir = text; return nil },
			show: func(c *Config) string { return c.Broker.Raft.LogDir },
		},
		{
			name: "raft_listen", arg: "HOST:PORT", keys: []string{"raft.listen"},
			help: "where to listen for the other members, if it is not -raft_addr",
			want: "Give host:port, or :port for all addresses of the machine.",
			set: func(c *Config, text string) (err error) {
				c.Broker.Raft.Listen = ""
				if text != "" {
					c.Broker.Raft.Listen, err = parseListenAddr(text)
				}
				return err
			},
			show: func(c *Config) string { return c.Broker.Raft.Listen },
		},
		{
			name: "raft_rtt", arg: "MS", keys: []string{"raft.rtt"},
			help: "one tick of the members' clocks; a leader that is silent for 20 is replaced",
			want: "Give 5 to 1000 whole milliseconds, the same on all members.",
			set: func(c *Config, text string) error {
				return setDuration(&c.Broker.Raft.RTT, text, time.Millisecond)
			},
			show: func(c *Config) string { return inUnits(c.Broker.Raft.RTT, time.Millisecond) },
		},
		fileSetting("raft_secret_file", "raft.secret_file", "a file with the secret that all members share and strangers do not know",
			func(c *Config) *string { return &c.Broker.Raft.SecretFile }),
		fileSetting("raft_tls_ca", "raft.tls_ca", "TLS between members: the authorities that certificates must come from, PEM",
			func(c *Config) *string { return &c.Broker.Raft.TLS.CAFile }),
		fileSetting("raft_tls_cert", "raft.tls_cert", "TLS between members: this member's certificate, PEM",
			func(c *Config) *string { return &c.Broker.Raft.TLS.CertFile }),
		fileSetting("raft_tls_key", "raft.tls_key", "TLS between members: the key of the certificate, PEM",
			func(c *Config) *string { return &c.Broker.Raft.TLS.KeyFile }),
	}
}

// fileSetting is a setting that names a file to read.
func fileSetting(name, key, help string, field func(*Config) *string) setting {
	return setting{
		name: name, arg: "FILE", keys: []string{key}, help: help,
		want: "Name a file that this process may read.",
		set:  func(c *Config, text string) error { *field(c) = text; return nil },
		show: func(c *Config) string { return *field(c) },
	}
}

func zkSettings() table {
	return table{
		{
			name: "zk_addr", arg: "LIST", list: true, keys: []string{"zk.addr"},
			help: "the ZooKeeper servers; a path behind the last one, as host:port,host:port/chroot, comes before -zk_path",
			want: "Give host:port of each server, with commas between.",
			set:  setZKServers,
			show: func(c *Config) string { return joinAddrs(c.Broker.ZK.Servers) + c.Broker.ZK.Root },
		},
		{
			name: "zk_path", arg: "PATH", keys: []string{"zk.path", "zk.base_dir"},
			help: "the ZooKeeper node that all is kept under",
			want: "Give an absolute path such as /zk/redis/failover.",
			set: func(c *Config, text string) error {
				if text == "" {
					return errEmpty
				}
				c.Broker.ZK.Path = text
				return nil
			},
			show: func(c *Config) string { return c.Broker.ZK.Path },
		},
		{
			name: "zk_session_timeout", arg: "MS", keys: []string{"zk.session_timeout"},
			help: "the session timeout to ask ZooKeeper for; it grants two to twenty of its ticks",
			want: "Give 500 to 60000 whole milliseconds, the same on all nodes.",
			set: func(c *Config, text string) error {
				return setDuration(&c.Broker.ZK.SessionTimeout, text, time.Millisecond)
			},
			show: func(c *Config) string { return inUnits(c.Broker.ZK.SessionTimeout, time.Millisecond) },
		},
		fileSetting("zk_auth_file", "zk.auth_file", "a file with user:password for ZooKeeper; what the nodes make is then theirs alone",
			func(c *Config) *string { return &c.Broker.ZK.AuthFile }),
		fileSetting("zk_tls_ca", "zk.tls_ca", "TLS to ZooKeeper: the authorities that its certificates must come from, PEM",
			func(c *Config) *string { return &c.Broker.ZK.TLS.CAFile }),
		fileSetting("zk_tls_cert", "zk.tls_cert", "TLS to ZooKeeper: this node's certificate, if it is asked for one, PEM",
			func(c *Config) *string { return &c.Broker.ZK.TLS.CertFile }),
		fileSetting("zk_tls_key", "zk.tls_key", "TLS to ZooKeeper: the key of the certificate, PEM",
			func(c *Config) *string { return &c.Broker.ZK.TLS.KeyFile }),
	}
}

// setZKServers reads the servers as ZooKeeper's own clients do, with a path
// behind the last one.
func setZKServers(c *Config, text string) error {
	servers, root := text, ""
	if i := strings.IndexByte(text, '/'); i >= 0 {
		servers, root = text[:i], strings.TrimRight(text[i:], "/")
	}
	err := setAddrs(&c.Broker.ZK.Servers, servers)
	if err == nil {
		c.Broker.ZK.Root = root
	}
	return err
}

// setAddr reads an address; an empty text is none.
func setAddr(a *state.Addr, text string) error {
	if text == "" {
		*a = state.Addr{}
		return nil
	}
	parsed, err := parseAddr(text)
	if err == nil {
		*a = parsed
	}
	return err
}

func setAddrs(addrs *[]state.Addr, text string) error {
	parsed, err := parseAddrs(text)
	if err == nil {
		*addrs = parsed
	}
	return err
}

func addrText(a state.Addr) string {
	if a.IsZero() {
		return ""
	}
	return a.String()
}
