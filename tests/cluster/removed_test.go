package cluster

import (
	"fmt"
	"testing"

	"redis-failover/tests/procs"
)

// A node whose flags still name what the group has removed does not bring it
// back for all when it starts again.
func TestRemovedStaysRemoved(t *testing.T) {
	t.Parallel()
	master := procs.Redis(t, procs.Opts{})
	nodes := procs.StartCluster(t, procs.ClusterOpts{Args: []string{"-masters=" + group + "=" + master.Addr.String()}})
	for _, m := range nodes.Members {
		procs.Eventually(t, patience, func() error { return m.NamesMaster(group, master.Addr) })
	}
	first, second := nodes.Members[0], nodes.Members[1]
	change(t, first, "REMOVE", group)
	second.Restart()
	second.AwaitLog(patience, "it stays removed")
	// What it would have brought back comes before what it is told now.
	change(t, second, "MONITOR", "other", master.Addr.Host, master.Addr.Port, 2)
	for _, m := range nodes.Members {
		procs.Eventually(t, patience, func() error { return m.NamesMaster("other", master.Addr) })
		if addr, err := m.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", group); err != nil || addr != nil {
			t.Errorf("member %d says that the removed master is at %s, %v", m.Index, fmt.Sprint(addr), err)
		}
	}
}
