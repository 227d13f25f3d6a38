package main

import (
	"path/filepath"

	"redis-failover/cluster/raft"
	"redis-failover/conf"
)

// leftBehind names a broker whose document is in the data directory while there is
// none of the broker that the configuration names, "" if there is no such one. A
// node begins anew then, which whoever only changed a flag does not expect.
func leftBehind(cfg *conf.Config) conf.BrokerKind {
	dir := cfg.Broker.DataDir
	own := holdsDocument(cfg.Broker.Kind, dir)
	for _, kind := range []conf.BrokerKind{conf.Standalone, conf.RaftBroker} {
		if !own && kind != cfg.Broker.Kind && holdsDocument(kind, dir) {
			return kind
		}
	}
	return ""
}

// holdsDocument reports whether a data directory holds something that a broker of
// this kind goes on from.
func holdsDocument(kind conf.BrokerKind, dir string) bool {
	pattern := map[conf.BrokerKind]string{conf.Standalone: "snapshot-*", conf.ZKBroker: "zk-*"}[kind]
	if kind == conf.RaftBroker {
		return raft.Holds(dir)
	}
	found, _ := filepath.Glob(filepath.Join(dir, pattern))
	return len(found) > 0
}
