package failover

import (
	"fmt"
	"log/slog"
	"time"

	"redis-failover/cluster/state"
)

// judge decides SDOWN for every server of the group (contract 4.3).
func (s *step) judge() {
	for _, v := range s.w.servers {
		reason := s.down(v)
		switch {
		case reason != "" && !v.sdown:
			v.sdown, v.sdownSince = true, s.env.Now
			s.event(state.Warning, state.EventSDown, s.details(v.addr))
			s.log(slog.LevelWarn, "server is down for this node", slog.String("server", v.addr.String()), slog.String("reason", reason))
		case reason == "" && v.sdown:
			v.sdown, v.scriptKilled = false, false
			s.event(state.Warning, state.EventSDownEnd, s.details(v.addr))
			s.log(slog.LevelInfo, "server is up again", slog.String("server", v.addr.String()))
		}
		s.endScript(v)
	}
}

// endScript has a script ended that has kept a server busy until it is down: once,
// for one that has written already cannot be ended, and the next may be meant.
func (s *step) endScript(v *server) {
	if !v.sdown || !v.busy || v.scriptKilled {
		return
	}
	v.scriptKilled = true
	s.out.Orders = append(s.out.Orders, Order{Kind: KillScript, Addr: v.addr})
	s.log(slog.LevelWarn, "a script keeps the server busy, sending SCRIPT KILL", slog.String("server", v.addr.String()))
}

// silence is since when a server that is in doubt gives no valid answer, and why,
// in words.
func (v *server) silence(now Moment) string {
	return fmt.Sprintf("no valid answer for %s: %s", now.Sub(v.doubtSince).Round(time.Millisecond), v.trouble)
}

// down says why a server is down in this node's view, "" if it is not.
//
// The age that is held against down-after is that of the oldest unanswered
// PING or of the loss of the link, whichever came first: never a count of
// ticks, and never less than the time for which the server really was silent.
func (s *step) down(v *server) string {
	if v.doubt {
		silent := s.env.Now.Sub(v.doubtSince)
		if silent >= s.m.DownAfter {
			return v.silence(s.env.Now)
		}
		s.wake(v.doubtSince.Add(s.m.DownAfter))
	}
	if v.addr != s.m.Addr {
		return ""
	}
	if v.role == RoleReplica && v.factsAt != 0 {
		// Sentinel waits down-after + 2 x info-period because its INFO comes
		// every 10 s; ours comes with every probe.
		since, limit := s.env.Now.Sub(v.roleSince), s.m.DownAfter+2*s.env.Timing.CheckInterval
		if since >= limit {
			return fmt.Sprintf("the master has called itself a replica for %s", since.Round(time.Millisecond))
		}
		s.wake(v.roleSince.Add(limit))
	}
	if v.reboot != 0 && s.m.RebootDownAfter > 0 {
		since := s.env.Now.Sub(v.reboot)
		if since >= s.m.RebootDownAfter {
			return fmt.Sprintf("restarted and not ready for %s", since.Round(time.Millisecond))
		}
		s.wake(v.reboot.Add(s.m.RebootDownAfter))
	}
	return ""
}

const keyVote = "vote"

// vote keeps this member's vote in the document equal to its view.
func (s *step) vote() {
	master := s.w.server(s.m.Addr)
	down := master.sdown
	if s.m.VotedDown(s.env.Self) == down || down && s.looksAnew(master) {
		return
	}
	s.propose(keyVote, state.OpVote{Member: s.env.Self, Votes: []state.Ballot{
		{Name: s.m.Name, Generation: s.m.Generation, Down: down},
	}})
}

const keyObserve = "observe"

// learn proposes what the master's INFO shows and the document lacks: new
// replicas, run ids, the replication history. Other facts stay out of the log.
func (s *step) learn() {
	op := state.OpObserve{Name: s.m.Name, Generation: s.m.Generation}
	news := false
	if v := s.w.server(s.m.Addr); v.factsAt != 0 && v.facts.Role == RoleMaster && !v.doubt {
		if v.newRunID() {
			op.RunID, news = v.runID, true
		}
		if v.facts.ReplID != "" && v.facts.ReplID != s.m.ReplID && v.factsAt >= s.w.agreedReplIDAt {
			op.ReplID, news = v.facts.ReplID, true
		}
		for _, a := range v.facts.Replicas {
			if _, known := s.m.Replica(a); !known && a != s.m.Addr {
				op.Replicas, news = append(op.Replicas, state.SeenReplica{Addr: a, IP: v.facts.ip(a)}), true
			}
		}
	}
	for _, r := range s.m.Replicas {
		if v := s.w.server(r.Addr); v.newRunID() {
			op.Replicas, news = append(op.Replicas, state.SeenReplica{Addr: r.Addr, RunID: v.runID}), true
		}
	}
	if news {
		s.propose(keyObserve, op)
	}
}

// newRunID reports whether the server has told a run id that the document lacks.
func (v *server) newRunID() bool {
	return v.runID != "" && v.runID != v.agreedRunID && v.runIDAt >= v.agreedRunIDAt
}
