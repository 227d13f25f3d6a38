package conf

import (
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// Faults is all that is wrong with a configuration, Fault one entry of it, and
// Pos the place that an entry speaks of.
type (
	Faults = fault.List
	Fault  = fault.Fault
	Pos    = fault.Pos
)

// Config is all that a node is told. Start from [Default] or [Load].
type Config struct {
	Server   Server
	Users    Users
	TLS      TLS
	Sentinel Sentinel
	LookUps  LookUps
	Monitor  Monitor
	Broker   Broker
	Log      Log

	// Masters are those to watch from the start.
	Masters []Master
	// MastersState says what becomes of masters that were saved before.
	MastersState MastersState
	// NewMaster is what a master gets of which nothing but the address was
	// said: those of the masters setting, and those added by its HTTP twin.
	NewMaster NewMaster

	// PidFile is where the id of the process is written while it runs, "" for
	// nowhere.
	PidFile string
	// Supervised says whether a service manager is told how the node is.
	Supervised Supervision
	// MyID is the node's id from a sentinel.conf that Sentinel has used, "" to
	// have one drawn.
	MyID state.MemberID
	// CurrentEpoch is the highest epoch that the file mentions, 0 for none. New
	// epochs must be above it, or clients that have talked to Sentinel see time
	// go backwards.
	CurrentEpoch state.Epoch

	// File is the configuration file as it was named, "" for none.
	File string
	// Check asks for a look at the configuration instead of a start; Version
	// and Help ask for a text. With Version or Help nothing else is read.
	Check, Version, Help bool
	// Notices are about parts of the configuration that were accepted and have
	// no effect. Log them at the start.
	Notices []Notice

	// given is where each setting came from, by its name in the table, for the
	// messages of Validate. A Config made by a program has none.
	given map[string]origin
}

// Server is the part of the listeners.
type Server struct {
	// Listen are the addresses to listen on. There is at least one of Listen,
	// TLSListen and UnixSocket. The first is the node's own address unless
	// AnnounceAddr says otherwise; with TLS.ToServers or without Listen it is
	// the first of TLSListen.
	Listen []Listen
	// TLSListen are the addresses to listen on with TLS.
	TLSListen []Listen
	// UnixSocket is the path of a socket to listen on, "" for none;
	// UnixSocketMode are its permissions, 0 for what the umask leaves.
	UnixSocket     string
	UnixSocketMode fs.FileMode
	// ProtectedMode: while the default user has no password, only clients of
	// this machine are served.
	ProtectedMode bool
	// Backlog is how many connections may wait to be accepted, 0 for as many as
	// the system allows.
	Backlog int
	// KeepAlive is after how long of silence TCP asks whether the other end is
	// still there, 0 for never.
	KeepAlive time.Duration
	// HTTPAddr is where HTTP is served: "" for the same listener as RESP,
	// [HTTPOff] for nowhere, else "host:port" with a listener of its own.
	HTTPAddr string
	// HTTPHosts are the host names by which HTTP clients may call this node,
	// besides addresses, "localhost" and the announced host; "*" is any name.
	HTTPHosts []string
	// AnnounceAddr is what others are told. Each half may be missing (host "",
	// port 0) and then comes from the listener.
	AnnounceAddr state.Addr
	// RequirePass is the password of clients, "" for none.
	RequirePass state.Secret
	// MaxClients is how many clients may be connected at once, at least 1.
	MaxClients int
	// Timeout is after how long an idle client is disconnected, 0 for never.
	// Subscribers are never idle.
	Timeout time.Duration
	// PubSubLimit bounds the unsent output of a subscriber.
	PubSubLimit BufferLimit
}

// Users are those who may use this node. There is a default user whatever is said
// here; Server.RequirePass is that one's password.
type Users struct {
	// Lines are users of a sentinel.conf. What their rules mean is not looked at
	// here. There are none with a File.
	Lines []User
	// File is the path of a file of users, "" for none.
	File string
	// LogLength is how many refusals are kept for ACL LOG, at least 0.
	LogLength int
	// AllChannels permits new users all channels of events until they are told
	// otherwise.
	AllChannels bool
}

// User is one user of the configuration.
type User struct {
	Name string
	// Rules may hold passwords.
	Rules []state.Secret
	// At is where it was given.
	At Pos
}

// TLS names PEM files and says how they are used. Clients connect with TLS where
// Server.TLSListen says so.
type TLS struct {
	// CertFile and KeyFile are what this node shows.
	CertFile, KeyFile string
	KeyPass           state.Secret
	// ClientCertFile and ClientKeyFile are what it shows when it connects to
	// servers and members, "" for the same as above.
	ClientCertFile, ClientKeyFile string
	ClientKeyPass                 state.Secret
	// CAFile and CADir hold the authorities that certificates of the other ends
	// must come from.
	CAFile, CADir string
	// Clients says whether clients must show a certificate.
	Clients TLSClients
	// MinVersion and MaxVersion are as in crypto/tls.
	MinVersion, MaxVersion uint16
	// CipherSuites are for TLS 1.2 and before, as in crypto/tls; nil for those
	// that Go finds safe.
	CipherSuites []uint16
	// NoTickets: sessions are not resumed.
	NoTickets bool
	// ToServers: the links to masters, replicas and other members use TLS.
	ToServers bool

	// ciphers is the text that CipherSuites comes from.
	ciphers string
}

// TLSClients says whether clients must show a certificate.
type TLSClients string

// The demands on clients.
const (
	TLSClientsMust TLSClients = "yes"
	TLSClientsNone TLSClients = "no"
	// TLSClientsMay: one that is shown must be good.
	TLSClientsMay TLSClients = "optional"
)

// HTTPOff as Server.HTTPAddr turns HTTP off.
const HTTPOff = "off"

// Listen is one address to listen on.
type Listen struct {
	// Network is "tcp", "tcp4" or "tcp6", as net.Listen takes it.
	Network string
	// Addr is "host:port"; no host is all addresses, port 0 is any free port.
	Addr string
	// Optional: go on without it if the machine does not have the address.
	Optional bool
}

// BufferLimit is how much unsent output a client may have: never more than
// Hard bytes, and not more than Soft bytes for SoftFor. 0 is no limit.
type BufferLimit struct {
	Hard, Soft int64
	SoftFor    time.Duration
}

// Sentinel is what SENTINEL CONFIG GET shows besides addresses.
type Sentinel struct {
	// DenyScriptsReconfig refuses to change the paths of scripts by command.
	DenyScriptsReconfig bool
	// Globals are the settings named here that hold for all nodes. They seed the
	// document, which wins afterwards.
	Globals []state.Option
	// Dir is the working directory of scripts, "" for that of this process.
	Dir string
}

// Global returns the value of one of Globals, "" if it is not named here.
func (s *Sentinel) Global(name string) string {
	for _, o := range s.Globals {
		if o.Name == name {
			return o.Values[0]
		}
	}
	return ""
}

// set names a setting of Globals here.
func (s *Sentinel) set(name, value string) {
	s.Globals = slices.DeleteFunc(slices.Clone(s.Globals), func(o state.Option) bool { return o.Name == name })
	s.Globals = append(s.Globals, state.Option{Name: name, Values: []string{value}})
}

// LookUps is how clients that look for a master are answered by this node.
type LookUps struct {
	// IsolatedAnswers: without a majority, the node answers with what it last
	// knew, as Sentinel does. Otherwise it refuses, and clients ask another one.
	IsolatedAnswers bool
	// Linearizable: each answer is confirmed by a majority first, and refused if
	// that is not possible.
	Linearizable bool
}

// Monitor is the part of the probes.
type Monitor struct {
	// CheckInterval is the time between two probes of a healthy server.
	CheckInterval time.Duration
	// InfoPeriod is the time between two INFO requests to a healthy server.
	InfoPeriod time.Duration
	// BindSource is the address that links to servers and members come from, ""
	// for what the system chooses.
	BindSource string
}

// BrokerKind names an engine that keeps the document.
type BrokerKind string

// The engines.
const (
	Standalone BrokerKind = "standalone"
	RaftBroker BrokerKind = "raft"
	ZKBroker   BrokerKind = "zk"
)

// Broker is the part of the engine.
type Broker struct {
	Kind BrokerKind
	// DataDir is the directory of what must survive a restart. It need not
	// exist.
	DataDir string
	// Raft and ZK count only if Kind says so.
	Raft Raft
	ZK   ZK
}

// ClusterState says how a raft node takes part in its cluster.
type ClusterState string

// The ways to take part.
const (
	// ClusterExisting: go on with what is saved; with nothing saved, found the
	// cluster of Raft.Cluster.
	ClusterExisting ClusterState = "existing"
	// ClusterNew is the same, with a warning where something is saved. The older
	// tool forgot it then; but a member that forgets what it has promised the
	// others can cost them what they have acknowledged.
	ClusterNew ClusterState = "new"
	// ClusterJoin: wait to be added by the members.
	ClusterJoin ClusterState = "join"
)

// Raft is the part of the raft engine.
type Raft struct {
	// Addr is this node's address among the members; zero unless Kind is raft.
	Addr state.Addr
	// Listen is what to listen on where it is not Addr, "" for Addr.
	Listen string
	// Cluster are the founding members, the same on all of them; empty for a
	// cluster of this node alone. A node that joins names present members.
	Cluster []state.Addr
	State   ClusterState
	// LogDir is where the raft log goes, "" for a part of Broker.DataDir.
	LogDir string
	// RTT is one tick of the members' clocks, whole milliseconds. They elect a
	// new leader after 20 ticks without a word of the old one.
	RTT time.Duration
	// SecretFile holds the secret that members share, "" for none.
	SecretFile string
	// TLS is used between members if any of it is set.
	TLS RaftTLS
}

// RaftTLS names PEM files: the authorities that members' certificates must come
// from, and this member's certificate and key.
type RaftTLS struct{ CAFile, CertFile, KeyFile string }

// ZK is the part of ZooKeeper.
type ZK struct {
	// Servers are those of the ensemble.
	Servers []state.Addr
	// Path is the absolute path of the node that all is kept under. Root is what
	// stands behind the servers, as "/chroot", and comes before it.
	Path string
	Root string
	// AuthFile holds "user:password" for ZooKeeper's digest scheme, "" for none.
	AuthFile string
	// SessionTimeout is what ZooKeeper is asked for, in whole milliseconds.
	SessionTimeout time.Duration
	// TLS is used towards ZooKeeper if any of it is set.
	TLS ZKTLS
}

// ZKTLS names PEM files: the authorities that the servers' certificates must come
// from, and this node's certificate and key, both or none.
type ZKTLS struct{ CAFile, CertFile, KeyFile string }

// Supervision says who is told when the node is ready, works and stops.
type Supervision string

// The choices.
const (
	// SupervisedAuto tells a service manager that NOTIFY_SOCKET names, if any.
	SupervisedAuto Supervision = "auto"
	// SupervisedSystemd is the same, with a warning if there is none.
	SupervisedSystemd Supervision = "systemd"
	// SupervisedNo tells nobody.
	SupervisedNo Supervision = "no"
)

// Log is the part of the logger.
type Log struct {
	// Level is the least level that is logged; see ParseLevel.
	Level slog.Level
	// Format is "text" or "json".
	Format string
	// File is the path to append to, "" for standard output.
	File string
}

// MastersState says what becomes of the masters that were saved before.
type MastersState string

// The ways to treat saved masters.
const (
	// MastersExisting keeps them beside those of the configuration.
	MastersExisting MastersState = "existing"
	// MastersNew forgets them.
	MastersNew MastersState = "new"
)

// NewMaster are the defaults of a master that was named by its address only.
type NewMaster struct {
	// DownAfter is its down-after-milliseconds.
	DownAfter time.Duration
	// Quorum is how many nodes must agree, 0 for a majority of the members.
	Quorum int
	// StopAfterFailure is its stop-after-failed-failover, and that of masters
	// which SENTINEL MONITOR or a sentinel.conf brings in without saying.
	StopAfterFailure bool
}

// Settings are the settings of such a master.
func (n NewMaster) Settings() state.Settings {
	s := state.DefaultSettings()
	s.DownAfter, s.StopAfterFailure = n.DownAfter, n.StopAfterFailure
	return s
}

// Master is a master to watch.
type Master struct {
	Name string
	Addr state.Addr
	// Quorum is how many nodes must agree that it is down, 0 for a majority of
	// the members.
	Quorum   int
	Settings state.Settings
	// Replicas and ConfigEpoch are known from a sentinel.conf that Sentinel has
	// used.
	Replicas    []state.Addr
	ConfigEpoch state.Epoch
	// saysStop: the file says what its stop-after-failed-failover is.
	saysStop bool
	// FromFlags: it comes from the masters setting (a flag, a variable or a key)
	// and not from a monitor line of a sentinel.conf.
	FromFlags bool
	// At is where it was given.
	At Pos
	// origin is At with the text, replicaOrigins the same for Replicas.
	origin         origin
	replicaOrigins []origin
}

// Notice is about a part of the configuration that has no effect.
type Notice struct {
	At Pos
	// Text is a sentence.
	Text string
	// Serious: the node is less protected than the configuration asks for.
	Serious bool
}

// String is "place: text".
func (n Notice) String() string { return n.At.String() + ": " + n.Text }

// origin is where a value was given and the text that gave it, as it may be
// shown.
type origin struct {
	at      Pos
	subject string
}

// fault is a fault of what was given there. Without a text the setting and its
// value are shown.
func (o origin) fault(setting, value, problem, remedy string) fault.Fault {
	subject := o.subject
	if subject == "" {
		subject = fault.Show(strings.TrimSpace(setting + " " + value))
	}
	return fault.Fault{At: o.at, Subject: subject, Problem: problem, Remedy: remedy}
}
