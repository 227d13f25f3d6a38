// Package events compares what subscribers hear of a stock redis-sentinel and of
// redis-failover when the same happens to the servers that they watch: channels,
// payloads and order.
//
// Each has a group of servers of its own, so that both can be broken at the same
// moment. A record is put into words first: addresses become OLD (the master at
// the beginning), NEW (the replica that was promoted) and OTHER, the address of
// the master becomes MASTER where it is the one that the last +switch-master
// told. Then it is split into streams, because what a sentinel sees of a server
// by itself and what it does come in no fixed order, with stock no more than with
// ours: the failover with all that it leads to is one stream, the ups and downs
// of a server, its roles and its restarts are others. Each stream must be the
// same on both sides, line for line; where two streams have to keep an order,
// the test says so.
//
// A difference that is meant is in a table, with its reason. One that is excused
// and not there is an error too.
package events
