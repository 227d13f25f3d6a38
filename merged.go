package main

import (
	"errors"
	"net"
	"sync"
)

// merged is several listeners as one.
type merged struct {
	parts    []net.Listener
	accepted chan acceptance
	closing  chan struct{}
	once     sync.Once
}

type acceptance struct {
	conn net.Conn
	err  error
}

func merge(parts []net.Listener) *merged {
	m := &merged{parts: parts, accepted: make(chan acceptance), closing: make(chan struct{})}
	for _, l := range parts {
		go m.accept(l)
	}
	return m
}

func (m *merged) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		select {
		case m.accepted <- acceptance{conn, err}:
		case <-m.closing:
			if err == nil {
				_ = conn.Close()
			}
			return
		}
	}
}

// Accept returns the next connection of any part.
func (m *merged) Accept() (net.Conn, error) {
	select {
	case a := <-m.accepted:
		return a.conn, a.err
	case <-m.closing:
		return nil, net.ErrClosed
	}
}

// Close closes all parts.
func (m *merged) Close() error {
	var errs []error
	m.once.Do(func() {
		close(m.closing)
		for _, l := range m.parts {
			errs = append(errs, l.Close())
		}
	})
	return errors.Join(errs...)
}

// Addr is that of the first part.
func (m *merged) Addr() net.Addr { return m.parts[0].Addr() }
