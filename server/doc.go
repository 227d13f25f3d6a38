// Package server is the mouth of redis-failover: a listener, sessions, the RESP
// encoding and publish/subscribe. What commands mean is not its business: a
// session reads words, has package commands answer them and sends the reply.
//
// See DESIGN.md in this folder.
package server
