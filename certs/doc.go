// Package certs makes TLS of the certificates in files, for clients that connect
// to this node and for what this node connects to.
//
// The files are read anew on request, as a whole or not at all: a [Store] that
// cannot read one of them keeps all that it had. Connections that are there go on
// with what they began with.
//
// Whom a certificate is for is not checked, as in Redis: servers are known by
// addresses, which certificates seldom name. What counts is that it comes from
// one of the authorities, so these should sign for the servers and nodes of one
// group and nothing else.
package certs
