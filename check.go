package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"redis-failover/conf"
)

// preflight looks for what would stop a start although the configuration is
// well formed. It changes nothing; -check and the start itself use it.
func preflight(cfg *conf.Config) error {
	var faults []error
	dirs := []string{cfg.Broker.DataDir}
	switch cfg.Broker.Kind {
	case conf.RaftBroker:
		if err := raftFiles(&cfg.Broker.Raft); err != nil {
			faults = append(faults, err)
		}
		if cfg.Broker.Raft.LogDir != "" {
			dirs = append(dirs, cfg.Broker.Raft.LogDir)
		}
	case conf.ZKBroker:
		faults = append(faults, fmt.Errorf("broker %q is not part of this version; -broker=%s needs nothing beside the nodes",
			conf.ZKBroker, conf.RaftBroker))
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
