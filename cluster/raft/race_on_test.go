//go:build race

package raft

import "time"

const (
	quickElection = 60

	contractPatience = 5 * time.Minute
)
