package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"redis-failover/certs"
	"redis-failover/cluster/raft"
	"redis-failover/conf"
)

// preflight looks for what would stop a start although the configuration is
// well formed. It changes nothing; -check and the start itself use it.
func preflight(cfg *conf.Config) error {
	var faults []error
	dirs := []string{cfg.Broker.DataDir}
	switch cfg.Broker.Kind {
	case conf.RaftBroker:
		for _, err := range []error{raftFiles(&cfg.Broker.Raft), founding(&cfg.Broker)} {
			if err != nil {
				faults = append(faults, err)
			}
		}
		if cfg.Broker.Raft.LogDir != "" {
			dirs = append(dirs, cfg.Broker.Raft.LogDir)
		}
	case conf.ZKBroker:
		if _, err := zkOptions(cfg, nil); err != nil {
			faults = append(faults, err)
		}
	}
	if _, err := certs.Open(cfg.TLS); err != nil {
		faults = append(faults, err)
	}
	if _, err := openUsers(cfg); err != nil {
		faults = append(faults, err)
	}
	for _, dir := range dirs {
		if err := writableDir(nearest(dir)); err != nil {
			faults = append(faults, fmt.Errorf("the data directory %s cannot be used: %w", dir, err))
		}
	}
	if err := appendable(cfg.Log.File); err != nil {
		faults = append(faults, fmt.Errorf("the log file cannot be opened for appending: %w", err))
	}
	return errors.Join(faults...)
}

// founding returns why a node cannot found its cluster. One that is a member
// already founds nothing, and its list may be an old one.
func founding(b *conf.Broker) error {
	r := &b.Raft
	if len(r.Cluster) == 0 || r.State == conf.ClusterJoin || slices.Contains(r.Cluster, r.Addr) || raft.Holds(b.DataDir) {
		return nil
	}
	return fmt.Errorf("raft_cluster: this node's own address %q is not among the founding members, and %s holds no member yet: "+
		"list all founding members, this one too and as in -raft_addr; a node that comes later has -raft_cluster_state join", r.Addr, b.DataDir)
}

// nearest is dir, or the first of its parents that is there: where it would be
// made.
func nearest(dir string) string {
	_, err := os.Stat(dir)
	if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
		return nearest(parent)
	}
	return dir
}

// writableDir returns why files cannot be made in a directory. Whether they can
// depends on more than its mode (users, read-only mounts), so one is made and
// removed.
func writableDir(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	probe, err := os.CreateTemp(dir, ".redis-failover-check-")
	if fault := (*fs.PathError)(nil); errors.As(err, &fault) {
		return fmt.Errorf("no file can be made in %s: %w", dir, fault.Err)
	}
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// appendable returns why a log file cannot be appended to. "" is no file.
func appendable(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return writableDir(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	return file.Close()
}
