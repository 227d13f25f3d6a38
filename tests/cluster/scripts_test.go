package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// Every node runs the scripts for a failover, once, and knows its own part in it.
func TestScripts(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script.sh")
	// A line is one write, so lines of scripts that run at once do not mix. The
	// directory is each node's own.
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$*\" >> scripts.log\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := play(t, stage{conf: []string{
		"sentinel notification-script " + group + " " + script,
		"sentinel client-reconfig-script " + group + " " + script,
	}})
	s.Master.Kill()
	promoted := s.switchAt(s.nodes.Members[0], s.Master)
	move := fmt.Sprintf("%s %d %s %d", s.Master.Addr.Host, s.Master.Addr.Port, promoted.Addr.Host, promoted.Addr.Port)
	leaders := 0
	for _, m := range s.nodes.Members {
		for _, line := range []string{state.EventSwitch + " " + group + " " + move, state.EventEnd + " " + ofMaster(promoted)} {
			procs.Eventually(t, patience, func() error { return hasOnce(m, line) })
		}
		var leader error
		procs.Eventually(t, patience, func() error {
			leader = hasOnce(m, group+" leader start "+move)
			if observer := hasOnce(m, group+" observer start "+move); (leader == nil) == (observer == nil) {
				return fmt.Errorf("as leader: %w; as observer: %w", leader, observer)
			}
			return nil
		})
		if leader == nil {
			leaders++
		}
	}
	// What a node sees by itself runs its script too. Two had to see it.
	procs.Eventually(t, patience, func() error {
		saw := 0
		for _, m := range s.nodes.Members {
			if timesRun(m, state.EventSDown+" "+ofMaster(s.Master)) > 0 {
				saw++
			}
		}
		if saw < 2 {
			return fmt.Errorf("%d nodes ran a script for %s", saw, state.EventSDown)
		}
		return nil
	})
	if leaders != 1 {
		t.Errorf("%d nodes say that they led the failover, want 1", leaders)
	}
}

// hasOnce returns nil if a script of a node was given these words, once.
func hasOnce(m *procs.Member, words string) error {
	if n := timesRun(m, words); n != 1 {
		return fmt.Errorf("node %d ran scripts %d times with %q", m.Index, n, words)
	}
	return nil
}

// timesRun is how often scripts of a node were given these words.
func timesRun(m *procs.Member, words string) int {
	text, err := os.ReadFile(filepath.Join(m.Dir, "scripts.log"))
	if err != nil {
		return 0 // none was run yet
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if line == words+"\n" {
			n++
		}
	}
	return n
}
