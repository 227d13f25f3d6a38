//go:build !race

// The race detector needs memory of its own.

package raft

import (
	"strconv"
	"testing"
)

// TestIdleMemory: a member with nothing to do is small.
func TestIdleMemory(t *testing.T) {
	list := children(t, 3, defaultTiming)
	for _, c := range list {
		c.start()
	}
	const limit = 40 << 10 // KiB
	for _, c := range list {
		c.ready()
		c.order("status")
		kib, err := strconv.Atoi(c.hear("status")[3])
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d KiB resident", kib)
		if kib > limit {
			t.Errorf("an idle member has %d KiB resident, %d is the aim", kib, limit)
		}
	}
}
