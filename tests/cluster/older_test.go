package cluster

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// older are the commands of the older tool's manual, in their order. Only the
// addresses are others when they are run: each stands for one of this test.
var older = []struct {
	name string
	// lines are the nodes, all started in one directory, file what
	// redis-failover.toml there holds.
	lines []string
	file  string
	// post is the query of a POST that adds the master, "" if a line names it.
	post string
	// zookeeper: a server must run. Nodes that share one come one by one, and
	// watch from the first on.
	zookeeper bool
}{
	{
		name:  "single node",
		lines: []string{"-addr=127.0.0.1:11000 -masters=127.0.0.1:6379 -check_interval=1000 -max_down_time=3 -masters_state=existing"},
	}, {
		name:  "configuration file",
		lines: []string{"-config=./redis-failover.toml"},
		file: `addr = "127.0.0.1:11000"
masters = ["127.0.0.1:6379"]
masters_state = "existing"
check_interval = 1000
max_down_time = 3
broker = "raft"
[raft]
addr = "127.0.0.1:12000"
data_dir = "./var"
log_dir = ""
cluster = ["127.0.0.1:12000"]
cluster_state = "existing"
[zk]
addr = ["127.0.0.1:2181"]
base_dir = "/zk/redis/failover"
`,
	}, {
		name:  "master by HTTP",
		lines: []string{"-addr=127.0.0.1:11000"},
		post:  "masters=127.0.0.1:6379",
	}, {
		name:  "raft with one node",
		lines: []string{"-addr=127.0.0.1:11000 -raft_addr=127.0.0.1:12000 -raft_data_dir=./var0 -raft_cluster=127.0.0.1:12000 -broker=raft -masters=127.0.0.1:6379"},
	}, {
		name: "raft with three nodes",
		lines: []string{
			"-addr=127.0.0.1:11000 -raft_addr=127.0.0.1:12000 -raft_data_dir=./var0 -raft_cluster=127.0.0.1:12000,127.0.0.1:12001,127.0.0.1:12002 -broker=raft -masters=127.0.0.1:6379",
			"-addr=127.0.0.1:11001 -raft_addr=127.0.0.1:12001 -raft_data_dir=./var1 -raft_cluster=127.0.0.1:12000,127.0.0.1:12001,127.0.0.1:12002 -broker=raft -masters=127.0.0.1:6379",
			"-addr=127.0.0.1:11002 -raft_addr=127.0.0.1:12002 -raft_data_dir=./var2 -raft_cluster=127.0.0.1:12000,127.0.0.1:12001,127.0.0.1:12002 -broker=raft -masters=127.0.0.1:6379",
		},
	}, {
		name:      "ZooKeeper with one node",
		lines:     []string{"-addr=127.0.0.1:11000 -zk_addr=127.0.0.1:2181 -zk_path=/zk/redis/failover -broker=zk"},
		post:      "masters=127.0.0.1:6379",
		zookeeper: true,
	}, {
		name: "ZooKeeper with three nodes",
		lines: []string{
			"-addr=127.0.0.1:11000 -zk_addr=127.0.0.1:2181 -zk_path=/zk/redis/failover -broker=zk -masters=127.0.0.1:6379",
			"-addr=127.0.0.1:11001 -zk_addr=127.0.0.1:2181 -zk_path=/zk/redis/failover -broker=zk -masters=127.0.0.1:6379",
			"-addr=127.0.0.1:11002 -zk_addr=127.0.0.1:2181 -zk_path=/zk/redis/failover -broker=zk -masters=127.0.0.1:6379",
		},
		zookeeper: true,
	},
}

// Each command of the older tool's manual, and then the master dies.
func TestOlderToolsCommands(t *testing.T) {
	for _, tt := range older {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := procs.Group(t, 1, procs.Opts{})
			ours := procs.NewCluster(t, procs.ClusterOpts{Nodes: len(tt.lines)}).Members // it reserves the addresses
			pairs := []string{"127.0.0.1:6379", g.Master.Addr.String()}
			for i, m := range ours {
				pairs = append(pairs, fmt.Sprint("127.0.0.1:", 11000+i), m.Addr.String(), fmt.Sprint("127.0.0.1:", 12000+i), m.Raft.String())
			}
			if tt.zookeeper {
				pairs = append(pairs, "127.0.0.1:2181", procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: time.Second}).Addrs())
			}
			addresses := strings.NewReplacer(pairs...)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "redis-failover.toml"), []byte(addresses.Replace(tt.file)), 0o644); err != nil {
				t.Fatal(err)
			}

			var nodes []*procs.Node
			for i, line := range tt.lines {
				node := procs.PrepareNode(t, procs.NodeOpts{
					Args: strings.Fields(addresses.Replace(line)), WorkDir: dir, Addr: ours[i].Addr,
				})
				node.Start()
				nodes = append(nodes, node)
				if i == 0 && tt.post != "" {
					post(t, node, addresses.Replace(tt.post))
				}
				if tt.zookeeper {
					watchTogether(t, nodes, g)
				}
			}
			watchTogether(t, nodes, g)
			g.Master.Kill()
			for _, n := range nodes {
				procs.Eventually(t, patience, func() error { return n.NamesMaster(g.Master.Addr.String(), g.Replicas[0].Addr) })
			}
			procs.Eventually(t, patience, g.Replicas[0].IsMaster)
		})
	}
}

// watchTogether waits until each node has a healthy view of the group and of the
// other nodes. A master that is given by its address alone has it as its name, and
// its quorum is a majority of those who are there.
func watchTogether(t *testing.T, nodes []*procs.Node, g *procs.RedisGroup) {
	t.Helper()
	name := g.Master.Addr.String()
	for _, n := range nodes {
		procs.Eventually(t, patience, func() error { return n.Sees(name, g.Master.Addr, len(g.Replicas), len(nodes)-1) })
		want := map[string]string{"quorum": fmt.Sprint(len(nodes)/2 + 1)}
		procs.Eventually(t, patience, func() error { return shows(&procs.Member{Node: n}, name, want) })
		procs.Eventually(t, patience, func() error {
			_, err := n.Do("SENTINEL", "CKQUORUM", name)
			return err
		})
	}
}

// post is "http POST 127.0.0.1:11000/master masters==…", until it is accepted: a
// node that has just begun to listen may have no majority yet.
func post(t *testing.T, node *procs.Node, query string) {
	t.Helper()
	procs.Eventually(t, patience, func() error {
		r, err := http.Post("http://"+node.Addr.String()+"/master?"+query, "", nil)
		if err != nil {
			return err
		}
		defer r.Body.Close()
		if text, err := io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK {
			return fmt.Errorf("POST /master: %s, %q (%v)", r.Status, text, err)
		}
		return nil
	})
}
