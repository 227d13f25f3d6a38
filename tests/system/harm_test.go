package system

import (
	"testing"

	"redis-failover/tests/procs"
)

// harm is something that befalls a server, and how it is undone.
type harm struct {
	name string
	// network: the servers need cables.
	network      bool
	strike, mend func(*procs.Server)
}

// harms are the three ways of being lost that look different from outside: a
// killed server's host refuses connections at once, a frozen one accepts them
// and says nothing, and behind a cut cable there is not even that.
func harms() []harm {
	return []harm{
		{name: "killed", strike: (*procs.Server).Kill, mend: (*procs.Server).Restart},
		{name: "frozen", strike: (*procs.Server).Freeze, mend: (*procs.Server).Thaw},
		{
			name: "cut off", network: true,
			strike: func(s *procs.Server) { s.Host.Cut() },
			mend:   func(s *procs.Server) { s.Host.Heal() },
		},
	}
}

// opts are the options of servers that the harm can befall.
func (h harm) opts(t *testing.T) procs.Opts {
	t.Helper()
	if !h.network {
		return procs.Opts{}
	}
	return procs.Opts{Network: procs.NewNetwork(t)}
}
