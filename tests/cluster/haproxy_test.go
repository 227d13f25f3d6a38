package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// proxy is a HAProxy that leads to a group's primary at one port, and to its
// replicas at another. It asks a node which server is which.
type proxy struct{ primary, replicas state.Addr }

// startProxy starts HAProxy as docs/HTTP.md shows it.
func startProxy(t *testing.T, node state.Addr, servers []*procs.Server) *proxy {
	t.Helper()
	program := procs.NeedTool(t, "haproxy", "haproxy")
	port := func() state.Addr {
		p, err := spawn.Reserve()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Release)
		return state.Addr{Host: "127.0.0.1", Port: p.Number}
	}
	p := &proxy{primary: port(), replicas: port()}
	lines := []string{"global", " maxconn 200", "defaults", " mode tcp", " timeout connect 2s", " timeout client 60s", " timeout server 60s"}
	for role, addr := range map[string]state.Addr{"primary": p.primary, "replica": p.replicas} {
		lines = append(lines, "listen "+role, " bind "+addr.String(), " option httpchk",
			" http-check send meth GET uri-lf /check/"+role+"/"+group+"/%[srv_name]", " http-check expect status 200",
			fmt.Sprintf(" default-server check inter 100ms fall 1 rise 1 on-marked-down shutdown-sessions addr %s port %d", node.Host, node.Port))
		for _, s := range servers {
			lines = append(lines, fmt.Sprintf(" server %s %s", s.Addr, s.Addr))
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd := exec.Command(program, "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = output, output
	process, err := spawn.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		process.Kill()
		if text, err := os.ReadFile(output.Name()); t.Failed() {
			t.Logf("HAProxy said: %s (%v)", text, err)
		}
	})
	return p
}

// leadsTo returns nil if a new connection to addr ends at one of these servers,
// and that takes writes, or refuses them, as it should; for Eventually.
func leadsTo(addr state.Addr, writable bool, servers ...*procs.Server) error {
	conn, err := redis.Dial("tcp", addr.String(), redis.DialConnectTimeout(patience), redis.DialReadTimeout(patience))
	if err != nil {
		return err
	}
	defer conn.Close()
	port, err := redis.Strings(conn.Do("CONFIG", "GET", "port"))
	if err != nil {
		return err
	}
	_, err = conn.Do("SET", "written", "by the proxy")
	if (err == nil) != writable {
		return fmt.Errorf("a write at %s gets %v", port[1], err)
	}
	for _, s := range servers {
		if port[1] == fmt.Sprint(s.Addr.Port) {
			return nil
		}
	}
	return fmt.Errorf("it leads to %s", port[1])
}

// HAProxy, which knows nothing of Redis, sends writers to the new master after a
// failover, and readers to replicas.
func TestHAProxy(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	p := startProxy(t, s.nodes.Members[1].Addr, s.Servers())
	procs.Eventually(t, patience, func() error { return leadsTo(p.primary, true, s.Master) })
	procs.Eventually(t, patience, func() error { return leadsTo(p.replicas, false, s.Replicas...) })

	s.Master.Kill()
	promoted := s.switchAt(s.nodes.Members[0], s.Master)
	procs.Eventually(t, patience, func() error { return leadsTo(p.primary, true, promoted) })
	procs.Eventually(t, patience, func() error { return leadsTo(p.replicas, false, s.others(promoted, s.Master)...) })

	s.Master.Start()
	s.agree(promoted, s.others(promoted)...)
	procs.Eventually(t, patience, func() error { return leadsTo(p.replicas, false, s.Master) })
	if err := leadsTo(p.primary, true, promoted); err != nil {
		t.Error(err)
	}
}
