package raft

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/lni/dragonboat/v4/logger"
)

// The engine has one logger for the whole process. What it says goes to the
// logger of the first broker that is open.
//
// Its words are for those who write it: a member that waits for its peers is
// four warnings a second. What a person should know we say ourselves, so its
// warnings become debug lines and its errors warnings. Before it stops the
// process, we say what to do.

// logs is the process's receiver of the engine's words. It is made at the first
// use, because the engine accepts one only once and before all else.
var logs = sync.OnceValue(func() *receivers {
	r := &receivers{}
	// An embedder that uses the engine too may have been here before; then its
	// words go there.
	defer func() { _ = recover() }()
	logger.SetLoggerFactory(func(part string) logger.ILogger { return engineLog{r, part} })
	return r
})

// receivers are the loggers of the open brokers.
type receivers struct {
	mu   sync.Mutex
	list []*slog.Logger
}

// attach adds a logger until detach is called.
func (r *receivers) attach(l *slog.Logger) (detach func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, l)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.list, l); i >= 0 {
			r.list = slices.Delete(r.list, i, i+1)
		}
	}
}

func (r *receivers) first() *slog.Logger {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == 0 {
		return slog.New(slog.DiscardHandler)
	}
	return r.list[0]
}

// engineLog fulfils the engine's logger.ILogger for one of its parts.
type engineLog struct {
	to   *receivers
	part string
}

func (e engineLog) say(level slog.Level, format string, args []any) {
	if l := e.to.first(); l.Enabled(context.Background(), level) {
		l.Log(context.Background(), level, "raft engine: "+fmt.Sprintf(format, args...), "part", e.part)
	}
}

// SetLevel does nothing: our loggers have levels of their own.
func (e engineLog) SetLevel(logger.LogLevel) {}

func (e engineLog) Debugf(format string, args ...any)   { e.say(slog.LevelDebug, format, args) }
func (e engineLog) Infof(format string, args ...any)    { e.say(slog.LevelDebug, format, args) }
func (e engineLog) Warningf(format string, args ...any) { e.say(slog.LevelDebug, format, args) }
func (e engineLog) Errorf(format string, args ...any)   { e.say(slog.LevelWarn, format, args) }

// Panicf says what to do and panics, as it must: the engine relies on not
// going on.
func (e engineLog) Panicf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	first, _, _ := strings.Cut(text, "\n")
	e.to.first().Error("the raft engine stops this process: "+advice(text), "part", e.part, "cause", first)
	panic(text)
}

// advice tells a person what to do about the engine's last words.
func advice(text string) string {
	switch {
	case strings.Contains(text, "no space left on device"), strings.Contains(text, "disk quota exceeded"):
		return "the disk of the data directory is full. Nothing acknowledged is lost; free space and start again"
	case strings.Contains(text, "invalid commitTo index"), strings.Contains(text, "out of date snapshot"):
		return "its log lacks changes that it had acknowledged (a folder that was restored, emptied or damaged). " +
			"Empty the data directory, remove this member on another one, and add it again"
	case strings.Contains(text, "input/output error"):
		return "the disk of the data directory fails. Replace it, and this member"
	}
	return "start it again; if it happens again, empty the data directory and replace this member"
}
