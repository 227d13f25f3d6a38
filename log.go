package main

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"

	"redis-failover/conf"
)

// newLogger makes the one logger of the program. What libraries write to the
// standard log goes there too.
func newLogger(c conf.Log) (*slog.Logger, func(), error) {
	var out io.Writer = os.Stderr
	closeLog := func() {}
	if c.File != "" {
		// 0600: payloads of events and reasons are nobody else's business.
		file, err := os.OpenFile(c.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, nil, fmt.Errorf("the log file cannot be opened for appending: %w", err)
		}
		out = file
		closeLog = func() { _ = file.Close() }
	}
	options := &slog.HandlerOptions{Level: c.Level}
	var handler slog.Handler = slog.NewTextHandler(out, options)
	if c.Format == "json" {
		handler = slog.NewJSONHandler(out, options)
	}
	logger := slog.New(handler)
	slog.SetDefault(logger)
	log.SetFlags(0)
	return logger, closeLog, nil
}
