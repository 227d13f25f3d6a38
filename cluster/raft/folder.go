package raft

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"redis-failover/cluster/datadir"
)

// ErrInUse is what Open wraps when another process (or another Broker of this
// one) has the folder open.
var ErrInUse = datadir.ErrInUse

// engineFolder is where the engine's files are, below the data directory.
const engineFolder = "engine"

func pathIn(dir, name string) string { return filepath.Join(dir, name) }

// freeSpace is how many bytes this process can still write on the file system
// of a folder.
func freeSpace(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// hasEngine reports whether the engine has ever been opened in a folder.
func hasEngine(dir string) bool {
	_, err := os.Stat(pathIn(dir, engineFolder))
	return err == nil
}
