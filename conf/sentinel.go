package conf

import (
	"path/filepath"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/conf/sentinelconf"
)

// readSentinel reads a sentinel.conf and the lines of the command line that
// belong to its end.
func (l *loader) readSentinel(path string, text []byte) {
	file, faults := sentinelconf.Parse(path, text, l.line.directives, l.disk)
	l.faults.Merge(faults)
	l.sentinel = file
	l.file = make(layer)
	if g := file.LogLevel; g.Set() {
		l.file["log_level"] = entry{g.Value, lineOrigin(g.Line)}
	}
	if g := file.RequirePass; g.Set() {
		l.file["password"] = entry{string(g.Value), lineOrigin(g.Line)}
	}
	for directive, setting := range directiveSettings {
		if g := file.Others[directive]; g.Set() {
			l.file[setting] = entry{g.Value, lineOrigin(g.Line)}
		}
	}
}

// directiveSettings are the settings that directives stand for.
var directiveSettings = map[string]string{
	"aclfile": "users_file", "acllog-max-len": "users_log", "acl-pubsub-default": "users_channels",
	"bind-source-addr": "source_addr", "unixsocket": "socket", "unixsocketperm": "socket_mode", "supervised": "service_manager",
	"tls-cert-file": "tls_cert", "tls-key-file": "tls_key", "tls-key-file-pass": "tls_key_pass",
	"tls-client-cert-file": "tls_client_cert", "tls-client-key-file": "tls_client_key", "tls-client-key-file-pass": "tls_client_key_pass",
	"tls-ca-cert-file": "tls_ca", "tls-ca-cert-dir": "tls_ca_dir", "tls-auth-clients": "tls_clients",
	"tls-protocols": "tls_versions", "tls-ciphers": "tls_cipher_list", "tls-replication": "tls_to_servers",
}

// lineOrigin is where a line of a sentinel.conf stands.
func lineOrigin(line sentinelconf.Line) origin { return origin{line.At, line.String()} }

// applySentinel takes over what a sentinel.conf says, where no flag and no
// variable says otherwise.
func (l *loader) applySentinel() {
	l.sentinelServer()
	l.sentinelUsers()
	l.sentinelNode()
	for _, m := range l.sentinel.Masters {
		l.config.Masters = append(l.config.Masters, sentinelMaster(m))
	}
	for _, n := range l.sentinel.Notices {
		l.config.Notices = append(l.config.Notices, Notice(n))
	}
}

// taken reports whether a setting was given by a flag or a variable.
func (l *loader) taken(name string) bool {
	_, ok := l.config.given[name]
	return ok || l.faulty[name]
}

func (l *loader) sentinelServer() {
	f, server := l.sentinel, &l.config.Server
	if (f.Port.Set() || f.Bind.Set()) && !l.taken("addr") {
		port := defaultPort
		take(&port, f.Port)
		server.Listen = sentinelListen(f, port)
		line := f.Port.Line
		if f.Bind.Set() && port != 0 {
			line = f.Bind.Line
		}
		l.config.given["addr"] = lineOrigin(line)
	}
	if f.TLSPort.Set() && !l.taken("tls_addr") {
		server.TLSListen = sentinelListen(f, f.TLSPort.Value)
		l.config.given["tls_addr"] = lineOrigin(f.TLSPort.Line)
	}
	if (f.AnnounceIP.Set() || f.AnnouncePort.Set()) && !l.taken("announce_addr") {
		server.AnnounceAddr = state.Addr{Host: f.AnnounceIP.Value, Port: f.AnnouncePort.Value}
	}
	take(&server.ProtectedMode, f.ProtectedMode)
	take(&server.KeepAlive, f.KeepAlive)
	take(&server.Backlog, f.Backlog)
	if f.SessionTickets.Set() {
		l.config.TLS.NoTickets = !f.SessionTickets.Value
	}
	take(&server.Timeout, f.Timeout)
	take(&server.MaxClients, f.MaxClients)
	if f.PubSubLimit.Set() {
		server.PubSubLimit = BufferLimit(f.PubSubLimit.Value)
	}
}

// sentinelUsers takes over the user lines. As in Redis, one about the default user
// counts for more than requirepass.
func (l *loader) sentinelUsers() {
	for _, u := range l.sentinel.Users {
		l.config.Users.Lines = append(l.config.Users.Lines, User{Name: u.Name, Rules: u.Rules, At: u.Line.At})
		if u.Name == defaultUser && l.config.Server.RequirePass != "" {
			l.config.Notices = append(l.config.Notices, Notice{At: u.Line.At, Serious: true,
				Text: "requirepass has no effect: this line defines the default user, with or without a password."})
		}
	}
}

// defaultUser is whose password requirepass is.
const defaultUser = "default"

// sentinelListen makes listeners of a port and bind. As in Redis, port 0 is none,
// * is all of IPv4 and ::* all of IPv6, apart from each other.
func sentinelListen(f *sentinelconf.File, port int) []Listen {
	if port == 0 {
		return nil
	}
	if !f.Bind.Set() {
		return []Listen{{Network: "tcp", Addr: listenAddr("", port)}}
	}
	listen := make([]Listen, len(f.Bind.Value))
	for i, host := range f.Bind.Value {
		host, optional := strings.CutPrefix(host, "-")
		network := "tcp"
		switch {
		case host == "*":
			network, host = "tcp4", "0.0.0.0"
		case host == "::*":
			network, host = "tcp6", "::"
		case strings.Contains(host, ":"):
			network = "tcp6"
		}
		listen[i] = Listen{Network: network, Addr: listenAddr(host, port), Optional: optional}
	}
	return listen
}

func (l *loader) sentinelNode() {
	f, c := l.sentinel, &l.config
	take(&c.Log.File, f.LogFile)
	c.PidFile = f.Others["pidfile"].Value
	take(&c.Sentinel.DenyScriptsReconfig, f.DenyScriptsReconfig)
	l.sentinelGlobals()
	if !l.taken("isolated_answers") {
		take(&c.LookUps.IsolatedAnswers, f.IsolatedAnswers)
	}
	if !l.taken("linearizable_reads") {
		take(&c.LookUps.Linearizable, f.LinearizableReads)
	}
	take(&c.Sentinel.Dir, f.Dir)
	take(&c.MyID, f.MyID)
	c.CurrentEpoch = f.CurrentEpoch
	// Sentinel changes into dir. A process may hold several nodes, so here only
	// the paths that would be relative to it move there, and scripts start there.
	if f.Dir.Set() && !l.taken("data_dir") {
		c.Broker.DataDir = filepath.Join(f.Dir.Value, defaultDataDir)
		c.given["data_dir"] = lineOrigin(f.Dir.Line)
	}
}

// sentinelGlobals takes over the settings of the whole service.
func (l *loader) sentinelGlobals() {
	f, yesNo := l.sentinel, map[bool]string{true: "yes", false: "no"}
	add := func(name, value string, given bool) {
		if given && !l.taken(strings.ReplaceAll(name, "-", "_")) {
			l.config.Sentinel.set(name, value)
		}
	}
	add(state.ResolveHostnames, yesNo[f.ResolveHostnames.Value], f.ResolveHostnames.Set())
	add(state.AnnounceHostnames, yesNo[f.AnnounceHostnames.Value], f.AnnounceHostnames.Set())
	add(state.SentinelUser, f.SentinelUser.Value, f.SentinelUser.Set())
	add(state.SentinelPass, string(f.SentinelPass.Value), f.SentinelPass.Set())
}

// take replaces a value by one that was given.
func take[T any](value *T, g sentinelconf.Given[T]) {
	if g.Set() {
		*value = g.Value
	}
}

func sentinelMaster(m sentinelconf.Master) Master {
	master := Master{
		Name: m.Name, Addr: m.Addr, Quorum: m.Quorum, Settings: m.Settings, ConfigEpoch: m.ConfigEpoch,
		At: m.Line.At, origin: lineOrigin(m.Line), saysStop: m.Gives("stop-after-failed-failover"),
	}
	for _, r := range m.Replicas {
		master.Replicas = append(master.Replicas, r.Addr)
		master.replicaOrigins = append(master.replicaOrigins, lineOrigin(r.Line))
	}
	return master
}
