package main

import (
	"fmt"
	"log/slog"
	"syscall"

	"redis-failover/cluster/state"
	"redis-failover/conf"
)

// ownFiles is how many files the node has open beside its clients and its links:
// the log, the document, the members, scripts, and what the engine needs.
const ownFiles = 128

// otherFiles estimates how many files are not for clients.
func otherFiles(cfg *conf.Config, doc *state.State) int {
	n := ownFiles
	for _, m := range cfg.Masters {
		n += 1 + len(m.Replicas)
	}
	for m := range doc.Masters() {
		n += 1 + len(m.Replicas)
	}
	return n
}

// openFiles is the limit of this process, as the system keeps it.
type openFiles struct {
	get func(*syscall.Rlimit) error
	set func(*syscall.Rlimit) error
}

func systemFiles() openFiles {
	return openFiles{
		get: func(l *syscall.Rlimit) error { return syscall.Getrlimit(syscall.RLIMIT_NOFILE, l) },
		set: func(l *syscall.Rlimit) error { return syscall.Setrlimit(syscall.RLIMIT_NOFILE, l) },
	}
}

// affordClients returns how many clients the limit of open files allows for, at
// most want. It raises the limit first, as Redis does, and says in Redis's words
// what came of it.
func affordClients(want, others int, files openFiles, log *slog.Logger) (int, error) {
	var limit syscall.Rlimit
	if err := files.get(&limit); err != nil {
		log.Warn(fmt.Sprintf("Unable to obtain the current NOFILE limit (%v), assuming that it allows for maxclients.", err))
		return want, nil
	}
	needed, before := uint64(want+others), limit.Cur
	if limit.Cur >= needed {
		return want, nil
	}
	err := raise(&limit, needed, files)
	if limit.Cur >= needed {
		log.Info(fmt.Sprintf("Increased maximum number of open files to %d (it was originally set to %d).", limit.Cur, before))
		return want, nil
	}
	if limit.Cur <= uint64(others) {
		return 0, fmt.Errorf("your current 'ulimit -n' of %d is not enough for the server to start; please increase your open file limit to at least %d", limit.Cur, needed)
	}
	left := int(limit.Cur) - others
	log.Warn(fmt.Sprintf("You requested maxclients of %d requiring at least %d max file descriptors.", want, needed))
	log.Warn(fmt.Sprintf("Server can't set maximum open files to %d because of OS error: %v.", needed, err))
	log.Warn(fmt.Sprintf("Current maximum open files is %d. maxclients has been reduced to %d to compensate for low ulimit. "+
		"If you need higher maxclients increase 'ulimit -n'.", limit.Cur, left))
	return left, nil
}

// raise raises the limit to what is needed, beyond the hard one if this process
// may, else as far as that goes. The error is why it is not what is needed.
func raise(limit *syscall.Rlimit, needed uint64, files openFiles) error {
	wanted := syscall.Rlimit{Cur: needed, Max: max(limit.Max, needed)}
	err := files.set(&wanted)
	if err == nil {
		*limit = wanted
		return nil
	}
	if most := (syscall.Rlimit{Cur: limit.Max, Max: limit.Max}); limit.Max > limit.Cur && files.set(&most) == nil {
		*limit = most
	}
	return err
}
