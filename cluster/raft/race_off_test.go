//go:build !race

package raft

const (
	raceDetector  = false
	quickElection = 15
)
