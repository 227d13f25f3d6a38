package sim

import (
	"slices"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// linkState is how far a replica's connection to its master is.
type linkState int

const (
	linkDown linkState = iota
	linkSyncing
	linkUp
)

// backlog is how many writes a server keeps for partial syncs.
const backlog = 200

// replication is the half of a server that deals with data.
//
// The data set is the list of the writes in it, so its length is the offset.
// (Redis counts bytes.) As in Redis, a history has a name, the replication id; a
// replica that becomes a master gives its history a new one and remembers the
// old one and how far it was valid; a replica that comes with a known name and
// an offset within it gets the rest only; all others get everything.
type replication struct {
	role     failover.Role
	upstream state.Addr

	// origin numbers the data sets that began empty.
	origin  int
	writes  []uint64
	replID  state.ReplID
	replID2 state.ReplID
	second  int

	link linkState
	// attempt numbers the links, so that what was planned for an older one is
	// void.
	attempt int
	// lostAt is when an established link was lost last, 0 if never.
	lostAt time.Duration
	// silentSince is since when an established link has been dead without
	// anybody having said so.
	silentSince time.Duration
	master      *server // the other end of the link, nil if none
	masterLife  int
	// attached are the replicas that this server serves.
	attached []*server
}

func (s *server) offset() int64 { return int64(len(s.writes)) }

// restore brings the data back that a new process finds.
func (s *server) restore(mode startMode) {
	s.link, s.lostAt, s.master, s.attached = linkDown, 0, nil, nil
	s.attempt++
	s.since.data, s.since.link = s.w.now, s.w.now
	s.role, s.upstream = failover.RoleReplica, state.Addr{}
	if mode == startAsConfigured || mode == startEmpty {
		s.w.ids++
		s.origin = int(s.w.ids)
		s.writes = nil
		s.replID, s.replID2, s.second = state.ReplID(s.w.id()), "", -1
	}
	if mode == startWithOlderData {
		s.writes = slices.Clip(s.writes[:max(0, len(s.writes)-s.w.rng.IntN(6))])
	}
	if s.saved.IsZero() {
		s.role = failover.RoleMaster
		s.since.role = s.w.now
		if mode == startWithData || mode == startWithOlderData {
			s.renameHistory()
		}
	}
}

// renameHistory begins a new history that contains the old one.
func (s *server) renameHistory() {
	s.replID2, s.second = s.replID, len(s.writes)
	s.replID = state.ReplID(s.w.id())
}

// follow is SLAVEOF: the zero address makes it a master.
func (s *server) follow(target state.Addr) {
	switch {
	case target.IsZero() && s.role == failover.RoleMaster:
		return
	case target.IsZero():
		s.w.say("server %s becomes a master at offset %d", s.name, s.offset())
		s.unlink()
		s.renameHistory()
		s.role, s.upstream, s.lostAt = failover.RoleMaster, state.Addr{}, 0
		s.since.role, s.since.link = s.w.now, s.w.now
		s.dropReplicas()
	case s.upstream == target:
		return
	default:
		s.w.say("server %s begins to follow %s", s.name, target)
		if s.link == linkUp {
			s.lostAt = s.w.now
		}
		s.unlink()
		if s.role == failover.RoleMaster {
			s.since.role = s.w.now
		}
		s.role, s.upstream = failover.RoleReplica, target
		s.since.link = s.w.now
		s.dropReplicas()
		s.connect(s.w.between(ms, 20*ms))
	}
	s.w.changed()
}

// unlink leaves the present master.
func (s *server) unlink() {
	s.attempt++
	if s.master != nil {
		s.master.attached = slices.DeleteFunc(s.master.attached, func(o *server) bool { return o == s })
	}
	s.master, s.silentSince = nil, 0
	if s.link != linkDown {
		s.since.link = s.w.now
	}
	s.link = linkDown
}

// dropReplicas sends the replicas away, who come back at once: their master's
// history has a new name.
func (s *server) dropReplicas() {
	for _, r := range slices.Clone(s.attached) {
		r.linkLost("its master changed its role")
	}
}

// stopReplication is the end of the process.
func (s *server) stopReplication() {
	s.unlink()
	for _, r := range slices.Clone(s.attached) {
		if s.hostDown || !s.w.net.open(s.place, r.place) {
			continue // nobody tells it; it finds out by repl-timeout
		}
		r.later(s.w.net.delay(), func() {
			if r.master == s && r.masterLife != s.life {
				r.linkLost("its master is gone")
			}
		})
	}
}

// linkLost ends an established link or a sync; the replica tries again.
func (s *server) linkLost(why string) {
	s.w.say("server %s has lost its link: %s", s.name, why)
	if s.link == linkUp {
		s.lostAt = s.w.now
	}
	s.unlink()
	s.connect(s.w.between(10*ms, time.Second))
	s.w.changed()
}

// connect tries to reach the master after d.
func (s *server) connect(d time.Duration) {
	attempt := s.attempt
	s.later(d, func() {
		if s.attempt == attempt && s.role == failover.RoleReplica {
			s.handshake()
		}
	})
}

// handshake asks the master for what is missing.
func (s *server) handshake() {
	w := s.w
	m := w.byAddr[s.upstream]
	switch {
	case s.isLoading():
		s.connect(100 * ms)
	case m == nil || m == s || !m.works() || m.hostDown || m.isLoading() || !w.net.both(s.place, m.place):
		s.connect(time.Second)
	case m.role == failover.RoleReplica && m.link != linkUp:
		s.connect(time.Second) // NOMASTERLINK
	default:
		s.master, s.masterLife = m, m.life
		m.attached = append(m.attached, s)
		if m.canContinue(s) {
			s.partialSync()
			return
		}
		s.fullSync()
	}
}

// canContinue is the master's judgement of PSYNC.
func (s *server) canContinue(r *server) bool {
	known := r.replID == s.replID && len(r.writes) <= len(s.writes) ||
		r.replID == s.replID2 && len(r.writes) <= s.second
	return known && len(s.writes)-len(r.writes) <= backlog
}

func (s *server) partialSync() {
	m := s.master
	s.w.say("server %s continues at offset %d from %s", s.name, s.offset(), m.name)
	if s.replID != m.replID {
		s.replID2, s.second = s.replID, len(s.writes)
		s.replID = m.replID
		s.dropReplicas()
	}
	s.linked()
}

// fullSync copies everything, which takes its time.
func (s *server) fullSync() {
	w, attempt := s.w, s.attempt
	s.link, s.since.link = linkSyncing, w.now
	w.say("server %s begins a full sync from %s", s.name, s.master.name)
	w.changed()
	s.later(w.between(w.plan.fullSync/10, w.plan.fullSync), func() {
		if s.attempt != attempt {
			return
		}
		m := s.master
		if m.life != s.masterLife || !w.net.open(m.place, s.place) {
			s.linkLost("the sync was cut off")
			return
		}
		s.origin = m.origin
		s.writes = slices.Clone(m.writes)
		s.replID, s.replID2, s.second = m.replID, "", -1
		s.since.data = w.now
		s.dropReplicas()
		s.linked()
	})
}

// linked begins the stream.
func (s *server) linked() {
	s.link, s.since.link, s.silentSince = linkUp, s.w.now, 0
	s.w.say("server %s is in sync with %s at offset %d", s.name, s.master.name, s.master.offset())
	s.w.changed()
	s.pull()
}

// append is a write, or a part of the stream, arriving.
func (s *server) append(ids ...uint64) {
	s.writes = append(s.writes, ids...)
	for _, r := range s.attached {
		attempt := r.attempt
		r.later(s.w.net.delay(), func() {
			if r.attempt == attempt {
				r.pull()
			}
		})
	}
}

// pull takes what the stream holds. (Without acknowledgements a stream stops, so
// both directions must be open.)
func (s *server) pull() {
	m := s.master
	if m == nil || s.link != linkUp || m.life != s.masterLife || !s.w.net.both(m.place, s.place) || len(m.writes) <= len(s.writes) {
		return
	}
	s.append(m.writes[len(s.writes):]...)
}

// reviewLink finds out whether an established link has fallen silent or speaks
// again. It is called whenever something has changed.
func (s *server) reviewLink() {
	if s.link == linkDown || s.master == nil || !s.running {
		return
	}
	w, m := s.w, s.master
	silent := m.frozen || m.hostDown || m.life != s.masterLife || !w.net.both(m.place, s.place)
	switch {
	case silent && s.silentSince == 0:
		s.silentSince = w.now
		s.giveUpLater(w.plan.replTimeout)
		if m.life != s.masterLife && m.running {
			s.giveUpLater(time.Second) // the new process knows of no such link
		}
	case silent && m.life != s.masterLife && m.running && w.net.both(s.place, m.place):
		s.giveUpLater(time.Second)
	case !silent && s.silentSince != 0:
		s.silentSince = 0
		s.pull()
	}
}

func (s *server) giveUpLater(d time.Duration) {
	attempt, since := s.attempt, s.silentSince
	s.later(d, func() {
		if s.attempt == attempt && s.silentSince == since && since != 0 {
			s.linkLost("its master is silent")
		}
	})
}
