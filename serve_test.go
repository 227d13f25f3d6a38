package main

import (
	"net"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/conf"
)

func TestAnnounced(t *testing.T) {
	const member = "10.0.0.1"
	for _, c := range []struct {
		listen, raft string
		announce     state.Addr
		wantHost     string
		wantPort     int // 0 for that of the listener
	}{
		{listen: "127.0.0.1:0", wantHost: "127.0.0.1"},
		{listen: ":0", wantHost: "127.0.0.1"},
		{listen: ":0", raft: member, wantHost: member},
		{listen: "127.0.0.1:0", raft: member, wantHost: "127.0.0.1"},
		{listen: ":0", raft: member, announce: state.Addr{Host: "a.example"}, wantHost: "a.example"},
		{listen: ":0", raft: member, announce: state.Addr{Port: 7}, wantHost: member, wantPort: 7},
		{listen: ":0", announce: state.Addr{Host: "a.example", Port: 7}, wantHost: "a.example", wantPort: 7},
	} {
		l, err := net.Listen("tcp", c.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		cfg := conf.Default()
		cfg.Server.AnnounceAddr = c.announce
		cfg.Broker.Raft.Addr.Host = c.raft
		if c.wantPort == 0 {
			c.wantPort = l.Addr().(*net.TCPAddr).Port
		}
		if got, want := announced(&cfg, cfg.Server.AnnounceAddr, l), (state.Addr{Host: c.wantHost, Port: c.wantPort}); got != want {
			t.Errorf("listening on %s, member at %q, told %v: announces %v, want %v", c.listen, c.raft, c.announce, got, want)
		}
	}
}
