package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"

	"redis-failover/cluster/state"
	"redis-failover/conf"
	"redis-failover/server/web"
)

// listenHTTP opens the listener that HTTP has of its own, nil if it has none.
func listenHTTP(cfg *conf.Server) (net.Listener, error) {
	if cfg.HTTPAddr == "" || cfg.HTTPAddr == conf.HTTPOff {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.HTTPAddr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (choose another with -http_addr): %w", cfg.HTTPAddr, err)
	}
	return l, nil
}

// httpPart is a node's HTTP: on the listener of the clients, on one of its own, or
// nowhere.
type httpPart struct {
	server   *web.Server
	listener net.Listener // nil without one of its own
	log      *slog.Logger
}

// newHTTP makes the HTTP of a node of what the options hold and the configuration
// says.
func newHTTP(cfg *conf.Config, listener net.Listener, o web.Options) (*httpPart, error) {
	o.Hosts = cfg.Server.HTTPHosts
	o.NewMaster = func() (int, state.Settings) {
		return cmp.Or(cfg.NewMaster.Quorum, majority(cfg, o.Node.Broker.State())), cfg.NewMaster.Settings()
	}
	p := &httpPart{listener: listener, log: o.Logger}
	var err error
	p.server, err = web.New(o)
	return p, err
}

// shared serves one connection of the listener of the clients; nil if HTTP is not
// served there.
func (p *httpPart) shared(cfg *conf.Server) func(net.Conn) {
	if cfg.HTTPAddr != "" {
		return nil
	}
	return p.server.ServeConn
}

// run serves the listener of its own until ctx ends. A failure is logged and not
// fatal: clients of Redis can do without it.
func (p *httpPart) run(ctx context.Context) {
	if p.listener == nil {
		return
	}
	p.log.Info("HTTP has a listener of its own", "address", p.listener.Addr().String())
	if err := p.server.Serve(ctx, p.listener); err != nil {
		p.log.Error("HTTP is served no more", "error", err)
	}
}
