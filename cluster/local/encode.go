package local

import (
	"errors"
	"fmt"

	"redis-failover/cluster/state"
)

// maxEntry bounds one mutation, in bytes.
const maxEntry = 16 << 20

// Encode returns the mutation as it goes into the log, having made sure that it
// can be read back: one that cannot would be passed over by everybody.
func Encode(m state.Mutation) ([]byte, error) {
	if m.Op == nil {
		return nil, errors.New("the mutation has no operation")
	}
	text, err := state.EncodeMutation(m)
	if err != nil {
		return nil, err
	}
	if len(text) > maxEntry {
		return nil, fmt.Errorf("a mutation of %d bytes; %d is the most", len(text), maxEntry)
	}
	if _, err := state.DecodeMutation(text); err != nil {
		return nil, fmt.Errorf("the mutation cannot be read back: %w", err)
	}
	return text, nil
}
