//go:build race

package standalone

// raceEnabled: the race detector makes everything some ten times slower.
const raceEnabled = true
