//go:build race

package raft

const (
	raceDetector  = true
	quickElection = 60
)
