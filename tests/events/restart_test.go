package events

import (
	"testing"
	"time"
)

// Servers restart too fast to be missed, and then one does not.
func TestRestarts(t *testing.T) {
	t.Parallel()
	stock, ours := newSides(t, 1, 20*time.Second)
	both := []*side{stock, ours}
	for _, s := range both {
		s.group.Replicas[0].Restart()
	}
	await(t, both, "+reboot slave OTHER:")
	for _, s := range both {
		s.group.Master.Restart()
	}
	await(t, both, "+reboot master ")
	for _, s := range both {
		s.server.Must("SENTINEL", "SET", "mymaster", "down-after-milliseconds", "3000", "parallel-syncs", "3")
		s.group.Replicas[0].Kill()
	}
	await(t, both, "+sdown slave OTHER:")
	for _, s := range both {
		s.group.Replicas[0].Start()
	}
	await(t, both, "-sdown slave OTHER:")
	awaitTimes(t, both, 2, "+reboot slave OTHER:")
	compare(t, stock, ours, nil)
}

// What commands say.
func TestCommands(t *testing.T) {
	t.Parallel()
	stock, ours := newSides(t, 1, 20*time.Second)
	both := []*side{stock, ours}
	for _, s := range both {
		master := s.group.Master.Addr
		s.server.Must("SENTINEL", "SET", "mymaster", "QUORUM", "2", "Rename-Command", "FLUSHALL", "gone")
		s.server.Must("SENTINEL", "SET", "mymaster", "auth-user", "somebody", "auth-pass", "a secret", "auth-pass", "", "auth-user", "")
		s.server.Must("SENTINEL", "REMOVE", "mymaster")
		s.server.Must("SENTINEL", "MONITOR", "mymaster", master.Host, master.Port, "1")
	}
	await(t, both, "+slave ")
	for _, s := range both {
		s.server.Must("SENTINEL", "RESET", "*")
	}
	awaitTimes(t, both, 2, "+slave ")
	for _, s := range both {
		s.server.Must("SENTINEL", "SET", "mymaster", "quorum", "1")
	}
	awaitTimes(t, both, 1, "+set master mymaster MASTER quorum 1")
	compare(t, stock, ours, nil)
}
