package zk

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/tests/pki"
	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// TestTLS: nodes work with a ZooKeeper that takes only those who show a
// certificate, and say what is wrong when it is not the ZooKeeper they trust.
func TestTLS(t *testing.T) {
	t.Parallel()
	authority, dir := pki.New(t, "zk"), t.TempDir()
	server, node := authority.Issue(dir, "server"), authority.Issue(dir, "node")
	var both []byte // ZooKeeper wants key and certificate in one file
	for _, file := range []string{server.Key, server.Cert} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, text...)
	}
	store := filepath.Join(dir, "server.pem")
	if err := os.WriteFile(store, bytes.TrimSpace(both), 0o600); err != nil {
		t.Fatal(err)
	}
	port, err := spawn.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.Release)
	secure := fmt.Sprintf("127.0.0.1:%d", port.Number)
	servers := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: tick, Config: []string{
		"serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
		fmt.Sprintf("secureClientPort=%d", port.Number), "secureClientPortAddress=127.0.0.1",
		"ssl.keyStore.type=PEM", "ssl.keyStore.location=" + store,
		"ssl.trustStore.type=PEM", "ssl.trustStore.location=" + authority.File, "ssl.clientAuth=need",
	}})
	g := openGroup(t, servers, 1, func(o *Options) {
		o.Servers, o.TLS = []string{secure}, authority.Client(node)
	})
	g.accept(0, monitor(1))
	for what, config := range map[string]func(*Options){
		"no certificate":    func(o *Options) { o.TLS = authority.Client(pki.Pair{}) },
		"another authority": func(o *Options) { o.TLS = pki.New(t, "other").Client(node) },
		"no TLS":            func(o *Options) {},
	} {
		stranger := newGroup(t, servers, 1, func(o *Options) {
			o.Servers, o.SessionTimeout = []string{secure}, 2*time.Second
			config(o)
		})
		b := stranger.start(0)
		procs.Eventually(t, patience, func() error {
			if h := b.Health(); h.Condition != cluster.Suspended || !strings.Contains(h.Reason, secure) {
				return fmt.Errorf("%s: the health is %+v", what, h)
			}
			return nil
		})
	}
}
