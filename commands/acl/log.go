package acl

import (
	"slices"
	"time"
)

// Entry is something that was refused, once or often.
type Entry struct {
	// ID is drawn by the log, from 0.
	ID int64
	// Count is how often it happened.
	Count int64
	// Reason is "command", "channel" or "auth".
	Reason string
	// Object is the command, the channel, or the word that asked for the login.
	Object string
	// User is who asked, or tried to be.
	User string
	// Client is the connection that asked last, as CLIENT INFO shows it.
	Client string
	// Created and Updated are when it happened first and last.
	Created, Updated time.Time
}

const (
	// What is alike among the last groupAmong entries, and less than groupWithin
	// old, is one entry with a higher count: somebody who tries again and again
	// does not drive the others out of the log.
	groupAmong  = 10
	groupWithin = time.Minute
)

// Log keeps the last refusals. The caller sees to it that one goroutine uses it
// at a time.
type Log struct {
	limit   int
	entries []Entry // the last one first
	next    int64
}

// NewLog makes a log of at most limit entries; with 0 it keeps nothing.
func NewLog(limit int) *Log { return &Log{limit: limit} }

// Add adds a refusal. ID, Count and the times of e are filled in.
func (l *Log) Add(now time.Time, e Entry) {
	e.Count, e.Created, e.Updated = 1, now, now
	among := l.entries[:min(groupAmong, len(l.entries))]
	if i := slices.IndexFunc(among, e.continues); i >= 0 {
		old := l.entries[i]
		e.ID, e.Count, e.Created = old.ID, old.Count+1, old.Created
		l.entries = slices.Delete(l.entries, i, i+1)
	} else {
		e.ID = l.next
		l.next++
	}
	l.entries = slices.Insert(l.entries, 0, e)
	if len(l.entries) > l.limit {
		l.entries = slices.Delete(l.entries, l.limit, len(l.entries))
	}
}

// continues reports whether e is the same as an older entry.
func (e Entry) continues(old Entry) bool {
	return e.Reason == old.Reason && e.Object == old.Object && e.User == old.User && e.Updated.Sub(old.Updated) <= groupWithin
}

// Last returns the last n entries, the last one first.
func (l *Log) Last(n int) []Entry { return slices.Clone(l.entries[:min(max(n, 0), len(l.entries))]) }

// Reset forgets all entries.
func (l *Log) Reset() { l.entries = nil }
