// Package system holds the tests of the whole: the real binary, real
// redis-servers, real signals and cut cables, as one node on the standalone
// broker.
//
// The tests say what an operator may rely on, so they look from outside: at
// replies, events, the servers' own word on their role, the log and the exit
// code. Everything is waited for by condition; nothing is claimed about speed,
// which the benchmarks in tests/bench measure.
package system
