package failover

import (
	"log/slog"

	"redis-failover/cluster/state"
)

// Servers that were made known by name keep the name in the document; what it
// stands for is told beside it (state.AddrIP), so that clients hear the same from
// all members. Connections do not depend on it: each link resolves for itself and
// says where it got to, and that is what this file goes by. What servers say of
// each other (facts) comes here in the document's spelling, see Input.Facts.

const keyNamePrefix = "name:"

// namesSchema is the schema that knows what names stand for.
const namesSchema = 2

// learnNames proposes what the names of the group's servers stand for. What is not
// known yet any member may say; what has changed, only the first living one: two
// whose resolvers differ would otherwise write against each other for ever. It has
// to have reached the server there. (A link prefers the known address while the
// resolver names it, so of several none is as good as another.)
func (s *step) learnNames() {
	if s.env.Doc.Schema < namesSchema {
		return
	}
	for _, v := range s.w.servers {
		if v.ip == "" || state.IsIP(v.addr.Host) {
			continue
		}
		switch known := s.m.IP(v.addr); {
		case known == v.ip:
		case known == "" || v.linked && s.speaks():
			if s.propose(keyNamePrefix+v.addr.String(), state.OpResolve{Name: s.m.Name, Addr: v.addr, IP: v.ip}) {
				s.log(slog.LevelInfo, "a host name stands for another address", slog.String("server", v.addr.String()),
					slog.String("address", v.ip), slog.String("was", known))
			}
		}
	}
}

// speaks reports whether this member is the first one that lives.
func (s *step) speaks() bool {
	for member := range s.env.Doc.Members() {
		if member.Alive {
			return member.ID == s.env.Self
		}
	}
	return false
}

// isMaster reports whether what stands among the replicas is the master itself: a
// server may announce another address than it was monitored at.
func (s *step) isMaster(v *server) bool { return s.isSelf(v, s.m.Addr) }

// introduced reports whether a server has told its run id, if it has one, over the
// present connection.
func (v *server) introduced() bool { return v.linked && v.infoAt >= v.linkedAt }

// isSelf reports whether a server was told by its run id to be the one at target,
// reached under another name: it must not be made to follow itself.
func (s *step) isSelf(v *server, target state.Addr) bool {
	other := s.w.server(target)
	return other != nil && other != v && v.runID != "" && v.runID == other.runID
}
