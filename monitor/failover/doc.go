// Package failover is the decision core: pure functions over the agreed
// document, this node's observations and the time. No I/O, no clock, no
// goroutine, no randomness.
package failover
