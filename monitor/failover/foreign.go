package failover

import (
	"log/slog"
	"time"

	"redis-failover/cluster/state"
)

// Real Sentinels tell each other of themselves on a channel of the servers that
// they watch. We publish nothing there: a Sentinel would take us for a peer and
// count us in its majorities for ever. But we listen at the master, because a
// second authority over one group is a trap: both fail over by themselves, and
// each undoes what the other one did. It is said, and nothing else is done about
// it; what they announce is theirs, and never believed.

const (
	// foreignSilence is when a Sentinel that was heard counts as gone: Sentinel
	// greets every 2 s, and takes a channel for dead after three times that.
	foreignSilence = 6 * time.Second
	// mostForeign bounds how many are kept, whatever is published there.
	mostForeign = 64
	// listenAgain is when a subscription that was cut off is tried again. Each
	// failover of a Sentinel cuts it.
	listenAgain = 5 * time.Second
)

// The events about other authorities. They are local, and ours: Sentinel has no
// names for this.
const (
	EventForeign     = "+foreign-sentinel"
	EventForeignGone = "-foreign-sentinel"
)

// Hello is what a Sentinel says of itself.
type Hello struct {
	Addr  state.Addr
	ID    state.MemberID
	Epoch state.Epoch
	// Name, Master and ConfigEpoch are what it calls the group and whom it holds
	// for the master, since which epoch.
	Name        string
	Master      state.Addr
	ConfigEpoch state.Epoch
}

// ear is what is known of the subscription to the master's channel.
type ear struct {
	at   state.Addr
	open bool
	// retry is when it is opened again, refusedAt the command connection beside
	// which the server refused it: over that one it is not asked again.
	retry     Moment
	refusedAt Moment
}

// foreigner is a Sentinel that was heard.
type foreigner struct {
	hello Hello
	heard Moment
}

// listen opens the subscription once the master answers.
func (s *step) listen() {
	v, e := s.w.server(s.m.Addr), &s.w.ear
	if e.at != v.addr {
		*e = ear{at: v.addr}
	}
	switch {
	case e.open, !v.linked, v.lastOK < v.linkedAt, e.refusedAt == v.linkedAt:
	case s.env.Now < e.retry:
		s.wake(e.retry)
	default:
		e.open = true
		s.out.Orders = append(s.out.Orders, Order{Kind: Listen, Addr: v.addr})
	}
	s.forgetForeign()
}

// deafened notes that the subscription ended, or did not come about. A server
// that does not allow it, or does not know it, is left in peace.
func (s *step) deafened(in Input) {
	e := &s.w.ear
	if e.at != in.Addr || !e.open {
		return
	}
	e.open, e.retry = false, s.env.Now.Add(listenAgain)
	if in.Refused {
		e.refusedAt = s.w.server(s.m.Addr).linkedAt
	}
}

// greeted notes a Sentinel.
func (s *step) greeted(in Input) {
	for i := range s.w.foreign {
		if f := &s.w.foreign[i]; f.hello.ID == in.Hello.ID {
			f.hello, f.heard = in.Hello, in.At
			return
		}
	}
	if len(s.w.foreign) == mostForeign {
		return
	}
	s.w.foreign = append(s.w.foreign, foreigner{in.Hello, in.At})
	s.event(state.Warning, EventForeign, s.foreignDetails(in.Hello))
	if len(s.w.foreign) == 1 {
		s.log(slog.LevelWarn, "another authority watches this master: a Sentinel that is none of ours; both would fail over by themselves, so stop one of them",
			slog.String("sentinel", in.Hello.Addr.String()), slog.String("id", string(in.Hello.ID)),
			slog.String("its_master", in.Hello.Master.String()))
	}
}

// forgetForeign drops those that have been silent for long.
func (s *step) forgetForeign() {
	if len(s.w.foreign) == 0 {
		return
	}
	kept := s.w.foreign[:0]
	for _, f := range s.w.foreign {
		if s.env.Now.Sub(f.heard) < foreignSilence {
			kept = append(kept, f)
			s.wake(f.heard.Add(foreignSilence))
			continue
		}
		s.event(state.Warning, EventForeignGone, s.foreignDetails(f.hello))
	}
	s.w.foreign = kept
	if len(kept) == 0 {
		s.log(slog.LevelInfo, "no other authority is heard of at this master any more")
	}
}

// excuseForeign takes a pause of this process out: what they said meanwhile is
// still to be read.
func (s *step) excuseForeign(length time.Duration) {
	for i := range s.w.foreign {
		f := &s.w.foreign[i]
		f.heard = min(s.env.Now, f.heard.Add(length))
	}
}

func (s *step) foreignDetails(h Hello) string {
	return state.SentinelDetails(state.Member{ID: h.ID, Addr: h.Addr}, s.m.Name, s.env.Doc.Shown(s.m, s.m.Addr))
}
