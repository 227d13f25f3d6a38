package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/conf"
)

func TestPreflight(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*conf.Config)
		want   string // "" is no fault
	}{
		"as it is":                 {func(*conf.Config) {}, ""},
		"directory to be made":     {func(c *conf.Config) { c.Broker.DataDir = filepath.Join(dir, "a", "b") }, ""},
		"new log file":             {func(c *conf.Config) { c.Log.File = filepath.Join(dir, "log") }, ""},
		"old log file":             {func(c *conf.Config) { c.Log.File = file }, ""},
		"log file in no directory": {func(c *conf.Config) { c.Log.File = filepath.Join(dir, "a", "log") }, "log file cannot be opened"},
		"log file is a directory":  {func(c *conf.Config) { c.Log.File = dir }, "is a directory"},
		"data directory is a file": {func(c *conf.Config) { c.Broker.DataDir = file }, "is not a directory"},
		"below a file":             {func(c *conf.Config) { c.Broker.DataDir = filepath.Join(file, "x") }, "not a directory"},
		"secret that is too short": {func(c *conf.Config) { c.Broker.Kind, c.Broker.Raft.SecretFile = conf.RaftBroker, file }, "holds 0 bytes; a secret has at least 16"},
		"no certificate":           {func(c *conf.Config) { c.Broker.Kind, c.Broker.Raft.TLS.CertFile = conf.RaftBroker, file+".pem" }, "no such file"},
		"not among the founders": {func(c *conf.Config) {
			c.Broker.Kind, c.Broker.Raft.Addr, c.Broker.Raft.Cluster = conf.RaftBroker, state.Addr{Host: "a", Port: 1}, []state.Addr{{Host: "b", Port: 1}}
		}, `own address "a:1" is not among the founding members`},
		"a joiner is not among them": {func(c *conf.Config) {
			c.Broker.Kind, c.Broker.Raft.Addr, c.Broker.Raft.Cluster = conf.RaftBroker, state.Addr{Host: "a", Port: 1}, []state.Addr{{Host: "b", Port: 1}}
			c.Broker.Raft.State = conf.ClusterJoin
		}, ""},
		"raft log below a file": {func(c *conf.Config) { c.Broker.Kind, c.Broker.Raft.LogDir = conf.RaftBroker, filepath.Join(file, "x") }, "not a directory"},
		"zookeeper":             {func(c *conf.Config) { c.Broker.Kind = conf.ZKBroker }, ""},
		"no zk credentials":     {func(c *conf.Config) { c.Broker.Kind, c.Broker.ZK.AuthFile = conf.ZKBroker, file }, "zk_auth_file: "},
		"no zk authorities":     {func(c *conf.Config) { c.Broker.Kind, c.Broker.ZK.TLS.CAFile = conf.ZKBroker, file }, "zk_tls_ca: "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := conf.Default()
			cfg.Broker.DataDir = dir
			c.change(&cfg)
			err := preflight(&cfg)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("something was left behind: %v", entries)
			}
		})
	}
}
