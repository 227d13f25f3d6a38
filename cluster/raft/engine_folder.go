package raft

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"redis-failover/cluster/datadir"
)

// The engine keeps its files in a folder that it names after the machine, and
// wants to find three things unchanged there: the machine's name, some settings,
// and the paths of its snapshots, which it stores in full. A container that comes
// back under another host name would be refused, and a folder that was moved
// would stop the process when a follower needs a snapshot.
//
// So the files are in a folder of a fixed name, and the machine's name is a link
// to it; links of earlier names stay, for the paths that contain them. The files
// with the settings are removed before each start, and made anew: member.json
// keeps what matters of them, and a crash in the middle of writing them would
// make the engine panic at every later start. After a move a snapshot is made as
// soon as there is a change (see supervise.go).

const engineFiles = "files"

// prepareEngine makes a folder ready for the engine.
func prepareEngine(dir string) error {
	if err := datadir.Make(filepath.Join(dir, engineFiles)); err != nil {
		return err
	}
	for _, name := range []string{"dragonboat.ds", "NODEHOST.ID"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("the name of this machine: %w", err)
	}
	if host == engineFiles {
		return nil
	}
	err = os.Symlink(engineFiles, filepath.Join(dir, host))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return datadir.Sync(dir)
}
