package conf

import (
	"fmt"
	"log/slog"
	"strings"
)

// Levels of Redis that slog does not have.
const (
	// LevelVerbose lies between debug and notice (slog's info).
	LevelVerbose slog.Level = -2
	// LevelNothing is above all that is ever logged.
	LevelNothing slog.Level = 1000
)

// levels are the names of levels: Redis's first, because LevelName shows the
// first one of each level, then slog's.
var levels = [...]struct {
	name  string
	level slog.Level
}{
	{"debug", slog.LevelDebug},
	{"verbose", LevelVerbose},
	{"notice", slog.LevelInfo},
	{"warning", slog.LevelWarn},
	{"nothing", LevelNothing},
	{"info", slog.LevelInfo},
	{"warn", slog.LevelWarn},
	{"error", slog.LevelError},
}

// ParseLevel reads the name of a log level, Redis's (debug, verbose, notice,
// warning, nothing) or slog's (debug, info, warn, error), in any case.
func ParseLevel(name string) (slog.Level, error) {
	for _, l := range levels {
		if strings.EqualFold(l.name, name) {
			return l.level, nil
		}
	}
	return 0, fmt.Errorf("there is no log level %q", name)
}

// IsRedisLevel reports whether a name, in any case, is that of a level of Redis.
func IsRedisLevel(name string) bool {
	level, err := ParseLevel(name)
	return err == nil && strings.EqualFold(LevelName(level), name) && level != slog.LevelError
}

// LevelName is the name of a level as Redis says it, or slog's where Redis has
// none. ParseLevel reads it back.
func LevelName(level slog.Level) string {
	for _, l := range levels {
		if l.level == level {
			return l.name
		}
	}
	return strings.ToLower(level.String())
}
