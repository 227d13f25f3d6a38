package clients

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

const (
	group = "mymaster"
	// patience is for all clients together: some ask again only every ten seconds.
	patience = time.Minute
)

// Every client goes on writing, to the new master, after a master that is killed
// and after a planned switch.
func TestClientsKeepWriting(t *testing.T) {
	servers := procs.Group(t, 2, procs.Opts{})
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	conf := fmt.Sprintf("sentinel monitor %s %s %d 2\nsentinel down-after-milliseconds %s 3000\n",
		group, servers.Master.Addr.Host, servers.Master.Addr.Port, group)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	nodes := procs.StartCluster(t, procs.ClusterOpts{Args: []string{file}})
	procs.Eventually(t, patience, func() error { return nodes.Watched(group, servers.Master.Addr, 2) })
	names := startAll(t, nodes)

	writesTo(t, servers.Master, names)
	servers.Master.Kill()
	second := promoted(t, nodes, servers, servers.Master)
	writesTo(t, second, names)

	servers.Master.Restart()
	procs.Eventually(t, patience, func() error { return servers.Master.Follows(second.Addr) })
	procs.Eventually(t, patience, func() error { return nodes.Members[0].Sees(group, second.Addr, 2, 2) })
	nodes.Members[0].Must("SENTINEL", "FAILOVER", group)
	writesTo(t, promoted(t, nodes, servers, second), names)
}

// startAll starts all clients that there are and returns their keys.
func startAll(t *testing.T, nodes *procs.Cluster) []string {
	t.Helper()
	var addrs, names []string
	for _, m := range nodes.Members {
		addrs = append(addrs, m.Addr.String())
	}
	for _, l := range libraries {
		l.start(t, l.name, addrs)
		names = append(names, l.name)
	}
	for _, p := range programs {
		there := t.Run(p.name+" is installed", func(t *testing.T) {
			p.argv(t)
			names = append(names, p.name)
		})
		if there && names[len(names)-1] == p.name {
			p.start(t, p.name, addrs)
		}
	}
	return names
}

// promoted waits until another server than old is the master, for all nodes.
func promoted(t *testing.T, nodes *procs.Cluster, servers *procs.RedisGroup, old *procs.Server) *procs.Server {
	t.Helper()
	var now state.Addr
	procs.Eventually(t, patience, func() error {
		var err error
		if now, err = nodes.Members[0].MasterAddr(group); err == nil && now == old.Addr {
			err = fmt.Errorf("%s is still the master", now)
		}
		return err
	})
	procs.Eventually(t, patience, func() error { return nodes.Named(group, now) })
	return servers.At(now)
}

// writesTo waits until the numbers of all clients have risen at a server.
func writesTo(t *testing.T, s *procs.Server, names []string) {
	t.Helper()
	began := time.Now()
	number := func(name string) (int, error) {
		text, err := s.Do("GET", name)
		if err != nil || text == nil {
			return 0, err
		}
		return strconv.Atoi(fmt.Sprintf("%s", text))
	}
	first := make(map[string]int)
	for _, name := range names {
		n, err := number(name)
		if err != nil {
			t.Fatal(err)
		}
		first[name] = n
	}
	for _, name := range names {
		procs.Eventually(t, patience, func() error {
			n, err := number(name)
			if err == nil && n <= first[name] {
				err = fmt.Errorf("%s does not write to %s: its number there is %d", name, s.Addr, n)
			}
			return err
		})
		t.Logf("%s writes to %s within %v", name, s.Addr, time.Since(began).Round(time.Millisecond))
	}
}
