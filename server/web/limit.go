package web

import (
	"net"
	"sync"
)

// limited is a listener that has no more than a number of connections at a time. The
// system keeps some more waiting.
type limited struct {
	net.Listener
	slots chan struct{}
}

// limit puts a limit on a listener; 0 is none.
func limit(l net.Listener, clients int) net.Listener {
	if clients <= 0 {
		return l
	}
	return &limited{l, make(chan struct{}, clients)}
}

// Accept waits until there is room, and for a connection.
func (l *limited) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { <-l.slots })}, nil
}

type limitedConn struct {
	net.Conn
	leave func()
}

// Close is part of net.Conn.
func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
