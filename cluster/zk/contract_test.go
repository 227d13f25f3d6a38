package zk

import (
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/brokertest"
	"redis-failover/tests/procs"
)

func TestContractAlone(t *testing.T)   { contract(t, 1, 1) }
func TestContractOfThree(t *testing.T) { contract(t, 3, 3) }

func contract(t *testing.T, nodes, servers int) {
	zookeeper := procs.StartZooKeeper(t, procs.ZooKeeperOpts{Servers: servers, Tick: 500 * time.Millisecond})
	brokertest.Run(t, brokertest.Harness{
		Nodes: nodes, Backlog: 256, Patience: patience,
		Open: func(t *testing.T, nodes int) brokertest.Cluster {
			return suite{openGroup(t, zookeeper, nodes, nil)}
		},
	})
}

// suite is a group as the contract suite sees it.
type suite struct{ *group }

func (s suite) Broker(i int) cluster.Broker { return s.nodes[i].broker }

func (s suite) Restart(t *testing.T, i int) {
	s.t = t
	s.stop(i)
	s.start(i)
}

func (s suite) Suspend(_ *testing.T, i int) {
	s.nodes[i].gate.close()
	s.is(i, cluster.Suspended)
}

func (s suite) Resume(_ *testing.T, i int) { s.nodes[i].gate.heal() }

func (s suite) Isolate(_ *testing.T, i int) { s.nodes[i].gate.close() }

func (s suite) Heal(*testing.T) {
	for _, n := range s.nodes {
		n.gate.heal()
	}
}
