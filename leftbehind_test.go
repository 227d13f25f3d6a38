package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"redis-failover/conf"
)

func TestLeftBehind(t *testing.T) {
	dir := t.TempDir()
	cfg := conf.Default()
	cfg.Broker.DataDir = dir
	as := func(kind conf.BrokerKind) conf.BrokerKind {
		cfg.Broker.Kind = kind
		return leftBehind(&cfg)
	}
	for _, kind := range []conf.BrokerKind{conf.Standalone, conf.RaftBroker, conf.ZKBroker} {
		if got := as(kind); got != "" {
			t.Errorf("%s in an empty directory: %q", kind, got)
		}
	}
	cfg.Broker.Kind = conf.Standalone
	broker, err := openBroker(&cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Close(); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[conf.BrokerKind]conf.BrokerKind{
		conf.Standalone: "", conf.RaftBroker: conf.Standalone, conf.ZKBroker: conf.Standalone,
	} {
		if got := as(kind); got != want {
			t.Errorf("%s where standalone was: %q, want %q", kind, got, want)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "zk-x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := as(conf.ZKBroker); got != "" {
		t.Errorf("zk with a document of its own: %q", got)
	}
}
