package failover

import "errors"

// Why a manual failover was not begun.
var (
	ErrNoSuchMaster  = errors.New("no such master")
	ErrInProgress    = errors.New("failover already in progress")
	ErrNoGoodReplica = errors.New("no suitable replica to promote")
)
