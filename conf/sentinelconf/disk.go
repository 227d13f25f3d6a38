package sentinelconf

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Disk is what a configuration needs of the file system. Tests and fuzzing give
// one of their own.
type Disk interface {
	// Read returns a whole file. Its error does not repeat the path.
	Read(path string) ([]byte, error)
	// Glob returns the files that match a pattern, sorted.
	Glob(pattern string) ([]string, error)
	// Runnable reports whether there is such a file and this process may execute
	// it.
	Runnable(path string) bool
	// IsDir reports whether there is such a directory.
	IsDir(path string) bool
}

// maxFile bounds what is read as a configuration: 10,000 masters with all
// their settings take 5 MB. It keeps a device or a log file given by mistake
// from filling the memory.
const maxFile = 64 << 20

// OS is the Disk of the machine.
type OS struct{}

// Read implements Disk.
func (OS) Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("this is a directory, not a file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, plainError(err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("the file is larger than %d MB, which no configuration is", maxFile>>20)
	}
	return data, nil
}

// plainError says why a file cannot be read, without the path, which the
// message names anyway.
func plainError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file")
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the user of this process (uid %d) may not read the file", os.Getuid())
	}
	if path := new(fs.PathError); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("the file cannot be read: %w", err)
}

// Glob implements Disk.
func (OS) Glob(pattern string) ([]string, error) { return filepath.Glob(pattern) }

// Runnable implements Disk.
func (OS) Runnable(path string) bool {
	info, err := os.Stat(path)
	const executable = 1 // X_OK of access(2)
	return err == nil && info.Mode().IsRegular() && syscall.Access(path, executable) == nil
}

// IsDir implements Disk.
func (OS) IsDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
