package raft

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrInUse is what Open wraps when another process (or another Broker of this
// one) has the folder open.
var ErrInUse = errors.New("the data directory is in use")

// engineFolder is where the engine's files are, below the data directory.
const engineFolder = "engine"

func pathIn(dir, name string) string { return filepath.Join(dir, name) }

// makeFolder creates a folder that is open to nobody else: the files hold
// passwords.
func makeFolder(dir string) error {
	if err := makeDurable(dir); err != nil {
		return fmt.Errorf("the data directory %s cannot be made: %w", dir, err)
	}
	return nil
}

// makeDurable makes a folder and those above it, and syncs what it made: a power
// cut must not take a new folder away with all that was acknowledged in it.
func makeDurable(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	above := filepath.Dir(dir)
	if above != dir {
		if err := makeDurable(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(above)
}

// writeDurable puts a file into the place of another, at once or not at all.
func writeDurable(dir, name string, content []byte) error {
	path := pathIn(dir, name)
	f, err := os.OpenFile(path+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path+".tmp"))
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockFolder takes the folder for this process, or fails at once with ErrInUse.
// The kernel lets go of it when the process ends, however it ends.
func lockFolder(dir string) (release func() error, err error) {
	f, err := os.OpenFile(pathIn(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be written: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		return nil, fmt.Errorf("%w: %s is locked by %s; two processes must not share it", ErrInUse, dir, holder(f))
	}
	// The process id is for people, so a full disk is no reason to fail here.
	if f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return func() error {
		_ = f.Truncate(0)
		return f.Close()
	}, nil
}

func holder(f io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	if pid := strings.TrimSpace(string(text)); pid != "" {
		return "process " + pid
	}
	return "another process"
}

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
