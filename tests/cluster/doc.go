// Package cluster holds the tests of several nodes that hold one document with
// the raft broker, or with ZooKeeper: the real binary, real redis-servers, real signals and cut
// cables.
//
// Like those in tests/system, the tests look from outside, and at every node:
// at replies, events, the servers' own word on their role, the log and the exit
// code. Everything is waited for by condition; nothing is claimed about speed.
package cluster
