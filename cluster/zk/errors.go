package zk

import (
	"errors"
	"fmt"

	"redis-failover/cluster"
	"redis-failover/cluster/datadir"

	"github.com/go-zookeeper/zk"
)

var (
	// ErrInUse is what Open wraps when another process (or another Broker of
	// this one) has the folder open.
	ErrInUse = datadir.ErrInUse
	// ErrTooOld is what Open wraps when the path holds what this build does not
	// know: its nodes have run a newer one.
	ErrTooOld = errors.New("this build is too old for what is at the ZooKeeper path")
	// ErrForeign is what Open wraps when the path holds something else than a
	// document of redis-failover. Health says so when it comes to hold another
	// document than before, or none.
	ErrForeign = errors.New("the ZooKeeper path does not hold this node's document")
	// ErrReplaced is what Health says when another process works under this
	// node's identity.
	ErrReplaced = errors.New("another process works under this node's identity")
	// ErrRemoved is what Health says when this node was removed while it ran
	// without a session.
	ErrRemoved = errors.New("this node was removed")
)

// fatal is an error after which this node cannot go on by itself.
func fatal(err error) bool {
	for _, class := range []error{ErrTooOld, ErrForeign, ErrReplaced, ErrRemoved} {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// errSlow: ZooKeeper has not answered in time. What was asked for may have been
// done, or still be.
var errSlow = errors.New("ZooKeeper does not answer in time")

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

// refusedByServer reports whether ZooKeeper has answered with a no, so that
// nothing was done. All else leaves that open.
func refusedByServer(err error) bool {
	for _, answer := range []error{
		zk.ErrNoNode, zk.ErrNodeExists, zk.ErrBadVersion, zk.ErrNoAuth, zk.ErrInvalidACL, zk.ErrNotEmpty,
	} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}
