// Package commands is what clients may say to redis-failover and what they are
// told.
//
// Each command is one [Command] value in the file of its family, listed in
// table.go. Arity errors, unknown commands, the authentication and pub/sub
// gates, COMMAND, the HELP subcommands and the documentation all come from that
// value, so that a new command is one value in one file and one line in the
// table.
//
// A handler gets the words of its command and a [Context], and returns a
// [Reply]. It never sees a connection, a protocol version or a lock; what it
// needs of the world are the small interfaces of node.go and session.go. All
// texts of errors are in errors.go.
//
// Who a session is and what that one may do is asked of Users before any handler
// runs (package acl holds the rules). It is asked anew for each command, so that
// what an ACL command changes holds from the next command of anybody on.
//
// Look-ups, with which clients find their masters, first pass a gate (LookUps): a
// node that cannot vouch for its copy of the document may have to say so.
//
// Replies come from two sources that a handler joins and never mixes up: what
// all nodes agree on (the document: addresses, settings, failovers) and what
// this node sees (the View: ages, links, SDOWN). A switch is in the document
// before the observations know of it, so observations count only for the
// address, and judgements only for the generation, that they were made of.
package commands
