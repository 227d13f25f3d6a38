package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"redis-failover/conf"
)

// What a service manager is told, in the words of sd_notify(3).
const (
	isReady     = "READY=1"
	isReloading = "RELOADING=1"
	isStopping  = "STOPPING=1"
	isAlive     = "WATCHDOG=1"
)

// manager is the service manager that has started this process, which may be
// none. It is spoken to with datagrams, as sd_notify(3) describes.
type manager struct {
	// socket is where it listens, "" when nobody is to be told.
	socket string
	// watchdog is how long it waits for a sign of life, 0 for ever.
	watchdog time.Duration
	log      *slog.Logger
}

// newManager finds the service manager in the environment.
func newManager(how conf.Supervision, getenv func(string) string, log *slog.Logger) manager {
	m := manager{log: log}
	if how == conf.SupervisedNo {
		return m
	}
	switch socket := getenv("NOTIFY_SOCKET"); {
	case strings.HasPrefix(socket, "/") || strings.HasPrefix(socket, "@"):
		m.socket = socket
	case socket != "":
		log.Warn("the service manager is not told anything: NOTIFY_SOCKET is neither a path nor an abstract socket", "NOTIFY_SOCKET", socket)
	case how == conf.SupervisedSystemd:
		log.Warn("systemd is not told anything: the unit is not of Type=notify, or something between it and this process dropped NOTIFY_SOCKET")
	}
	if pid := getenv("WATCHDOG_PID"); m.socket != "" && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		if n, err := strconv.ParseUint(getenv("WATCHDOG_USEC"), 10, 50); err == nil {
			m.watchdog = time.Duration(n) * time.Microsecond
		}
	}
	return m
}

// name is what INFO calls the manager, "" for none.
func (m manager) name() string {
	if m.socket == "" {
		return ""
	}
	return "systemd"
}

// tellPatience bounds how long a manager that does not read may hold this process
// up.
const tellPatience = time.Second

// tell says one thing to the manager, if there is one.
func (m manager) tell(what string) {
	if m.socket == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err == nil {
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(tellPatience))
		_, err = conn.Write([]byte(what))
	}
	if err != nil {
		m.log.Warn("the service manager cannot be told", "what", what, "error", err)
	}
}

// run says that the node is ready, then that it works as long as it does, and
// when ctx ends that it stops. progress returns a number that grows while the
// node works: a manager that hears from a ticker alone would keep a node that
// hangs.
func (m manager) run(ctx context.Context, progress func() uint64) {
	m.tell(isReady)
	defer m.tell(isStopping)
	if m.watchdog == 0 {
		<-ctx.Done()
		return
	}
	ticker := time.NewTicker(max(m.watchdog/4, time.Millisecond)) // three may be late
	defer ticker.Stop()
	var last uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := progress(); now != last {
			last = now
			m.tell(isAlive)
		}
	}
}
