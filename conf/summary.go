package conf

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"redis-failover/cluster/state"
)

// Summary is what would run, for people: several lines, no passwords.
func (c *Config) Summary() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	if c.File != "" {
		row("file", "%s", c.File)
	}
	row("listen", "%s (%s)", c.Server.listenText(), c.credentialsText())
	if u := c.Users.text(); u != "" {
		row("users", "%s", u)
	}
	row("HTTP", "%s", c.Server.httpText())
	if t := c.tlsText(); t != "" {
		row("TLS", "%s", t)
	}
	if a := c.Server.announceText(); a != "" {
		row("announce", "%s", a)
	}
	row("broker", "%s", c.Broker.text())
	row("look-ups", "%s", c.LookUps.text())
	row("probes", "every %s, INFO every %s", c.Monitor.CheckInterval, c.Monitor.InfoPeriod)
	row("log", "%s as %s to %s", LevelName(c.Log.Level), c.Log.Format, orElse(c.Log.File, "standard output"))
	row("saved masters", "%s", map[MastersState]string{MastersExisting: "kept", MastersNew: "forgotten"}[c.MastersState])
	for i := range c.Masters {
		row("master", "%s", c.Masters[i].text())
	}
	for _, n := range c.Notices {
		row("notice", "%s", n)
	}
	w.Flush()
	return b.String()
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// text is who there is beside the default user.
func (u *Users) text() string {
	if u.File != "" {
		return "those in " + u.File
	}
	names := make([]string, len(u.Lines))
	for i, user := range u.Lines {
		names[i] = user.Name
	}
	return strings.Join(names, ", ")
}

// listenText is all that clients can connect to.
func (s *Server) listenText() string {
	var ways []string
	if len(s.Listen) > 0 {
		ways = append(ways, listenText(s.Listen))
	}
	if len(s.TLSListen) > 0 {
		ways = append(ways, "with TLS "+listenText(s.TLSListen))
	}
	if s.UnixSocket != "" {
		ways = append(ways, s.UnixSocket)
	}
	return strings.Join(ways, ", ")
}

func listenText(listen []Listen) string {
	addrs := make([]string, len(listen))
	for i, l := range listen {
		addrs[i] = l.Addr
	}
	return strings.Join(addrs, ",")
}

func (s *Server) httpText() string {
	switch s.HTTPAddr {
	case "":
		return "on the same address"
	case HTTPOff:
		return HTTPOff
	}
	return "on " + s.HTTPAddr
}

// tlsText is how TLS is used, "" if it is not.
func (c *Config) tlsText() string {
	t := &c.TLS
	var uses []string
	if len(c.Server.TLSListen) > 0 {
		uses = append(uses, fmt.Sprintf("certificate %s, clients show one: %s", t.CertFile, t.Clients))
	}
	if t.ToServers {
		uses = append(uses, "used towards servers and members")
	}
	return strings.Join(uses, ", ")
}

func (c *Config) credentialsText() string {
	switch {
	case c.Users.File != "" || len(c.Users.Lines) > 0:
		return "see users"
	case c.Server.RequirePass != "":
		return "with a password"
	}
	return "no password"
}

// announceText is the address as far as it is set.
func (s *Server) announceText() string {
	switch a := s.AnnounceAddr; {
	case a.IsZero():
		return ""
	case a.Port == 0:
		return a.Host
	case a.Host == "":
		return fmt.Sprintf(":%d", a.Port)
	default:
		return a.String()
	}
}

func (b *Broker) text() string {
	text := fmt.Sprintf("%s, data in %s", b.Kind, b.DataDir)
	switch b.Kind {
	case RaftBroker:
		text += b.Raft.text()
	case ZKBroker:
		text += b.ZK.text()
	}
	return text
}

func (z *ZK) text() string {
	text := fmt.Sprintf(", %s at %s", joinAddrs(z.Servers), z.Root+z.Path)
	if z.TLS.CAFile != "" {
		text += ", with TLS"
	}
	if z.AuthFile == "" {
		text += ", without credentials: whoever reaches ZooKeeper can read and change all"
	}
	return text
}

func (r *Raft) text() string {
	members := orElse(joinAddrs(r.Cluster), "this node alone")
	text := fmt.Sprintf(", %s among %s (%s)", r.Addr, members, r.State)
	if r.Listen != "" {
		text += ", listening on " + r.Listen
	}
	if r.LogDir != "" {
		text += ", log in " + r.LogDir
	}
	switch {
	case r.TLS != RaftTLS{}:
		text += ", with TLS"
	case r.SecretFile != "":
		text += ", with a secret"
	case len(r.Cluster) > 0:
		text += ", with neither TLS nor a secret: whoever reaches it can take part"
	}
	return text
}

func (l LookUps) text() string {
	switch {
	case l.Linearizable:
		return "confirmed by a majority each, refused without one"
	case l.IsolatedAnswers:
		return "answered, without a majority with what was last known"
	}
	return "refused without a majority"
}

// mastersText is the masters setting that would give these masters.
func (c *Config) mastersText() string {
	var items []string
	for _, m := range c.Masters {
		switch {
		case !m.FromFlags:
		case m.Name == m.Addr.String():
			items = append(items, m.Name)
		default:
			items = append(items, m.Name+"="+m.Addr.String())
		}
	}
	return strings.Join(items, ",")
}

func (m *Master) text() string {
	quorum := "majority"
	if m.Quorum > 0 {
		quorum = fmt.Sprint(m.Quorum)
	}
	text := fmt.Sprintf("%s %s, quorum %s, down after %s, failover timeout %s, parallel syncs %d",
		m.Name, m.Addr, quorum, m.Settings.DownAfter, m.Settings.FailoverTimeout, m.Settings.ParallelSyncs)
	if len(m.Replicas) > 0 {
		text += ", replicas " + joinAddrs(m.Replicas)
	}
	return text + credentialsText(&m.Settings)
}

func credentialsText(s *state.Settings) string {
	switch {
	case s.AuthPass == "":
		return ""
	case s.AuthUser == "":
		return ", with a password"
	}
	return fmt.Sprintf(", as user %s with a password", s.AuthUser)
}
