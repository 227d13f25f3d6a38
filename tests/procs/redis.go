package procs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// Opts are the options of Redis and Group; the zero value is a plain server on
// loopback.
type Opts struct {
	// Config holds more lines for the configuration file, as
	// "replica-priority 0". They come last, so they win.
	Config []string
	// Password protects the server, and is what it gives to its master. With
	// User too, the default user is off and this ACL user, who may do all,
	// takes its place.
	User, Password string
	// TLS has it speak TLS only, towards its replicas too.
	TLS *TLS
	// ReplicaOf makes it a replica from its start.
	ReplicaOf state.Addr
	// Network gives each server a host of its own there.
	Network *Network
	// Host starts the server on that host; it is stronger than Network.
	Host *Host
}

// Redis starts a redis-server with a configuration file (so that CONFIG REWRITE
// works), without persistence, and returns when it answers.
func Redis(t testing.TB, o Opts) *Server {
	t.Helper()
	program := NeedTool(t, "redis-server", "redis-server")
	if o.Host == nil && o.Network != nil {
		o.Host = o.Network.Host()
	}
	return launch(t, plan{
		name: "redis-server", user: o.User, password: o.Password, host: o.Host, tls: o.TLS,
		files: func(dir string, addr state.Addr) error {
			return writeLines(filepath.Join(dir, "redis.conf"), o.lines(dir, addr))
		},
		argv: func(dir string, _ state.Addr) []string {
			return []string{program, filepath.Join(dir, "redis.conf")}
		},
	})
}

// lines is the configuration file of a redis-server.
func (o Opts) lines(dir string, addr state.Addr) []string {
	lines := append(listen(dir, addr),
		`save ""`,
		"protected-mode no",
		// Without the delay, the first sync of a replica is a matter of
		// milliseconds.
		"repl-diskless-sync yes",
		"repl-diskless-sync-delay 0",
	)
	if o.Password != "" {
		lines = append(lines, "masterauth "+strconv.Quote(o.Password))
	}
	if o.TLS != nil {
		lines = append(lines, o.TLS.lines(addr.Port)...)
	}
	switch {
	case o.User != "":
		lines = append(lines,
			"user default off",
			fmt.Sprintf("user %s on %s ~* &* +@all", o.User, strconv.Quote(">"+o.Password)),
			"masteruser "+strconv.Quote(o.User))
	case o.Password != "":
		lines = append(lines, "requirepass "+strconv.Quote(o.Password))
	}
	if !o.ReplicaOf.IsZero() {
		lines = append(lines, fmt.Sprintf("replicaof %s %d", o.ReplicaOf.Host, o.ReplicaOf.Port))
	}
	return append(lines, o.Config...)
}

// listen is what the files of redis-server and redis-sentinel begin with. Both
// log to stdout, which the log file of the Server takes.
func listen(dir string, addr state.Addr) []string {
	bind := []string{addr.Host, "127.0.0.1"}
	return []string{
		"bind " + strings.Join(slices.Compact(bind), " "),
		"port " + strconv.Itoa(addr.Port),
		"dir " + strconv.Quote(dir),
		"daemonize no",
		`logfile ""`,
	}
}

func writeLines(file string, lines []string) error {
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

// RedisGroup is a master with its replicas, as they were started.
type RedisGroup struct {
	Master   *Server
	Replicas []*Server
}

// Servers lists the master and then the replicas.
func (g *RedisGroup) Servers() []*Server { return append([]*Server{g.Master}, g.Replicas...) }

// At returns the server of the group that has that address; the test ends if
// there is none.
func (g *RedisGroup) At(addr state.Addr) *Server {
	g.Master.t.Helper()
	for _, s := range g.Servers() {
		if s.Addr == addr {
			return s
		}
	}
	g.Master.t.Fatalf("no server of the group is at %v", addr)
	return nil
}

// Group starts a master and its replicas, all with the same options, and
// returns when the links of all replicas are up, seen from both ends.
func Group(t testing.TB, replicas int, o Opts) *RedisGroup {
	t.Helper()
	const linked = 20 * time.Second
	g := &RedisGroup{Master: Redis(t, o)}
	for range replicas {
		r := Redis(t, o)
		g.Replicas = append(g.Replicas, r)
		// The command begins to sync at once; the directive in the file waits
		// for the next whole second.
		r.Must("REPLICAOF", g.Master.Addr.Host, g.Master.Addr.Port)
		Eventually(t, linked, func() error { // it waits for a disk, which may be busy
			_, err := r.Do("CONFIG", "REWRITE")
			return err
		})
		Eventually(t, linked, func() error { return r.Follows(g.Master.Addr) })
	}
	Eventually(t, linked, func() error { return g.Master.hasOnline(replicas) })
	return g
}

// hasOnline returns nil if the master reports that many replicas online.
func (s *Server) hasOnline(replicas int) error {
	info, err := s.Info("replication")
	if err != nil {
		return err
	}
	online := 0
	for key, value := range info {
		if strings.HasPrefix(key, "slave") && strings.Contains(value, "state=online") {
			online++
		}
	}
	if online != replicas {
		return fmt.Errorf("%s has %d replicas online, not %d", s.Addr, online, replicas)
	}
	return nil
}
