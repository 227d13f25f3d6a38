package conf

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// Bounds of settings.
const (
	// minCheckInterval is what one core can do for some thousand servers.
	minCheckInterval = 10 * time.Millisecond
	// minRaftRTT is below what any disk can keep up with; with maxRaftRTT a
	// dead leader is replaced after 20 s.
	minRaftRTT = 5 * time.Millisecond
	maxRaftRTT = time.Second
	// minZKSession is two of the shortest ticks that make sense; maxZKSession
	// keeps a dead node's place for a minute.
	minZKSession = 500 * time.Millisecond
	maxZKSession = time.Minute
	// maxCheckInterval: beyond it the node finds nothing in useful time.
	maxCheckInterval = time.Minute
	// minDownAfter is the unit in which it is kept and shown.
	minDownAfter = time.Millisecond
	// maxDownAfter catches milliseconds that were given for seconds.
	maxDownAfter = 24 * time.Hour
)

// Validate returns all that is wrong as a [Faults], nil if nothing is. Load has
// done so already; call it for a Config that a program made or changed.
func (c *Config) Validate() error {
	var faults fault.Collector
	c.validate(&faults, nil)
	return faults.Err()
}

// validate skips what would follow from settings that are faulty already.
func (c *Config) validate(faults *fault.Collector, faulty map[string]bool) {
	v := validator{Config: c, table: settings(), faults: faults, faulty: faulty}
	v.server()
	v.users()
	v.times()
	v.words()
	v.broker()
	v.masters()
}

type validator struct {
	*Config
	table  table
	faults *fault.Collector
	faulty map[string]bool
}

// bad reports a setting, with the remedy of the table unless one is given.
func (v *validator) bad(name, problem string, remedy ...string) {
	if v.faulty[name] {
		return
	}
	s := v.table.flag(name)
	want := s.want
	if len(remedy) > 0 {
		want = remedy[0]
	}
	v.faults.Add(v.given[name].fault(name, s.show(v.Config), problem, want))
}

func (v *validator) users() {
	if len(v.Users.Lines) > 0 && v.Users.File != "" {
		v.bad("users_file", "Users are defined in the configuration already, at "+v.Users.Lines[0].At.String()+".",
			"Move the user lines into the file, or leave the file out.")
	}
	if v.Users.LogLength < 0 {
		v.bad("users_log", "The number is negative.")
	}
}

func (v *validator) server() {
	if len(v.Server.Listen)+len(v.Server.TLSListen) == 0 && v.Server.UnixSocket == "" {
		v.bad("addr", "There is no address to listen on.")
	}
	for _, l := range v.Server.TLSListen {
		if _, err := parseListenAddr(l.Addr); err != nil {
			v.bad("tls_addr", fault.Sentence(err))
		}
		if l.Addr == v.Server.HTTPAddr && !strings.HasSuffix(l.Addr, ":0") {
			v.bad("http_addr", "This is the address of -tls_addr, which serves HTTP too.", "Leave it out, or give another port.")
		}
	}
	v.tls()
	for _, l := range v.Server.Listen {
		if _, err := parseListenAddr(l.Addr); err != nil {
			v.bad("addr", fault.Sentence(err))
		}
		if slices.Contains(v.Server.TLSListen, l) && !strings.HasSuffix(l.Addr, ":0") {
			v.bad("tls_addr", "This is the address of -addr, which serves no TLS.", "Give another port.")
		}
		if l.Addr == v.Server.HTTPAddr && !strings.HasSuffix(l.Addr, ":0") {
			v.bad("http_addr", "This is the address of -addr, which serves HTTP too.", "Leave it out, or give another port.")
		}
	}
	if a := v.Server.HTTPAddr; a != "" && a != HTTPOff {
		if _, err := parseListenAddr(a); err != nil {
			v.bad("http_addr", fault.Sentence(err))
		}
	}
	if a := v.Server.AnnounceAddr; a.Port < 0 || a.Port > 65535 {
		v.bad("announce_addr", "The port is out of range.")
	}
	if v.Server.MaxClients < 1 {
		v.plain("maxclients", v.Server.MaxClients, "No client could connect.", "Give a number from 1.")
	}
	if v.Server.KeepAlive < 0 {
		v.plain("tcp-keepalive", v.Server.KeepAlive, "The time is negative.", "Give 0 to never ask.")
	}
	if v.Server.Timeout < 0 {
		v.plain("timeout", v.Server.Timeout, "The time is negative.", "Give 0 to let idle clients stay.")
	}
	if l := v.Server.PubSubLimit; l.Hard < 0 || l.Soft < 0 || l.SoftFor < 0 {
		v.plain("client-output-buffer-limit", l, "A limit is negative.", "Give 0 for no limit.")
	}
}

// plain reports a value that is no setting of the table.
func (v *validator) plain(name string, value any, problem, remedy string) {
	v.faults.Add(origin{}.fault(name, fmt.Sprint(value), problem, remedy))
}

func (v *validator) times() {
	switch d := v.Monitor.CheckInterval; {
	case d < minCheckInterval:
		v.bad("check_interval", "This is less than 10 ms.")
	case d > maxCheckInterval:
		v.bad("check_interval", "This is more than 60000 ms.")
	}
	if v.Monitor.InfoPeriod <= 0 {
		v.plain("InfoPeriod", v.Monitor.InfoPeriod, "The time is not above 0.", "Give 10s as Sentinel does.")
	}
	switch d := v.NewMaster.DownAfter; {
	case d < minDownAfter:
		v.bad("max_down_time", "This is less than 1 ms.")
	case d > maxDownAfter:
		v.bad("max_down_time", "This is more than 24 hours.")
	}
	if v.NewMaster.Quorum < 0 {
		v.bad("quorum", "The number is negative.")
	}
}

// words checks the values that are one of a few words.
func (v *validator) words() {
	for _, name := range []string{"masters_state", "broker", "raft_cluster_state", "log_format", "tls_clients"} {
		s := v.table.flag(name)
		scratch := Default()
		if err := s.set(&scratch, s.show(v.Config)); err != nil {
			v.bad(name, fault.Sentence(err))
		}
	}
}

func (v *validator) broker() {
	if v.Broker.DataDir == "" {
		v.bad("data_dir", fault.Sentence(errEmpty))
	}
	r := v.Broker.Raft
	if strings.ContainsRune(v.Broker.DataDir+r.LogDir+r.SecretFile+r.TLS.CAFile+r.TLS.CertFile+r.TLS.KeyFile+v.Server.UnixSocket+v.PidFile, 0) {
		v.bad("data_dir", "A path contains a NUL byte.")
	}
	for _, name := range v.foreignSettings() {
		if o, ok := v.given[name]; ok && o.at.File == "" {
			v.bad(name, fmt.Sprintf("This setting means nothing to the broker %s.", v.Broker.Kind),
				"Leave it out, or choose the broker that it belongs to with -broker.")
		}
	}
	switch v.Broker.Kind {
	case RaftBroker:
		v.raft()
	case ZKBroker:
		v.zk()
	}
}

// foreignSettings are the settings of brokers other than the chosen one.
func (c *Config) foreignSettings() []string {
	var names []string
	if c.Broker.Kind != RaftBroker {
		for _, s := range raftSettings() {
			names = append(names, s.name)
		}
	}
	if c.Broker.Kind != ZKBroker {
		for _, s := range zkSettings() {
			names = append(names, s.name)
		}
	}
	return names
}

func (v *validator) raft() {
	r := &v.Broker.Raft
	switch {
	case r.Addr.IsZero():
		v.bad("raft_addr", "The raft broker needs an address of its own.")
	case !isAddr(r.Addr):
		v.bad("raft_addr", "This is not host:port.")
	}
	v.addrs("raft_cluster", r.Cluster)
	if slices.ContainsFunc(slices.Concat(v.Server.Listen, v.Server.TLSListen), func(l Listen) bool { return l.Addr == addrText(r.Addr) && l.Addr != "" }) {
		v.bad("raft_addr", "This is the address of -addr, where clients connect.", "Give another port: members talk over a listener of its own.")
	}
	if r.State == ClusterJoin && len(r.Cluster) == 0 {
		v.bad("raft_cluster", "A node that joins must know whom.", "List the raft addresses of one or more members.")
	}
	if r.RTT < minRaftRTT || r.RTT > maxRaftRTT || r.RTT%time.Millisecond != 0 {
		v.bad("raft_rtt", "This is out of range or not whole.")
	}
	v.raftTLS(r.TLS)
}

func (v *validator) raftTLS(t RaftTLS) {
	if t == (RaftTLS{}) {
		return
	}
	for _, file := range []struct{ setting, name string }{{"raft_tls_ca", t.CAFile}, {"raft_tls_cert", t.CertFile}, {"raft_tls_key", t.KeyFile}} {
		if file.name == "" {
			v.bad(file.setting, "TLS between members needs all three files, and this one is not named.", "Give -raft_tls_ca, -raft_tls_cert and -raft_tls_key, or none of them.")
		}
	}
}

func (v *validator) zk() {
	if len(v.Broker.ZK.Servers) == 0 {
		v.bad("zk_addr", "The zk broker needs at least one server.")
	}
	v.addrs("zk_addr", v.Broker.ZK.Servers)
	z := &v.Broker.ZK
	if !isZKPath(z.Path) || z.Path == "/" {
		v.bad("zk_path", "This is not an absolute path.", "Give one such as /zk/redis/failover, without a slash at its end.")
	}
	if z.Root != "" && !isZKPath(z.Root) {
		v.bad("zk_addr", "What stands behind the servers is not an absolute path.", "Give one such as host:port,host:port/chroot, or none.")
	}
	if z.SessionTimeout < minZKSession || z.SessionTimeout > maxZKSession || z.SessionTimeout%time.Millisecond != 0 {
		v.bad("zk_session_timeout", "This is out of range or not whole.")
	}
	switch {
	case z.TLS != (ZKTLS{}) && z.TLS.CAFile == "":
		v.bad("zk_tls_ca", "TLS to ZooKeeper needs to know whom to trust.", "Name the file with the authorities.")
	case (z.TLS.CertFile == "") != (z.TLS.KeyFile == ""):
		v.bad("zk_tls_cert", "A certificate needs its key, and a key its certificate.", "Give -zk_tls_cert and -zk_tls_key, or neither.")
	}
	if strings.ContainsRune(z.AuthFile+z.TLS.CAFile+z.TLS.CertFile+z.TLS.KeyFile, 0) {
		v.bad("zk_auth_file", "A path contains a NUL byte.")
	}
}

// isZKPath reports whether ZooKeeper takes a path.
func isZKPath(p string) bool { return path.IsAbs(p) && path.Clean(p) == p && isMasterName(p) }

// addrs checks a list of addresses.
func (v *validator) addrs(name string, addrs []state.Addr) {
	seen := make(map[state.Addr]bool, len(addrs))
	for _, a := range addrs {
		switch {
		case !isAddr(a):
			v.bad(name, fmt.Sprintf("%q is not host:port.", a))
		case seen[a]:
			v.bad(name, fmt.Sprintf("%s is listed twice.", a), "List each address once.")
		}
		seen[a] = true
	}
}

// isAddr reports whether something can be connected to.
func isAddr(a state.Addr) bool {
	_, err := parseAddr(a.String())
	return err == nil
}
