package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"redis-failover/cluster"
	"redis-failover/cluster/raft"
	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/cluster/zk"
	"redis-failover/conf"
)

// openBroker opens the engine that the configuration names.
func openBroker(cfg *conf.Config, log *slog.Logger) (cluster.Broker, error) {
	if other := leftBehind(cfg); other != "" {
		log.Warn("the data directory holds the document of another broker, of which nothing is taken over; "+
			"docs/MOVING.md says how masters and what was changed at run time are moved",
			"data_dir", cfg.Broker.DataDir, "broker", string(cfg.Broker.Kind), "other", string(other))
	}
	if cfg.Broker.Kind == conf.RaftBroker {
		options, err := raftOptions(cfg, log)
		if err != nil {
			return nil, err
		}
		if options.Start == raft.Join && raft.Holds(options.Dir) {
			log.Info("raft_cluster_state=join is not followed: the data directory holds a member, which goes on; "+
				"if that is not what you want, empty it first", "data_dir", options.Dir)
		}
		broker, err := raft.Open(options)
		if err == nil && cfg.Broker.Raft.State == conf.ClusterNew && broker.State().MemberCount() > 0 {
			log.Warn("raft_cluster_state is new, but this member has a document already and keeps it; "+
				"to begin anew, stop all members and empty their data directories", "data_dir", cfg.Broker.DataDir)
		}
		return broker, err
	}
	if cfg.Broker.Kind == conf.ZKBroker {
		options, err := zkOptions(cfg, log)
		if err != nil {
			return nil, err
		}
		if options.Auth == "" {
			log.Warn("ZooKeeper is used without credentials: whoever reaches it can read the passwords of masters, and change all", "path", options.Path)
		}
		return zk.Open(options)
	}
	return standalone.Open(standalone.Options{Dir: cfg.Broker.DataDir, ID: cfg.MyID, Logger: log})
}

func closeBroker(b cluster.Broker, log *slog.Logger) {
	if err := b.Close(); err != nil {
		log.Error("closing the document", "error", err)
	}
}

// electionTicks and heartbeatTicks count RTTs: ten heartbeats must be lost
// before a leader is.
const (
	electionTicks  = 20
	heartbeatTicks = 2
)

func raftOptions(cfg *conf.Config, log *slog.Logger) (raft.Options, error) {
	r := &cfg.Broker.Raft
	secret, err := readSecret(r.SecretFile)
	if err != nil {
		return raft.Options{}, err
	}
	o := raft.Options{
		Dir: cfg.Broker.DataDir, LogDir: r.LogDir,
		Addr: r.Addr.String(), Listen: r.Listen, Start: raft.Found,
		ID:     cfg.MyID,
		Timing: raft.Timing{RTT: r.RTT, ElectionRTT: electionTicks, HeartbeatRTT: heartbeatTicks},
		TLS:    raft.TLS{CAFile: r.TLS.CAFile, CertFile: r.TLS.CertFile, KeyFile: r.TLS.KeyFile},
		Secret: secret, Logger: log,
	}
	if r.State == conf.ClusterJoin {
		o.Start = raft.Join
	}
	for _, a := range r.Cluster {
		o.Founders = append(o.Founders, a.String())
	}
	return o, nil
}

// leastSecret keeps out secrets that a stranger tries out in an afternoon.
const leastSecret = 16

// readSecret reads the secret that members share; "" is no file and no secret.
// White space around it does not count: editors leave a line end.
func readSecret(path string) (state.Secret, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("raft_secret_file: %w", err)
	}
	secret := bytes.TrimSpace(text)
	if len(secret) < leastSecret {
		return "", fmt.Errorf("raft_secret_file: %s holds %d bytes; a secret has at least %d (openssl rand -hex 32 makes one)", path, len(secret), leastSecret)
	}
	return state.Secret(secret), nil
}

// raftFiles returns what of the files that the raft broker needs cannot be
// read.
func raftFiles(r *conf.Raft) error {
	_, err := readSecret(r.SecretFile)
	for _, path := range []string{r.TLS.CAFile, r.TLS.CertFile, r.TLS.KeyFile} {
		if path == "" {
			continue
		}
		file, openErr := os.Open(path)
		if openErr == nil {
			openErr = file.Close()
		}
		err = errors.Join(err, openErr)
	}
	return err
}
