//go:build !race

package procs

const raceDetector = false
