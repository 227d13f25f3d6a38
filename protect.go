package main

import (
	"io"
	"net"
	"net/netip"
	"time"

	"redis-failover/conf"
)

// denied is what Redis answers in protected mode.
const denied = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. " +
	"In this mode connections are only accepted from the loopback interface. " +
	"If you want to connect from external computers to Redis you may adopt one of the following solutions: " +
	"1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, " +
	"however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. " +
	"2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. " +
	"3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. " +
	"4) Set up an authentication password for the default user. " +
	"NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"

// protected turns clients of other machines away while anybody may log in.
type protected struct {
	net.Listener
	// open reports whether the default user needs no password at present.
	open func() bool
}

// protect puts protected mode on a listener, if the configuration asks for it. No
// listener stays none.
func protect(cfg *conf.Config, l net.Listener, open func() bool) net.Listener {
	if !cfg.Server.ProtectedMode || l == nil {
		return l
	}
	return protected{l, open}
}

// Accept returns the next connection that is not turned away.
func (p protected) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if err != nil || !p.open() || isLocal(conn.RemoteAddr()) {
			return conn, err
		}
		go deny(conn)
	}
}

// deny tells a client why it is not served, if it listens.
func deny(conn net.Conn) {
	const patience = time.Second
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, denied)
	_ = conn.Close()
}

// isLocal reports whether a client is on this machine, as Redis decides it: it
// came through a socket or from a loopback address.
func isLocal(addr net.Addr) bool {
	if addr.Network() == "unix" {
		return true
	}
	from, err := netip.ParseAddrPort(addr.String())
	return err == nil && from.Addr().Unmap().IsLoopback()
}
