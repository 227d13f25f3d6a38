// Package sentinelconf reads a sentinel.conf as Redis Sentinel reads it, and
// never writes one.
//
// A file is lines of words (split.go), an include stands for the lines of
// another file (read.go). Directives of redis.conf take effect where they
// stand (general.go, known.go). Lines that begin with "sentinel" are put aside
// and applied in three passes wherever they stand (sentinel.go, master.go): what
// the whole node needs to know first, then the masters, then what is said of
// the masters; that is why a file may speak of a master before it monitors it.
//
// Redis stops at the first fault. This package goes on and reports all of them,
// which takes some care that one mistake does not show up as many: a master
// whose monitor line is wrong still counts as known to the lines about it.
//
// The messages are those of Redis, followed by what to do. No message ever
// contains a password, also not when the directive's name was mistyped.
package sentinelconf
