package main

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"redis-failover/conf"
)

// A node that hangs gives no sign of life: the manager would keep it.
func TestWatchdogNeedsProgress(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	env := map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "4000"}
	m := newManager(conf.SupervisedAuto, func(name string) string { return env[name] }, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan uint64) // each is the progress at one look
	done := make(chan struct{})
	go func() {
		m.run(ctx, func() uint64 {
			select {
			case n := <-asked:
				return n
			case <-ctx.Done():
				return 2 // as before
			}
		})
		close(done)
	}()
	for _, n := range []uint64{1, 1, 1, 2, 2, 2} {
		asked <- n
	}
	cancel()
	<-done
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{isReady, isAlive, isAlive, isStopping} {
		buffer := make([]byte, 100)
		if n, err := conn.Read(buffer); err != nil || string(buffer[:n]) != want {
			t.Fatalf("it was told %q (%v), want %q", buffer[:n], err, want)
		}
	}
}

func TestServiceManagerIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		how  conf.Supervision
		env  map[string]string
		want manager
	}{
		"none":            {conf.SupervisedAuto, nil, manager{}},
		"a path":          {conf.SupervisedAuto, map[string]string{"NOTIFY_SOCKET": "/n"}, manager{socket: "/n"}},
		"an abstract one": {conf.SupervisedSystemd, map[string]string{"NOTIFY_SOCKET": "@n"}, manager{socket: "@n"}},
		"not wanted":      {conf.SupervisedNo, map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "5"}, manager{}},
		"of another kind": {conf.SupervisedAuto, map[string]string{"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "5"}, manager{}},
		"a watchdog":      {conf.SupervisedAuto, map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2000000"}, manager{socket: "/n", watchdog: 2 * time.Second}},
		"another's":       {conf.SupervisedAuto, map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "5", "WATCHDOG_PID": "1"}, manager{socket: "/n"}},
		"no number":       {conf.SupervisedAuto, map[string]string{"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "x"}, manager{socket: "/n"}},
	} {
		got := newManager(c.how, func(name string) string { return c.env[name] }, quiet)
		if got.socket != c.want.socket || got.watchdog != c.want.watchdog {
			t.Errorf("%s: %q every %v, want %q every %v", name, got.socket, got.watchdog, c.want.socket, c.want.watchdog)
		}
	}
}
