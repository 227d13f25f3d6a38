package system

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"redis-failover/tests/procs"
)

// serviceManager takes what a service says of itself, as systemd does.
type serviceManager struct {
	socket string
	mu     sync.Mutex
	heard  []string
}

func newServiceManager(t *testing.T) *serviceManager {
	t.Helper()
	m := &serviceManager{socket: filepath.Join(t.TempDir(), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.heard = append(m.heard, string(buffer[:n]))
			m.mu.Unlock()
		}
	}()
	return m
}

// said is what was heard, with repeated signs of life counted once.
func (m *serviceManager) said() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var words []string
	for _, what := range m.heard {
		if len(words) == 0 || words[len(words)-1] != what {
			words = append(words, what)
		}
	}
	return strings.Join(words, " ")
}

// await waits until exactly that was heard.
func (m *serviceManager) await(t *testing.T, want string) {
	t.Helper()
	procs.Eventually(t, patience, func() error {
		if got := m.said(); got != want {
			return fmt.Errorf("the service manager heard %q, not %q", got, want)
		}
		return nil
	})
}

// A service manager hears when the node serves, that it lives, and that it stops.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	n := procs.StartNode(t, procs.NodeOpts{Args: []string{"-service_manager=systemd"}, Env: []string{"NOTIFY_SOCKET=" + m.socket}})
	m.await(t, "READY=1")
	if info := n.Must("INFO", "server"); !strings.Contains(fmt.Sprintf("%s", info), "process_supervised:systemd") {
		t.Errorf("INFO says %s", info)
	}
	if err := syscall.Kill(n.Pid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.await(t, "READY=1 RELOADING=1 READY=1")
	n.Stop()
	m.await(t, "READY=1 RELOADING=1 READY=1 STOPPING=1")
}

// The signs of life come again and again, for the watchdog of this process only.
func TestServiceManagerWatchdog(t *testing.T) {
	t.Parallel()
	m, other := newServiceManager(t), newServiceManager(t)
	n := procs.StartNode(t, procs.NodeOpts{Env: []string{"NOTIFY_SOCKET=" + m.socket, "WATCHDOG_USEC=400000"}})
	foreign := procs.StartNode(t, procs.NodeOpts{Env: []string{"NOTIFY_SOCKET=" + other.socket, "WATCHDOG_USEC=400000", "WATCHDOG_PID=1"}})
	procs.Eventually(t, patience, func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if len(m.heard) < 4 {
			return errors.New("no three signs of life so far")
		}
		return nil
	})
	m.await(t, "READY=1 WATCHDOG=1")
	n.Stop()
	m.await(t, "READY=1 WATCHDOG=1 STOPPING=1")
	foreign.Stop()
	other.await(t, "READY=1 STOPPING=1")
}

// The program asks a node whether it lives, where there is no other program to ask.
func TestHealthy(t *testing.T) {
	t.Parallel()
	n := procs.Failover(t)
	if r := procs.Run(t, "healthy", n.Addr.String()); r.Code != 0 || !strings.Contains(r.Stdout, "lives") {
		t.Errorf("of a node that serves: %+v", r)
	}
	n.Stop()
	if r := procs.Run(t, "healthy", n.Addr.String()); r.Code != 1 || !strings.Contains(r.Stderr, "does not answer") {
		t.Errorf("of a node that was stopped: %+v", r)
	}
	silent := procs.Failover(t, "-http_addr=off")
	if r := procs.Run(t, "healthy", silent.Addr.String()); r.Code != 1 {
		t.Errorf("of a node without HTTP: %+v", r)
	}
	for _, args := range [][]string{{"healthy"}, {"healthy", "nowhere"}, {"healthy", "a:1", "b:2"}} {
		if r := procs.Run(t, args...); r.Code != 1 || !strings.Contains(r.Stderr, "HOST:PORT") {
			t.Errorf("%q: %+v", args, r)
		}
	}
}

// Who does not want a service manager told is obeyed, and who asks for systemd where
// there is none is told so.
func TestNoServiceManager(t *testing.T) {
	t.Parallel()
	m := newServiceManager(t)
	n := procs.StartNode(t, procs.NodeOpts{Args: []string{"-service_manager=no"}, Env: []string{"NOTIFY_SOCKET=" + m.socket}})
	n.Stop()
	if said := m.said(); said != "" {
		t.Errorf("with -service_manager=no it was told %q", said)
	}
	lonely := procs.StartNode(t, procs.NodeOpts{Args: []string{"-service_manager=systemd"}, Env: []string{"NOTIFY_SOCKET="}})
	if log := lonely.Log(); !strings.Contains(log, "systemd is not told anything") {
		t.Errorf("the log does not say that there is no systemd:\n%s", log)
	}
}
