//go:build race

package sim

// raceDetector makes everything ten times slower. There is one goroutine to a
// schedule, so it has little to find here.
const raceDetector = true
