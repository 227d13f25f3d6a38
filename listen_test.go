package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-failover/certs"
	"redis-failover/conf"
)

const patience = 30 * time.Second

var quiet = slog.New(slog.DiscardHandler)

// listening opens what a configuration says.
func listening(t *testing.T, change func(*conf.Config)) (net.Listener, error) {
	t.Helper()
	cfg := conf.Default()
	cfg.Server.Listen = []conf.Listen{{Network: "tcp", Addr: "127.0.0.1:0"}}
	change(&cfg)
	store, err := certs.Open(cfg.TLS)
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen(&cfg, store, quiet)
	if err == nil {
		t.Cleanup(func() { _ = l.Close() })
	}
	return l, err
}

// arrives connects and returns the other end of the connection.
func arrives(t *testing.T, l net.Listener, network, addr string) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	got, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = got.Close() })
	return got
}

func TestListenOnSeveral(t *testing.T) {
	l, err := listening(t, func(c *conf.Config) {
		c.Server.Listen = append(c.Server.Listen, conf.Listen{Network: "tcp6", Addr: "[::1]:0", Optional: true},
			conf.Listen{Network: "tcp", Addr: "203.0.113.1:1", Optional: true})
		c.Server.UnixSocket, c.Server.Backlog = filepath.Join(t.TempDir(), "s"), 7
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range l.(*merged).parts {
		got := arrives(t, l, part.Addr().Network(), strings.TrimSuffix(part.Addr().String(), ":0"))
		if got.LocalAddr().Network() != part.Addr().Network() {
			t.Errorf("came to %v, not to %v", got.LocalAddr(), part.Addr())
		}
	}
	if _, err := listening(t, func(c *conf.Config) { c.Server.Listen[0].Addr = l.Addr().String() }); err == nil || !strings.Contains(err.Error(), "-addr") {
		t.Errorf("an address that is in use: %v", err)
	}
	if _, err := listening(t, func(c *conf.Config) {
		c.Server.Listen = []conf.Listen{{Network: "tcp", Addr: "203.0.113.1:1", Optional: true}}
	}); err == nil {
		t.Error("it listens nowhere and finds that good")
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.sock")
	only := func(c *conf.Config) {
		c.Server.Listen = nil
		c.Server.UnixSocket, c.Server.UnixSocketMode = path, 0o640
	}
	first, err := listening(t, only)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the socket is %v (%v)", info.Mode(), err)
	}
	conn := arrives(t, first, "unix", path)
	if conn.RemoteAddr().String() != path+":0" || conn.LocalAddr().String() != path+":0" {
		t.Errorf("its ends are %v and %v", conn.RemoteAddr(), conn.LocalAddr())
	}
	if _, ok := conn.(syscall.Conn); !ok {
		t.Error("it has no descriptor for CLIENT LIST")
	}
	if _, err := listening(t, only); err == nil || !strings.Contains(err.Error(), "another process listens") {
		t.Errorf("a second listener: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket stays after the end")
	}
}

// A socket that a dead process left behind is replaced; a file is not.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.sock")
	dead, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	dead.(*net.UnixListener).SetUnlinkOnClose(false) // as if it was killed
	_ = dead.Close()
	on := func(path string) func(*conf.Config) {
		return func(c *conf.Config) { c.Server.UnixSocket = path }
	}
	if _, err := listening(t, on(path)); err != nil {
		t.Errorf("a stale socket: %v", err)
	}
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listening(t, on(precious)); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file: %v", err)
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "text" {
		t.Errorf("the file now has %q (%v)", text, err)
	}
}

// fromFar gives its connections the address of another machine.
type fromFar struct{ net.Listener }

type farConn struct{ net.Conn }

func (f fromFar) Accept() (net.Conn, error) {
	conn, err := f.Listener.Accept()
	return farConn{conn}, err
}

func (farConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("203.0.113.7:4711"))
}

func TestProtectedMode(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	open := true
	cfg := conf.Default()
	cfg.Server.ProtectedMode = true
	far := protect(&cfg, fromFar{tcp}, func() bool { return open })
	accepted := make(chan error, 1)
	go func() {
		_, err := far.Accept()
		accepted <- err
	}()
	conn, err := net.DialTimeout("tcp", tcp.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil || string(text) != denied || strings.Count(denied, "\n") != 1 {
		t.Errorf("a client of another machine was told %q (%v)", text, err)
	}
	_ = tcp.Close()
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("it was accepted: %v", err)
	}

	open = false // a password was set
	again, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	arrives(t, protected{fromFar{again}, func() bool { return open }}, "tcp", again.Addr().String())
	cfg.Server.ProtectedMode = false
	arrives(t, protect(&cfg, fromFar{again}, func() bool { return true }), "tcp", again.Addr().String())
}

func TestLocalClients(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1:1": true, "127.255.0.9:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true,
		"192.0.2.1:1": false, "[fe80::1%eth0]:1": false, "0.0.0.0:1": false, "[::]:1": false,
	} {
		if addr := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)); isLocal(addr) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
	if !isLocal(unixAddr("/run/s")) {
		t.Error("a Unix socket is not local")
	}
}
