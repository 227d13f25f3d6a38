// Package compat asks a stock redis-sentinel and redis-failover the same
// questions and compares the answers, in RESP2 and RESP3. Both watch the same
// master and replica.
//
// The tables in the *_calls_test.go files hold the calls; adding one is adding
// a line. Answers must be the same, to the byte where nothing says otherwise.
// A difference that is meant carries its reason, and what we answer instead, in
// the table; a difference that the table excuses and that is not there is an
// error too. The reasons are in reasons_test.go, and each has a line in
// docs/compatibility.md.
package compat
