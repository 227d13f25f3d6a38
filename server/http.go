package server

import (
	"bytes"
	"net"
	"time"

	"redis-failover/commands"
)

// httpStarts are how HTTP requests begin. A path always follows the method, and
// RESP begins with "*", so only a line of text that nobody would send as a command
// ("GET /x") is taken for HTTP; "GET x" is still an unknown command.
var httpStarts = [][]byte{
	[]byte("GET /"), []byte("HEAD /"), []byte("POST /"), []byte("PUT /"), []byte("DELETE /"), []byte("PATCH /"),
	[]byte("OPTIONS /"), []byte("OPTIONS *"),
}

// speaksHTTP reads as many bytes of a new client as it takes to tell HTTP from
// RESP, and takes none of them. It waits only where a command would be waited for
// too: a client that says nothing, or the beginning of a word, is owed no answer.
func speaksHTTP(in *frames) (bool, error) {
	for {
		undecided := len(in.unread()) == 0
		for _, start := range httpStarts {
			if bytes.HasPrefix(in.unread(), start) {
				return true, nil
			}
			undecided = undecided || bytes.HasPrefix(start, in.unread())
		}
		if !undecided {
			return false, nil
		}
		if err := in.more(); err != nil {
			return false, err
		}
	}
}

// handOver leaves the connection to Options.HTTP and returns when that has ended
// it. Until then the client is among those of CLIENT LIST, so that it counts for
// maxclients and can be killed.
func (s *session) handOver() error {
	if s.server.options.HTTP == nil {
		return errHTTP
	}
	s.Update(func(client *commands.Client) { client.Command = "http" })
	if err := s.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	s.server.options.HTTP(&httpConn{Conn: s.conn, session: s, rest: bytes.Clone(s.in.unread())})
	return net.ErrClosed
}

// httpConn is a connection whose first bytes were read already.
type httpConn struct {
	net.Conn
	session *session
	rest    []byte // of those bytes
}

// Read is part of net.Conn; one goroutine at a time may call it.
func (c *httpConn) Read(p []byte) (int, error) {
	if len(c.rest) > 0 {
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.session.server.stats.input(n)
		c.session.Update(func(client *commands.Client) { client.Active = time.Now() })
	}
	return n, err
}

// Write is part of net.Conn.
func (c *httpConn) Write(p []byte) (int, error) {
	c.session.server.stats.output(len(p))
	return c.Conn.Write(p)
}
