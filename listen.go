package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"redis-failover/certs"
	"redis-failover/conf"
)

// listen opens all that clients can connect to, as one listener whose Addr is
// the address to announce. An address that is optional and not to be had is
// left out with a word in the log, as redis-server does with "bind -::1".
func listen(cfg *conf.Config, store *certs.Store, log *slog.Logger) (net.Listener, error) {
	o := opener{server: &cfg.Server, log: log}
	err := o.all(store, cfg.TLS.ToServers)
	if err == nil && len(o.open) == 0 {
		err = errors.New("none of the addresses to listen on could be opened; see -addr")
	}
	if err != nil {
		for _, l := range o.open {
			_ = l.Close()
		}
		return nil, err
	}
	if len(o.open) == 1 {
		return o.open[0], nil
	}
	return merge(o.open), nil
}

// opener opens listeners.
type opener struct {
	server *conf.Server
	log    *slog.Logger
	open   []net.Listener
}

// all opens everything. What the other members connect to comes first.
func (o *opener) all(store *certs.Store, tlsFirst bool) error {
	if err := o.tcp(o.server.Listen, nil); err != nil {
		return err
	}
	plain := o.open
	o.open = nil
	err := o.tcp(o.server.TLSListen, store)
	if tlsFirst {
		o.open = append(o.open, plain...)
	} else {
		o.open = append(plain, o.open...)
	}
	if err == nil && o.server.UnixSocket != "" {
		err = o.unix()
	}
	return err
}

// tcp opens TCP addresses, with the TLS of store unless that is nil.
func (o *opener) tcp(addrs []conf.Listen, store *certs.Store) error {
	config := net.ListenConfig{KeepAlive: -1}
	if idle := o.server.KeepAlive; idle > 0 { // as Redis asks: three times in as long again
		config.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: idle, Interval: max(idle/3, time.Second), Count: 3}
	}
	for _, a := range addrs {
		l, err := config.Listen(context.Background(), a.Network, a.Addr)
		switch {
		case err == nil:
			o.open = append(o.open, l)
			setBacklog(l, o.server.Backlog)
		case a.Optional:
			o.log.Warn("not listening on an optional address", "address", a.Addr, "error", err)
			continue
		default:
			return fmt.Errorf("cannot listen on %s (choose another with -addr, with TLS -tls_addr): %w", a.Addr, err)
		}
		if store == nil {
			continue
		}
		if o.open[len(o.open)-1], err = store.Listen(l, o.log); err != nil {
			o.open[len(o.open)-1] = l
			return err
		}
	}
	return nil
}

// unix opens the socket. One that a process left behind when it died is
// replaced, one that somebody listens on is not.
func (o *opener) unix() error {
	path := o.server.UnixSocket
	if err := removeStale(path); err != nil {
		return fmt.Errorf("cannot listen on the socket %s: %w", path, err)
	}
	mode := o.server.UnixSocketMode
	if mode != 0 { // nobody connects before it has its permissions
		defer syscall.Umask(syscall.Umask(0o777))
	}
	l, err := net.Listen("unix", path)
	if err == nil && mode != 0 {
		if err = os.Chmod(path, mode); err != nil {
			_ = l.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("cannot listen on the socket %s: %w", path, err)
	}
	setBacklog(l, o.server.Backlog)
	o.open = append(o.open, &unixListener{Listener: l, addr: unixAddr(path)})
	return nil
}

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file of that name, which is not a socket")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return errors.New("another process listens on it; stop that one, or name another socket")
	}
	return os.Remove(path)
}

// setBacklog has a queue of that length wait for Accept; 0 changes nothing. The
// system bounds it.
func setBacklog(l net.Listener, length int) {
	raw, err := l.(syscall.Conn).SyscallConn()
	if length == 0 || err != nil {
		return
	}
	// A shorter or longer queue is no reason not to serve.
	_ = raw.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), length) })
}

// unixListener shows its connections as Redis does: both ends are at the path.
type unixListener struct {
	net.Listener
	addr unixAddr
}

// Accept returns the next connection.
func (l *unixListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &unixConn{conn.(*net.UnixConn), l.addr}, nil
}

type unixConn struct {
	*net.UnixConn
	addr unixAddr
}

// RemoteAddr and LocalAddr are the path of the socket.
func (c *unixConn) RemoteAddr() net.Addr { return c.addr }

// LocalAddr is RemoteAddr.
func (c *unixConn) LocalAddr() net.Addr { return c.addr }

// unixAddr is the path of a socket.
type unixAddr string

// Network is "unix".
func (a unixAddr) Network() string { return "unix" }

// String has the form host:port that readers of CLIENT LIST expect.
func (a unixAddr) String() string { return string(a) + ":0" }
