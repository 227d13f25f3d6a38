package main

import (
	"fmt"
	"log/slog"
	"os"
)

// writePidFile writes the id of this process, and returns what removes the file.
// "" is no file. As in Redis, a node without one works as well.
func writePidFile(path string, log *slog.Logger) (remove func()) {
	if path == "" {
		return func() {}
	}
	if err := os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		log.Warn("the pidfile cannot be written", "error", err)
		return func() {}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			log.Warn("the pidfile cannot be removed", "error", err)
		}
	}
}
