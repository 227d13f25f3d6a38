package cluster

import (
	"fmt"

	"redis-failover/cluster/state"
)

// UnknownError is an ErrUnknown that names the mutation it is about. Brokers
// fill in the ids of mutations, so a caller that wants to repeat a proposal, or
// to look for its traces, learns the id here.
type UnknownError struct {
	// ID is the id under which the mutation may have been logged.
	ID state.MutationID
	// Cause is why the outcome is unknown.
	Cause error
}

// Error says what is unknown and why.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s: mutation %s/%d: %s", ErrUnknown, e.ID.Member, e.ID.Seq, e.Cause)
}

// Unwrap makes errors.Is find ErrUnknown and the cause.
func (e *UnknownError) Unwrap() []error { return []error{ErrUnknown, e.Cause} }
