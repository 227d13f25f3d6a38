package procs

import (
	"os"
	"syscall"
)

// For tests that break many processes at the same time and cannot wait for each.

// Spawn starts a server that does not run, and does not wait until it answers.
// The server must have been started before. It may be called from any goroutine.
func (s *Server) Spawn() error { return s.spawn() }

// Terminate asks the process to end with SIGTERM, and does not wait for that.
// One that has ended is left alone.
func (s *Server) Terminate() { _ = s.process().Signal(syscall.SIGTERM) }

// LogSize is the length of Log in bytes: what a later process writes begins
// there. A server that has written nothing has 0.
func (s *Server) LogSize() int64 {
	info, err := os.Stat(s.logPath())
	if err != nil {
		return 0
	}
	return info.Size()
}
