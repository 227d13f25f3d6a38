package certs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// handshakeTime is how long a client may take for its handshake: a minute's
	// traffic of a slow line.
	handshakeTime = 30 * time.Second
	// goodbyeTime is how long closing may wait for a client that takes nothing
	// any more.
	goodbyeTime = 500 * time.Millisecond
)

// Listen makes TLS connections of what l accepts. Their handshake is done at the
// first Read or Write, on the caller's goroutine; one that fails is logged. The
// store must have a certificate for clients.
func (s *Store) Listen(l net.Listener, log *slog.Logger) (net.Listener, error) {
	if s.now.Load().clients == nil {
		return nil, errors.New("TLS: there is no certificate to show to clients")
	}
	return &listener{Listener: l, log: log, config: &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.now.Load().clients, nil },
	}}, nil
}

type listener struct {
	net.Listener
	config *tls.Config
	log    *slog.Logger
}

// Accept waits for the next client and not for its handshake.
func (l *listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: tls.Server(raw, l.config), log: l.log}, nil
}

// Conn is a client's connection with TLS. It has what callers look for in a
// [net.TCPConn] too.
type Conn struct {
	*tls.Conn
	log    *slog.Logger
	shaken sync.Once
	err    error // of the handshake
}

// handshake is done once. Its deadline is not that of the connection.
func (c *Conn) handshake() error {
	c.shaken.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
		defer cancel()
		if c.err = c.Conn.HandshakeContext(ctx); c.err == nil {
			return
		}
		level := slog.LevelInfo
		if errors.Is(c.err, io.EOF) || errors.Is(c.err, net.ErrClosed) || errors.Is(c.err, syscall.ECONNRESET) {
			level = slog.LevelDebug // it only looked whether somebody listens
		}
		c.log.Log(ctx, level, "a client failed its TLS handshake", "client", c.RemoteAddr().String(), "error", c.err)
	})
	return c.err
}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.handshake(); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.handshake(); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close says goodbye, but does not wait long for those who do not listen.
func (c *Conn) Close() error {
	raw := c.NetConn()
	hurry := time.AfterFunc(goodbyeTime, func() { _ = raw.Close() })
	defer hurry.Stop()
	return c.Conn.Close()
}

// SetLinger is that of the connection below.
func (c *Conn) SetLinger(seconds int) error {
	if tcp, ok := c.NetConn().(*net.TCPConn); ok {
		return tcp.SetLinger(seconds)
	}
	return errors.ErrUnsupported
}

// SyscallConn is that of the connection below.
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if raw, ok := c.NetConn().(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// Secure does the handshake of a connection that was dialled, within ctx. It
// closes the connection if it fails.
func (s *Store) Secure(ctx context.Context, raw net.Conn) (net.Conn, error) {
	conn := tls.Client(raw, s.now.Load().servers)
	err := conn.HandshakeContext(ctx)
	if err == nil {
		return conn, nil
	}
	_ = raw.Close() // it is of no use
	if notTLS := (tls.RecordHeaderError{}); errors.As(err, &notTLS) {
		return nil, fmt.Errorf("the other end does not speak TLS at this port: %w", err)
	}
	return nil, fmt.Errorf("TLS: %w", err)
}
