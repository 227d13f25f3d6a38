package standalone

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// disk is one folder of a file system: what the broker does to its files, and
// nothing else, so that tests can stand in a disk that fills up, fails or loses
// power. Names are file names without a folder. All but lock are called by one
// goroutine at a time; Create and the calls on its file may run beside others
// on other names.
type disk interface {
	// List returns the names of all files, in any order.
	List() ([]string, error)
	// ReadFile returns a whole file.
	ReadFile(name string) ([]byte, error)
	// Create makes an empty file that only its owner can read, in place of
	// what there was.
	Create(name string) (file, error)
	// Rename puts a file into the place of another, at once or not at all.
	Rename(from, to string) error
	// Remove deletes a file.
	Remove(name string) error
	// SyncDir makes what Create, Rename and Remove did durable.
	SyncDir() error
}

// file is an open file.
type file interface {
	// WriteAt writes all of p, or returns an error.
	WriteAt(p []byte, off int64) (int, error)
	// Sync makes the content durable. After an error, what was written since
	// the last success may or may not be durable, and a later success does not
	// cover it.
	Sync() error
	Truncate(size int64) error
	Close() error
}

// folder is the operating system's disk.
type folder string

// makeFolder creates a folder and those above it that are missing, durably, and
// open to nobody else: the files hold passwords.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s: %w", dir, syscall.ENOTDIR)
		}
		return nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return folder(parent).SyncDir()
}

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) List() ([]string, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (d folder) ReadFile(name string) ([]byte, error) { return os.ReadFile(d.path(name)) }

func (d folder) Create(name string) (file, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d folder) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d folder) Remove(name string) error { return os.Remove(d.path(name)) }

func (d folder) SyncDir() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lockName is the file that is locked while a folder is in use; it holds the
// process id of the holder. It is never removed: a lock on a file that another
// process removes and creates anew would lock nobody out.
const lockName = "lock"

// lock takes the folder for this process, or fails at once with ErrInUse. The
// kernel lets go of it when the process ends, however it ends; processes that
// this one starts do not inherit it.
func (d folder) lock() (release func() error, err error) {
	f, err := os.OpenFile(d.path(lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		return nil, fmt.Errorf("%w: %s is locked by %s; two processes must not share it", ErrInUse, d, holder(f))
	}
	// The process id is for people, so a full disk is no reason to fail here.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(fmt.Sprintf("%d\n", os.Getpid())), 0)
	}
	return func() error {
		_ = f.Truncate(0)
		return f.Close()
	}, nil
}

func holder(f io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(f, 32))
	pid := strings.TrimSpace(string(text))
	if pid == "" {
		return "another process"
	}
	return "process " + pid
}
