package procs

import (
	"testing"
	"time"
)

// poll is how long Eventually and its kin wait between two looks: short beside
// the tens of milliseconds that the tests measure, long enough to leave the
// processor to the servers. This file is the only one in the tests that sleeps.
const poll = 5 * time.Millisecond

// Eventually looks until cond returns nil. After timeout the test ends with the
// last error.
func Eventually(t testing.TB, timeout time.Duration, cond func() error) {
	t.Helper()
	if err := await(timeout, cond); err != nil {
		t.Fatalf("not within %v: %v", timeout, err)
	}
}

// Holds looks for the whole of a duration and ends the test as soon as cond
// returns an error. It is for what must not happen; for what must, use
// Eventually.
func Holds(t testing.TB, duration time.Duration, cond func() error) {
	t.Helper()
	begin := time.Now()
	for {
		if err := cond(); err != nil {
			t.Fatalf("no longer true after %v: %v", time.Since(begin).Round(time.Millisecond), err)
		}
		if time.Since(begin) >= duration {
			return
		}
		time.Sleep(poll)
	}
}

// await looks until cond returns nil, and returns the last error after timeout.
func await(timeout time.Duration, cond func() error) error {
	deadline := time.Now().Add(timeout)
	for {
		err := cond()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(poll)
	}
}
