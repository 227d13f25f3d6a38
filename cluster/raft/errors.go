package raft

import (
	"errors"
	"fmt"

	"redis-failover/cluster"
)

var (
	// ErrWiped is what Open wraps when the other members have worked with this
	// one before and its folder is empty now. Health says the same when they
	// come up later.
	ErrWiped = errors.New("this member has lost its data directory")
	// ErrRemoved is what Open wraps for a member that was removed from its
	// group.
	ErrRemoved = errors.New("this member was removed from the group")
	// ErrTooOld is what Open wraps when the group works with a document that
	// this build does not know, which is so once all members have run a newer
	// one.
	ErrTooOld = errors.New("this build is too old for the group")
)

// errClosed is the error after Close where nothing was sent.
var errClosed = fmt.Errorf("%w: %w", cluster.ErrClosed, cluster.ErrNotLogged)

// notLogged wraps a cause in ErrNotLogged, once.
func notLogged(cause error) error {
	if errors.Is(cause, cluster.ErrNotLogged) {
		return cause
	}
	return fmt.Errorf("%w: %w", cluster.ErrNotLogged, cause)
}

// noQuorum is ErrNoQuorum with a reason in words.
func noQuorum(reason string) error { return fmt.Errorf("%w: %s", cluster.ErrNoQuorum, reason) }

// wipedAdvice and removedAdvice say what to do, behind the error.
const (
	wipedAdvice = "a member must not come back under its old name without its data, because it has forgotten what it promised. " +
		"Restore the folder as it was when the process last stopped; or remove this member on one of the others, and start it with " +
		"an empty data directory (and raft_log_dir, if it has one) and the cluster state join, and add it again"
	tooOldAdvice  = "Start the build that the other members run; the data directory is as it should be"
	removedAdvice = "To make this machine a member again, empty the data directory (and raft_log_dir, if it has one), start with the cluster state join, and add it on one of the members"
)
