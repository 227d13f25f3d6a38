package procs

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"redis-failover/cluster/state"
)

// LedisDB builds a ledis-server, starts it as a master with a configuration file
// (so that CONFIG REWRITE works) and returns when it answers. Its SLAVEOF takes
// no port above 32767; the ports of this package are below that where the kernel
// leaves room for it, as it does by default.
func LedisDB(t testing.TB) *Server {
	t.Helper()
	program, err := buildLedisDB()
	if err != nil {
		t.Fatalf("build LedisDB: %v", err)
	}
	return launch(t, plan{
		name: "ledis-server",
		files: func(dir string, addr state.Addr) error {
			return writeLines(filepath.Join(dir, "ledis.toml"), []string{
				"addr = " + strconv.Quote(addr.String()),
				"data_dir = " + strconv.Quote(filepath.Join(dir, "data")),
				`db_name = "goleveldb"`,
				"use_replication = true",
			})
		},
		argv: func(dir string, _ state.Addr) []string {
			return []string{program, "-config=" + filepath.Join(dir, "ledis.toml")}
		},
	})
}

// LedisDBGroup starts a master and its replicas, and returns when all replicas
// follow it.
func LedisDBGroup(t testing.TB, replicas int) *RedisGroup {
	t.Helper()
	g := &RedisGroup{Master: LedisDB(t)}
	for range replicas {
		r := LedisDB(t)
		g.Replicas = append(g.Replicas, r)
		r.Must("SLAVEOF", g.Master.Addr.Host, g.Master.Addr.Port)
		r.Must("CONFIG", "REWRITE")
		Eventually(t, startTimeout, func() error { return r.Follows(g.Master.Addr) })
	}
	return g
}

// buildLedisDB builds it where build puts redis-failover, and for the same
// reasons.
var buildLedisDB = sync.OnceValues(func() (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", "test", "ledis-server")
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Dir = filepath.Join(root, "tests", "engines", "testdata", "ledisdb")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})
