package cluster

import (
	"fmt"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// A node that is cut off from the other members, though not from the servers,
// says so, refuses changes, and tells clients what it last knew, or that they
// must ask another node. The others go on without it, and when the way is free
// again it hears all that has happened.
func TestIsolatedNode(t *testing.T) {
	isolate := func(m *procs.Member, others []*procs.Member) {
		for _, o := range others {
			m.Host.CutFrom(o.Host.IP)
		}
	}
	isMute := func(m *procs.Member, others []*procs.Member) {
		for _, o := range others {
			m.Host.Mute(o.Host.IP)
		}
	}
	isDeaf := func(m *procs.Member, others []*procs.Member) {
		for _, o := range others {
			o.Host.Mute(m.Host.IP)
		}
	}
	tests := []struct {
		name   string
		cut    func(*procs.Member, []*procs.Member)
		leads  bool
		arg    string
		lookUp func(s *scene, at *procs.Member) error
	}{
		{"leader", isolate, true, "-isolated_answers=yes", answersOld},
		{"follower", isolate, false, "-isolated_answers=no", asksToGoOn},
		{"mute leader", isMute, true, "-isolated_answers=no", asksToGoOn},
		{"deaf leader", isDeaf, true, "-isolated_answers=yes", answersOld},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{network: true, args: []string{test.arg}})
			leader := s.nodes.Leader()
			node := leader
			if !test.leads {
				node = s.nodes.Others(leader)[0]
			}
			others := s.nodes.Others(node)
			test.cut(node, others)
			s.checkIsolated(node)

			s.Master.Kill()
			promoted := s.switchAt(others[0], s.Master)
			s.agreeAt(others, promoted, s.others(promoted, s.Master)...)
			if err := test.lookUp(s, node); err != nil {
				t.Error(err)
			}
			change(t, others[1], "MONITOR", "meanwhile", "127.0.0.1", 1, 2)

			for _, m := range s.nodes.Members {
				m.Host.Heal()
			}
			node.AwaitLog(patience, "no longer isolated")
			s.await(others[0], state.EventEnd, ofMaster(promoted))
			s.checkOneFailover(s.nodes.Members...)
			s.agree(promoted, s.others(promoted, s.Master)...)
			procs.Eventually(t, patience, func() error { return shows(node, "meanwhile", map[string]string{"quorum": "2"}) })
			procs.Eventually(t, patience, node.Ready)
			change(t, node, "REMOVE", "meanwhile")
		})
	}
}

// checkIsolated waits until a node says that it is isolated, and checks what it
// answers to changes.
func (s *scene) checkIsolated(node *procs.Member) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		_, err := node.Do("SENTINEL", "SET", group, "quorum", 2)
		return refused(err, "NOQUORUM")
	})
	procs.Eventually(s.t, patience, func() error {
		info, err := node.Info("document")
		if err != nil || info["document_condition"] != "suspended" || strings.HasPrefix(info["document_isolated_since_seconds"], "-") {
			return fmt.Errorf("INFO document of the isolated node: %v, %v", info, err)
		}
		return nil
	})
	node.AwaitLog(patience, "this node is isolated")
}

// answersOld returns nil if a node gives the master that was.
func answersOld(s *scene, at *procs.Member) error { return at.NamesMaster(group, s.Master.Addr) }

// asksToGoOn returns nil if a node refuses to say which master there is.
func asksToGoOn(_ *scene, at *procs.Member) error {
	_, err := at.MasterAddr(group)
	return refused(err, "IDONTKNOW")
}
