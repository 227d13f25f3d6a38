package procs

import (
	"path/filepath"
	"testing"

	"redis-failover/cluster/state"
)

// SentinelOpts are the options of Sentinel.
type SentinelOpts struct {
	// Conf is its configuration without address and directory, as
	// "sentinel monitor mymaster 127.0.0.1 6379 1\n".
	Conf string
	// User and Password are for the calls of the test, when Conf demands them.
	User, Password string
	// Host starts it on that host.
	Host *Host
}

// Sentinel starts a stock redis-sentinel and returns when it answers.
func Sentinel(t testing.TB, o SentinelOpts) *Server {
	t.Helper()
	program := NeedTool(t, "redis-sentinel", "redis-sentinel")
	return launch(t, plan{
		name: "redis-sentinel", user: o.User, password: o.Password, host: o.Host,
		files: func(dir string, addr state.Addr) error {
			lines := append(listen(dir, addr), "protected-mode no", o.Conf)
			return writeLines(filepath.Join(dir, "sentinel.conf"), lines)
		},
		argv: func(dir string, _ state.Addr) []string {
			return []string{program, filepath.Join(dir, "sentinel.conf")}
		},
	})
}

// Sentinels starts that many stock sentinels with the same configuration. They
// find each other through the masters that they watch: see Server.Sees.
func Sentinels(t testing.TB, n int, o SentinelOpts) []*Server {
	t.Helper()
	var all []*Server
	for range n {
		all = append(all, Sentinel(t, o))
	}
	return all
}
