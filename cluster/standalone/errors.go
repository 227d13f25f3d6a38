package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"redis-failover/cluster/state"
)

// ErrInUse is what Open wraps when another process (or another Broker of this
// one) has the folder open.
var ErrInUse = errors.New("the data directory is in use")

// CorruptError is what Open returns for a folder whose files changed after they
// were written. Nothing was changed by Open.
type CorruptError struct {
	// Dir is the folder, File the file in it, Offset the place of the damage.
	Dir    string
	File   string
	Offset int64
	// Found is what is wrong there.
	Found string

	intact   state.Index // with cuttable: all changes up to here are readable
	cuttable bool        // the file is a log that can be cut at Offset
	later    []string    // the logs after File
	older    string      // an older snapshot that may do in place of File
}

func corrupt(name string, offset int64, format string, args ...any) *CorruptError {
	return &CorruptError{File: name, Offset: offset, Found: fmt.Sprintf(format, args...)}
}

// unreadable is the error for data whose checksum is right and that can still
// not be read.
func unreadable(name string, offset int64, cause error) error {
	if newer := (state.ErrNewerSchema{}); errors.As(cause, &newer) {
		return &NewerError{File: name, What: "schema", Found: newer.Found, Known: newer.Known}
	}
	return corrupt(name, offset, "the checksum is right, but: %s", cause)
}

// Error says where the damage is, what it is and what a person can do.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s is damaged at offset %d: %s. Nothing was changed. %s",
		filepath.Join(e.Dir, e.File), e.Offset, e.Found, e.advice())
}

func (e *CorruptError) advice() string {
	ways := []string{"restore the folder from a backup"}
	if e.cuttable {
		cut := fmt.Sprintf("keep the changes up to number %d, which are intact, and lose the later ones: run `truncate -s %d %s`",
			e.intact, e.Offset, filepath.Join(e.Dir, e.File))
		if len(e.later) > 0 {
			cut += " and move away " + strings.Join(e.later, ", ")
		}
		ways = append(ways, cut)
	}
	if e.older != "" {
		ways = append(ways, fmt.Sprintf("move %s away, so that %s and the logs after it are used, if they reach as far", e.File, e.older))
	}
	ways = append(ways, fmt.Sprintf("move %s away and start with an empty one: the masters then come from the configuration, "+
		"and what was changed at run time (masters added, settings, the addresses after failovers, epochs) is lost", e.Dir))
	return "Either " + strings.Join(ways, "; or ") + "."
}

// NewerError is what Open returns for files that a newer build wrote. Nothing
// was changed by Open.
type NewerError struct {
	Dir, File string
	// What is "format" or "schema".
	What         string
	Found, Known int
}

// Error says which versions meet and what to do.
func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has %s version %d, this build knows up to %d: start the build that wrote it, or a later one; nothing was changed",
		filepath.Join(e.Dir, e.File), e.What, e.Found, e.Known)
}

// located fills in the folder of an error that names only a file.
func located(dir string, err error) error {
	if c := (*CorruptError)(nil); errors.As(err, &c) {
		c.Dir = dir
	}
	if n := (*NewerError)(nil); errors.As(err, &n) {
		n.Dir = dir
	}
	return err
}

// forPeople explains an error of the file system on the data directory.
func forPeople(dir string, err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Sprintf("no space is left for the data directory %s: free some", dir)
	case errors.Is(err, syscall.EROFS):
		return fmt.Sprintf("the data directory %s is on a file system that is mounted read-only", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("user id %d may not write to the data directory %s: give it to that user", os.Geteuid(), dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Sprintf("the data directory %s is, or lies below, a file", dir)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the data directory %s, or a file in it, is gone", dir)
	}
	return fmt.Sprintf("the data directory %s cannot be written: look at the disk and the kernel's log", dir)
}
