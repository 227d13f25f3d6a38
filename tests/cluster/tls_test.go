package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// Three nodes that speak TLS and nothing else, to clients, to servers and to each
// other: each is alive for the others, and they fail over as without it.
func TestAllByTLS(t *testing.T) {
	t.Parallel()
	s := play(t, stage{redis: procs.Opts{TLS: procs.NewTLS(t)}})
	s.Master.Kill()
	promoted := s.switchAt(s.nodes.Members[0], s.Master)
	s.agree(promoted, s.others(promoted, s.Master)...)
	s.checkOnePromotion(s.sameStory(s.nodes.Members...))
	s.Master.Restart()
	s.agree(promoted, s.others(promoted)...)

	// A lost member is missed, and welcomed back.
	lost := s.nodes.Members[2]
	usable(t, s.nodes.Members[0], 3)
	lost.Kill()
	usable(t, s.nodes.Members[0], 2)
	lost.Start()
	for _, m := range s.nodes.Members {
		usable(t, m, 3)
	}
}

// usable waits until a member counts that many that answer it.
func usable(t *testing.T, at *procs.Member, nodes int) {
	t.Helper()
	want := fmt.Sprintf("OK %d usable", nodes)
	procs.Eventually(t, patience, func() error {
		text, err := redis.String(at.Do("SENTINEL", "CKQUORUM", group))
		if err == nil && !strings.HasPrefix(text, want) {
			err = fmt.Errorf("CKQUORUM says %q, not %s", text, want)
		}
		return err
	})
}
