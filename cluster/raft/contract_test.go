package raft

import (
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/brokertest"
)

func TestContractAlone(t *testing.T)   { contract(t, 1) }
func TestContractOfThree(t *testing.T) { contract(t, 3) }

func contract(t *testing.T, nodes int) {
	brokertest.Run(t, brokertest.Harness{
		Nodes: nodes, Backlog: 256, Patience: contractPatience,
		Open: func(t *testing.T, nodes int) brokertest.Cluster {
			return suite{openGroup(t, nodes)}
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

func (s suite) Suspend(t *testing.T, i int) {
	s.nodes[i].full.Store(true)
	s.is(i, cluster.Suspended)
}

func (s suite) Resume(t *testing.T, i int) { s.nodes[i].full.Store(false) }

func (s suite) Isolate(t *testing.T, i int) { s.nodes[i].gate.cut() }

func (s suite) Heal(t *testing.T) {
	for _, n := range s.nodes {
		n.gate.heal()
	}
}
