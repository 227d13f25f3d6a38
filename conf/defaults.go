package conf

import (
	"crypto/tls"
	"log/slog"
	"time"
)

// The defaults, all of them and nowhere else, except those of a single master
// that Sentinel has too; they are state.DefaultSettings.
const (
	// defaultPort is Sentinel's; clients have it in their configuration.
	defaultPort = 26379
	// defaultCheckInterval is Sentinel's ping-period. Doubtful servers are asked
	// more often by themselves, so a shorter one finds dead hosts little sooner.
	defaultCheckInterval = time.Second
	// defaultInfoPeriod is Sentinel's info-period: how soon a new replica is
	// found at the latest.
	defaultInfoPeriod = 10 * time.Second
	// defaultMaxDownTime is that of the older tool. It applies to masters given
	// by address only; those of a sentinel.conf keep Sentinel's 30 s.
	defaultMaxDownTime = 3 * time.Second
	// defaultQuorum 0 is a majority: the least that two halves of a divided
	// cluster cannot both reach.
	defaultQuorum = 0
	// defaultDataDir is that of the older tool, under the working directory (or
	// under dir of a sentinel.conf), so that a first try needs no rights.
	defaultDataDir = "./var"
	// defaultRaftRTT gives a second without a leader's word before an election:
	// shorter ones elect for no reason when a shared disk stalls.
	defaultRaftRTT = 50 * time.Millisecond
	// defaultZKPath is that of the older tool.
	defaultZKPath = "/zk/redis/failover"
	// defaultZKSession leaves room for the second or so that an ensemble takes to
	// replace its leader. ZooKeeper grants no less than two of its ticks.
	defaultZKSession = 4 * time.Second
	// defaultMaxClients and the limits of subscribers are those of Redis.
	defaultMaxClients  = 10000
	defaultPubSubHard  = 32 << 20
	defaultPubSubSoft  = 8 << 20
	defaultPubSubTime  = time.Minute
	defaultIdleTimeout = 0
	// defaultKeepAlive is that of Redis.
	defaultKeepAlive = 5 * time.Minute
	// defaultUsersLog is Redis's acllog-max-len.
	defaultUsersLog = 128
	// defaultLogLevel shows each decision and no probe.
	defaultLogLevel = slog.LevelInfo
	// defaultLogFormat is for people; machines ask for json.
	defaultLogFormat = "text"
)

// Default returns the configuration of a node that was told nothing: one node
// that keeps its document in a file and watches no master.
func Default() Config {
	return Config{
		Server: Server{
			Listen:     []Listen{{Network: "tcp", Addr: listenAddr("", defaultPort)}},
			MaxClients: defaultMaxClients,
			Timeout:    defaultIdleTimeout,
			KeepAlive:  defaultKeepAlive,
			PubSubLimit: BufferLimit{
				Hard: defaultPubSubHard, Soft: defaultPubSubSoft, SoftFor: defaultPubSubTime,
			},
		},
		// As in Redis: who asks for TLS and says no more gets mutual TLS.
		TLS: TLS{Clients: TLSClientsMust, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13},
		// A client that may change a script's path may run any program.
		Sentinel: Sentinel{DenyScriptsReconfig: true},
		// As Sentinel does: an address that may be old serves most clients better
		// than none, as they check the role of what they find there.
		Users:   Users{LogLength: defaultUsersLog},
		LookUps: LookUps{IsolatedAnswers: true},
		Monitor: Monitor{CheckInterval: defaultCheckInterval, InfoPeriod: defaultInfoPeriod},
		Broker: Broker{
			Kind:    Standalone,
			DataDir: defaultDataDir,
			Raft:    Raft{State: ClusterExisting, RTT: defaultRaftRTT},
			ZK:      ZK{Path: defaultZKPath, SessionTimeout: defaultZKSession},
		},
		Log:          Log{Level: defaultLogLevel, Format: defaultLogFormat},
		Supervised:   SupervisedAuto,
		MastersState: MastersExisting,
		NewMaster:    NewMaster{DownAfter: defaultMaxDownTime, Quorum: defaultQuorum},
	}
}
