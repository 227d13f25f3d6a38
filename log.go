package main

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"sync"

	"redis-failover/conf"
)

// newLogger makes the one logger of the program, of what level is at any time. What
// libraries write to the standard log goes there too.
func newLogger(c conf.Log, level slog.Leveler) (*slog.Logger, func(), error) {
	var out io.Writer = os.Stdout // as Redis: standard error is for what ends a start
	closeLog := func() {}
	if c.File != "" {
		file, err := openLog(c.File)
		if err != nil {
			return nil, nil, fmt.Errorf("the log file cannot be opened for appending: %w", err)
		}
		out = file
		closeLog = file.close
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(out, options)
	if c.Format == "json" {
		handler = slog.NewJSONHandler(out, options)
	}
	logger := slog.New(handler)
	slog.SetDefault(logger)
	log.SetFlags(0)
	return logger, closeLog, nil
}

// logFile appends to whatever file is at its path. Redis opens its log for each
// line, so whoever rotates it tells nobody: the file is moved or removed, and the
// next line begins a new one.
type logFile struct {
	path string

	mu   sync.Mutex
	file *os.File
	info os.FileInfo
}

func openLog(path string) (*logFile, error) {
	l := &logFile{path: path}
	return l, l.open()
}

func (l *logFile) open() error {
	// 0600: payloads of events and reasons are nobody else's business.
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return err
	}
	if l.file != nil {
		_ = l.file.Close() // each line was written at once
	}
	l.file, l.info = file, info
	return nil
}

// Write appends one line. When no new file can be made in place of one that is
// gone, the old one takes it.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now, err := os.Stat(l.path); err != nil || !os.SameFile(now, l.info) {
		_ = l.open()
	}
	return l.file.Write(line)
}

func (l *logFile) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close()
}

// logLevel is the level of the program's log, which SENTINEL CONFIG SET changes. It
// implements commands.LogLevel.
type logLevel struct{ slog.LevelVar }

func newLogLevel(level slog.Level) *logLevel {
	l := new(logLevel)
	l.LevelVar.Set(level)
	return l
}

func (l *logLevel) Name() string { return conf.LevelName(l.Level()) }

func (l *logLevel) Knows(name string) bool { return conf.IsRedisLevel(name) }

func (l *logLevel) Set(name string) bool {
	level, err := conf.ParseLevel(name)
	if err != nil || !l.Knows(name) {
		return false
	}
	l.LevelVar.Set(level)
	return true
}
