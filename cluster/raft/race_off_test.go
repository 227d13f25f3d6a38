//go:build !race

package raft

import "time"

const (
	quickElection = 15

	contractPatience = time.Minute
)
