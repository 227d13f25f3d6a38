package raft

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lni/vfs"
)

// The engine does not survive a disk that fails: whichever of its goroutines
// meets an error of the log panics, and takes the process along. So it sees its
// files through a disk of ours. An error that would be its end is reported to
// the broker, and the call that met it never returns: nothing more is written or
// acknowledged, and this member is lost for its group until the process is
// restarted. Whether that goes on answering from what it knows meanwhile is up to
// whoever embeds the broker; redis-failover ends, to be started again.
//
// On a goroutine of ours, where a panic can be caught (see survive), the call
// returns the error instead.

// disk is a file system as the engine sees it.
type disk struct {
	vfs.FS
	events *events
	// slow is told of a sync that took long; it does not block.
	slow func(time.Duration)
}

// engineDisk is what the engine is given. It accepts no file system but its own
// three, of which one wraps another to inject errors; ours injects none.
func engineDisk(fs vfs.FS, e *events, slow func(time.Duration)) vfs.FS {
	return vfs.Wrap(disk{FS: fs, events: e, slow: slow}, noErrors{})
}

type noErrors struct{}

func (noErrors) MaybeError(vfs.Op) error { return nil }

// fatal are the errors of a disk, and of what stands between it and us, that
// the engine does not expect of any call.
var fatal = []error{
	syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS, syscall.EFBIG, syscall.ESTALE, syscall.ENXIO, syscall.ENODEV,
	syscall.EMFILE, syscall.ENFILE, syscall.EACCES, syscall.EPERM,
}

// check returns an error that the engine can deal with.
func (d disk) check(err error) error {
	if err != nil && slices.ContainsFunc(fatal, func(f error) bool { return errors.Is(err, f) }) {
		return d.hold(err)
	}
	return err
}

// checkData is for what always works on a sound disk.
func (d disk) checkData(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, fs.ErrClosed) {
		return err
	}
	return d.hold(err)
}

// hold keeps an error from the engine, for good.
func (d disk) hold(err error) error {
	return d.events.end(err, lastWords(err.Error()))
}

func (d disk) file(f vfs.File, err error) (vfs.File, error) {
	if err := d.check(err); err != nil {
		return nil, err
	}
	return file{f, d}, nil
}

// Create fails on a sound disk only when the folder was removed.
func (d disk) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	if err := d.checkData(err); err != nil {
		return nil, err
	}
	return file{f, d}, nil
}

// Open looks at the head of a snapshot: the engine panics at a damaged one.
func (d disk) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.file(d.FS.Open(name, options...))
	if err != nil || !strings.HasSuffix(name, snapshotSuffix) {
		return f, err
	}
	if err := checkSnapshotHead(f); err != nil {
		return nil, errors.Join(d.hold(fmt.Errorf("%s: %w", name, err)), f.Close())
	}
	return f, nil
}

func (d disk) OpenForAppend(name string) (vfs.File, error) {
	return d.file(d.FS.OpenForAppend(name))
}

func (d disk) ReuseForWrite(from, to string) (vfs.File, error) {
	return d.file(d.FS.ReuseForWrite(from, to))
}

func (d disk) OpenDir(name string) (vfs.File, error) {
	f, err := d.FS.OpenDir(name)
	if err := d.check(err); err != nil {
		return nil, err
	}
	return folder{f, d}, nil
}

func (d disk) Link(from, to string) error               { return d.check(d.FS.Link(from, to)) }
func (d disk) Rename(from, to string) error             { return d.check(d.FS.Rename(from, to)) }
func (d disk) Remove(name string) error                 { return d.check(d.FS.Remove(name)) }
func (d disk) RemoveAll(name string) error              { return d.check(d.FS.RemoveAll(name)) }
func (d disk) MkdirAll(dir string, m os.FileMode) error { return d.check(d.FS.MkdirAll(dir, m)) }

func (d disk) List(dir string) ([]string, error) {
	names, err := d.FS.List(dir)
	return names, d.check(err)
}

func (d disk) Stat(name string) (os.FileInfo, error) {
	info, err := d.FS.Stat(name)
	return info, d.check(err)
}

// file is a file of the disk.
type file struct {
	vfs.File
	disk disk
}

func (f file) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	return n, f.disk.checkData(err)
}

func (f file) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at)
	return n, f.disk.checkData(err)
}

func (f file) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.disk.checkData(err)
}

func (f file) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(p, at)
	return n, f.disk.checkData(err)
}

func (f file) Close() error { return f.disk.checkData(f.File.Close()) }

// Sync leaves out what reading the file again does not need (times), which saves
// a write for each change.
func (f file) Sync() error {
	begin := time.Now()
	err := syncData(f.File)
	f.disk.slow(time.Since(begin))
	return f.disk.checkData(err)
}

// folder is a folder that is opened to be synced.
type folder struct {
	vfs.File
	disk disk
}

func (f folder) Sync() error { return f.disk.checkData(f.File.Sync()) }
