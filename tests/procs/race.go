//go:build race

package procs

// raceDetector: this test binary has the race detector, so the redis-failover
// that it starts gets it too.
const raceDetector = true
