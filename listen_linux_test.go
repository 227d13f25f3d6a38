package main

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"redis-failover/certs"
	"redis-failover/conf"
	"redis-failover/tests/pki"
)

// Connections with and without TLS are asked whether they are still there as the
// configuration says.
func TestKeepAlive(t *testing.T) {
	ca := pki.New(t, "group")
	pair := ca.Issue(t.TempDir(), "node")
	for idle, want := range map[time.Duration]int{0: 0, time.Minute: 60} {
		l, err := listening(t, func(c *conf.Config) {
			c.Server.KeepAlive = idle
			c.Server.TLSListen = []conf.Listen{{Network: "tcp", Addr: "127.0.0.1:0"}}
			c.TLS.CertFile, c.TLS.KeyFile, c.TLS.CAFile = pair.Cert, pair.Key, ca.File
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range l.(*merged).parts {
			conn := arrives(t, l, "tcp", part.Addr().String())
			if _, isTLS := conn.(*certs.Conn); isTLS != (part == l.(*merged).parts[1]) {
				t.Errorf("%v gives a %T", part.Addr(), conn)
			}
			if got := idleTime(t, conn); got != want {
				t.Errorf("keep-alive %v: %T is asked after %d s", idle, conn, got)
			}
		}
	}
}

// What others are told to connect to is the way that they take.
func TestFirstAddress(t *testing.T) {
	ca := pki.New(t, "group")
	pair := ca.Issue(t.TempDir(), "node")
	for _, c := range []struct{ plain, toServers, wantTLS bool }{
		{true, false, false}, {true, true, true}, {false, false, true}, {false, true, true},
	} {
		l, err := listening(t, func(cfg *conf.Config) {
			if !c.plain {
				cfg.Server.Listen = nil
			}
			cfg.Server.TLSListen = []conf.Listen{{Network: "tcp", Addr: "127.0.0.1:0"}}
			cfg.Server.UnixSocket = filepath.Join(t.TempDir(), "s")
			cfg.TLS.CertFile, cfg.TLS.KeyFile, cfg.TLS.CAFile, cfg.TLS.ToServers = pair.Cert, pair.Key, ca.File, c.toServers
		})
		if err != nil {
			t.Fatal(err)
		}
		_, isTLS := arrives(t, l, "tcp", l.Addr().String()).(*certs.Conn)
		if isTLS != c.wantTLS {
			t.Errorf("%+v: %v comes first, which is TLS: %v", c, l.Addr(), isTLS)
		}
	}
}

// idleTime is after how many seconds TCP asks, 0 for never.
func idleTime(t *testing.T, conn net.Conn) (seconds int) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		if on, err := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE); err != nil || on == 0 {
			return
		}
		seconds, _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE)
	})
	if err != nil {
		t.Fatal(err)
	}
	return seconds
}
