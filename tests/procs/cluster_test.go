package procs

import (
	"slices"
	"testing"
)

// What a cluster's members are started with, before and after they move.
func TestClusterCommands(t *testing.T) {
	c := NewCluster(t, ClusterOpts{Args: []string{"-log_level=debug"}})
	last := c.Members[2]
	client, raft := last.Addr, last.Raft
	founders := "-raft_cluster=" + joinAddrs(c.founders)
	for _, m := range c.Members {
		for _, want := range []string{"-addr=" + m.Addr.String(), "-raft_addr=" + m.Raft.String(), founders, "-log_level=debug"} {
			if !slices.Contains(m.Command(), want) {
				t.Errorf("the command line of member %d lacks %s: %q", m.Index, want, m.Command())
			}
		}
		if m.Running() {
			t.Errorf("member %d runs before it was started", m.Index)
		}
	}

	last.Move()
	if last.Addr == client || last.Raft == raft {
		t.Errorf("moved from %v and %v to %v and %v", client, raft, last.Addr, last.Raft)
	}
	moved := []string{"-addr=" + last.Addr.String(), "-raft_addr=" + last.Raft.String()}
	for _, want := range moved {
		if !slices.Contains(last.Command(), want) {
			t.Errorf("the command line after the move lacks %s: %q", want, last.Command())
		}
	}
	if first := c.Members[0].Command(); slices.Contains(first, founders) || !slices.Contains(first, "-raft_cluster="+joinAddrs(c.founders)) {
		t.Errorf("the others still look for founders where they were: %q", first)
	}

	joiner := c.Join()
	if !slices.Contains(joiner.Command(), "-raft_cluster_state=join") || joiner.Index != 3 {
		t.Errorf("joiner %d is started with %q", joiner.Index, joiner.Command())
	}
	if others := c.Others(last, joiner); len(others) != 2 || slices.Contains(others, last) {
		t.Errorf("%d other members, want the first two", len(others))
	}
}
