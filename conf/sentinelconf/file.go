package sentinelconf

import (
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// File is what a sentinel.conf says. What it does not say is a zero Given.
type File struct {
	Port        Given[int]      // 0 to 65535; 0 is no port without TLS
	TLSPort     Given[int]      // 0 to 65535; 0 is none
	Bind        Given[[]string] // as written: "*", "::1", "-::1"
	LogFile     Given[string]   // absolute or under the working directory, "" for standard output
	LogLevel    Given[string]   // debug, verbose, notice, warning or nothing
	RequirePass Given[state.Secret]
	Timeout     Given[time.Duration] // 0: idle clients stay
	MaxClients  Given[int]           // at least 1
	KeepAlive   Given[time.Duration] // 0: never asked
	Backlog     Given[int]           // 0 to 2^31-1; 0 is what the system allows
	// ProtectedMode and SessionTickets are yes or no.
	ProtectedMode, SessionTickets Given[bool]
	// Others are directives whose one argument is taken as it is, by name: those
	// of others below. Paths among them are absolute or under the working
	// directory.
	Others      map[string]Given[string]
	PubSubLimit Given[BufferLimit]
	// Users are the user lines, in the order of the file. Each has a name.
	Users []User
	// Dir is the last dir directive, joined to those before it.
	Dir Given[string]

	AnnounceIP          Given[string]
	AnnouncePort        Given[int] // 1 to 65535
	DenyScriptsReconfig Given[bool]
	ResolveHostnames    Given[bool]
	AnnounceHostnames   Given[bool]
	IsolatedAnswers     Given[bool]
	LinearizableReads   Given[bool]
	SentinelUser        Given[string]
	SentinelPass        Given[state.Secret]
	MyID                Given[state.MemberID]
	// CurrentEpoch is the highest epoch that the file mentions.
	CurrentEpoch state.Epoch

	// Masters are in the order of their monitor lines.
	Masters []Master
	// Notices are in the order of the file, one for each directive.
	Notices []Notice
}

// Given is a value and where it was given. The zero Given was not.
type Given[T any] struct {
	Value T
	Line  Line
}

// Set reports whether the value was given.
func (g Given[T]) Set() bool { return len(g.Line.Words) > 0 }

// BufferLimit is how much unsent output a client may have: never more than
// Hard bytes, and not more than Soft bytes for SoftFor. 0 is no limit.
type BufferLimit struct {
	Hard, Soft int64
	SoftFor    time.Duration
}

// User is a line about a user of this node. What rules mean is not looked at.
type User struct {
	Line Line
	Name string
	// Rules may hold passwords.
	Rules []state.Secret
}

// Master is a monitored master and what the file says of it.
type Master struct {
	// Line is the monitor line.
	Line     Line
	Name     string
	Addr     state.Addr
	Quorum   int
	Settings state.Settings
	// Replicas are in the order of the file.
	Replicas    []Replica
	ConfigEpoch state.Epoch
	// sentinels holds the run ids of known-sentinel lines.
	sentinels map[string]bool
	// options holds the names of the options that lines of the file set.
	options map[string]bool
}

// Gives reports whether a line of the file sets the option of that name.
func (m *Master) Gives(option string) bool { return m.options[option] }

// Replica is a known-replica line.
type Replica struct {
	Line Line
	Addr state.Addr
}

// Notice is something that was accepted and that the reader of the file should
// know of: a directive that has no effect here.
type Notice struct {
	At fault.Pos
	// Text is a sentence.
	Text string
	// Serious: the node is less protected than the file asks for.
	Serious bool
}
