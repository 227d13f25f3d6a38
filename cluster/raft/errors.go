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
		"an empty data directory and the cluster state join, and add it again"
	removedAdvice = "To make this machine a member again, empty the data directory, start with the cluster state join, and add it on one of the members"
)
