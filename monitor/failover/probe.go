package failover

import (
	"fmt"
	"time"
)

// The pace of the questions. A healthy server is asked every CheckInterval (or
// every half of a short down-after); a doubtful one at once and often; and the
// servers of a group in trouble so often that a step never waits for a tick.
const (
	fastProbe  = 50 * time.Millisecond
	slowRedial = time.Second
	// dialPatience is the least time that a connection in the making gets.
	dialPatience = time.Second
	minPeriod    = 20 * time.Millisecond
)

// probe orders the questions that are due and asks to be woken for the next.
func (s *step) probe() {
	for _, v := range s.w.servers {
		if s.survey {
			v.nextProbe = s.env.Now
		}
		s.giveUpSilentLink(v)
		if v.lastProbe != 0 { // the period may have become shorter since
			v.nextProbe = min(v.nextProbe, v.lastProbe.Add(s.period(v)))
		}
		if s.env.Now >= v.nextProbe {
			s.ask(v)
		}
		s.wake(v.nextProbe)
	}
	if v := s.w.server(s.m.Addr); v.doubt && !s.masterDoubtful() {
		s.wake(v.doubtSince.Add(s.m.DownAfter / 4)) // the replicas are asked more often then
	}
}

func (s *step) ask(v *server) {
	order := Order{Kind: Probe, Addr: v.addr, Ping: true, Info: InfoReplication}
	if !v.linked || v.infoAt == 0 || s.env.Now.Sub(v.infoAt) >= s.env.Timing.InfoPeriod || v.infoAt < v.linkedAt {
		order.Info = InfoAll
	}
	v.lastProbe = s.env.Now
	v.nextProbe = s.env.Now.Add(s.period(v))
	s.out.Orders = append(s.out.Orders, order)
	if !v.linked {
		if v.dialing == 0 {
			v.dialing = s.env.Now
		}
		return // the doubt began when the link was lost
	}
	if v.unanswered == 0 {
		v.pingSince = s.env.Now
	}
	v.unanswered++
	if !v.doubt {
		v.doubt, v.doubtSince = true, s.env.Now
	}
}

// period is how long to wait after one question before the next.
func (s *step) period(v *server) time.Duration {
	d := s.m.DownAfter
	healthy := min(s.env.Timing.CheckInterval, max(minPeriod, d/2))
	switch {
	case s.busy(v):
		return min(fastProbe, healthy)
	case !v.linked && v.sdown:
		return min(slowRedial, s.env.Timing.CheckInterval)
	case !v.linked:
		return clamp(d/10, minPeriod, healthy)
	case v.doubt && s.env.Now.Sub(v.doubtSince) >= d/4:
		return clamp(d/4, minPeriod, healthy)
	case s.masterDoubtful() && v.addr != s.m.Addr:
		return clamp(d/4, minPeriod, healthy)
	}
	return healthy
}

// busy reports whether a step waits for what this server says.
func (s *step) busy(v *server) bool {
	if v.sdown && !v.linked {
		return false
	}
	if f := s.m.Failover; f != nil && f.Claim == s.w.claim {
		return true
	}
	_, repairing := s.w.repairs[v.addr]
	return repairing
}

func (s *step) masterDoubtful() bool {
	v := s.w.server(s.m.Addr)
	return v.doubt && s.env.Now.Sub(v.doubtSince) >= s.m.DownAfter/4
}

// giveUpSilentLink closes a connection on which nothing has come for half of
// down-after: what is wrong may be this connection, and a new one would tell
// (contract 4.2, without its 15 s). A connection in the making gets at least
// dialPatience, or a distant server would never be reached.
func (s *step) giveUpSilentLink(v *server) {
	limit, last := s.m.DownAfter/2, max(v.pingSince, v.linkedAt, v.lastAny)
	if !v.linked {
		limit, last = max(limit, dialPatience), v.dialing
	}
	if (v.linked && v.pingSince == 0) || last == 0 {
		return
	}
	if s.env.Now.Sub(last) < limit {
		s.wake(last.Add(limit))
		return
	}
	if v.linked {
		v.trouble = "connected, but PING is not answered"
	} else if v.lastAny < v.dialing {
		v.trouble = fmt.Sprintf("no answer to an attempt to connect within %s", limit)
	}
	v.linked, v.unanswered, v.pingSince, v.dialing = false, 0, 0, 0
	v.nextProbe = s.env.Now
	s.out.Orders = append(s.out.Orders, Order{Kind: Drop, Addr: v.addr})
}

func clamp(d, low, high time.Duration) time.Duration { return min(max(d, low), max(low, high)) }
