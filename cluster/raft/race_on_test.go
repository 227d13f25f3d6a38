//go:build race

package raft

import "time"

const (
	raceDetector  = true
	quickElection = 60

	contractPatience = 5 * time.Minute
)
