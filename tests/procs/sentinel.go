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
		argv: func(dir string, addr state.Addr) ([]string, error) {
			file := filepath.Join(dir, "sentinel.conf")
			lines := append(listen(dir, addr), "protected-mode no", o.Conf)
			return []string{program, file}, writeLines(file, lines)
		},
	})
}
