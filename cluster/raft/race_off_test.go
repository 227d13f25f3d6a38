//go:build !race

package raft

import "time"

const (
	raceDetector  = false
	quickElection = 15

	contractPatience = time.Minute
)
