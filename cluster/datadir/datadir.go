// Package datadir is how brokers treat the folder that they keep something in:
// closed to strangers, used by one process, and written so that a power cut
// leaves the old file or the new one.
package datadir

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

// ErrInUse is what Lock wraps when another process, or another part of this one,
// has the folder.
var ErrInUse = errors.New("the data directory is in use")

// Make creates a folder that is open to nobody else: the files hold
// passwords.
func Make(dir string) error {
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
	return Sync(above)
}

// WriteDurable puts a file into the place of another, at once or not at all.
func WriteDurable(dir, name string, content []byte) error {
	path := filepath.Join(dir, name)
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
	return Sync(dir)
}

// Sync makes the names in a folder durable.
func Sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Lock takes the folder for this process, or fails at once with ErrInUse.
// The kernel lets go of it when the process ends, however it ends.
func Lock(dir string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
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
