package main

import (
	"context"
	"net"

	"redis-failover/certs"
	"redis-failover/conf"
)

// dialler makes the connections to servers and to the other members, with TLS if
// the configuration says so.
func dialler(cfg *conf.Config, store *certs.Store) func(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	if source := net.ParseIP(cfg.Monitor.BindSource); source != nil {
		d.LocalAddr = &net.TCPAddr{IP: source}
	}
	return func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil || !cfg.TLS.ToServers {
			return conn, err
		}
		return store.Secure(ctx, conn)
	}
}
