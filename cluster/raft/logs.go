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
// warnings become debug lines and its errors warnings. Where it would stop the
// process, its goroutine is held instead, and we say what to do.

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
	list []*engineUser
}

// engineUser is an open broker.
type engineUser struct {
	log  *slog.Logger
	fail func(why error)
}

// attach adds a broker until detach is called.
func (r *receivers) attach(l *engineUser) (detach func()) {
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
	return r.list[0].log
}

// only is the broker of this process, nil if there are several: then nobody
// knows whose engine speaks.
func (r *receivers) only() *engineUser {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) != 1 {
		return nil
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

// Panicf must not return: the engine relies on not going on. It holds the
// goroutine for good and gives the broker up. It panics where that is caught, and
// where it cannot know whose engine it is.
func (e engineLog) Panicf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if caught() {
		panic(text)
	}
	if user := e.to.only(); user != nil {
		user.fail(lastWords(text))
		select {}
	}
	e.to.first().Error(lastWords(text).Error(), "part", e.part)
	panic(text)
}

// lastWords say in one line why the engine cannot go on, and what to do.
func lastWords(text string) error {
	return fmt.Errorf("this member has stopped taking part in the group, and needs a restart: %s (%s)", advice(text), firstLine(text))
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	if len(first) > longestCause {
		return first[:longestCause] + "…"
	}
	return first
}

// longestCause keeps the content of damaged files, which some errors repeat, out of
// ours.
const longestCause = 400

// advice tells a person what to do about the engine's last words.
func advice(text string) string {
	for _, c := range []struct{ advice, signs string }{
		{"the disk is full. Nothing acknowledged is lost; free some space", "no space left on device|disk quota exceeded"},
		{"the raft log lacks changes that this member had acknowledged: its folder was restored, emptied or damaged. " +
			"Remove this member on another one, empty the data directory, start with the cluster state join, and add it again",
			"invalid commitTo index|out of date snapshot"},
		{"the disk fails. Replace it, and this member", "input/output error|read-only file system|stale |no such device"},
		{"this process has too many files open. Raise its limit (ulimit -n, LimitNOFILE)", "too many open files"},
		{"the files of the data directory belong to another user, or are protected. Correct that", "permission denied|operation not permitted"},
		{"files of the data directory are gone. Restore them, or replace this member", "no such file or directory|file does not exist"},
	} {
		for sign := range strings.SplitSeq(c.signs, "|") {
			if strings.Contains(text, sign) {
				return c.advice
			}
		}
	}
	return "the raft engine cannot go on with the files that it has. If that is so at the next start too, empty the data directory and replace this member"
}
