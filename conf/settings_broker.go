package conf

import "redis-failover/cluster/state"

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
			help: "'existing' goes on with what is saved, 'new' founds afresh, 'join' waits to be added",
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
	}
}

func zkSettings() table {
	return table{
		{
			name: "zk_addr", arg: "LIST", list: true, keys: []string{"zk.addr"},
			help: "the ZooKeeper servers",
			want: "Give host:port of each server, with commas between.",
			set:  func(c *Config, text string) error { return setAddrs(&c.Broker.ZK.Servers, text) },
			show: func(c *Config) string { return joinAddrs(c.Broker.ZK.Servers) },
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
	}
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
