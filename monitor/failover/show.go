package failover

import (
	"cmp"
	"time"

	"redis-failover/cluster/state"
)

// View copies what is observed, for replies. The document's own facts are not
// in it. It must be called by the goroutine that calls Step.
func (w *Watch) View(now Moment, m *state.Master) View {
	view := View{Generation: w.generation, Why: w.why}
	if w.resetAt != 0 {
		view.Reset, view.ResetFor = true, now.Sub(w.resetAt)
	}
	for _, f := range w.foreign {
		view.Foreign = append(view.Foreign, ForeignView{Hello: f.hello, LastHeard: now.Sub(f.heard)})
	}
	for _, v := range w.servers {
		shown := v.view(now)
		if v.addr == m.Addr {
			view.Master = shown
		} else {
			view.Replicas = append(view.Replicas, shown)
		}
	}
	return view
}

func (v *server) view(now Moment) ServerView {
	f := v.facts
	shown := ServerView{
		Addr: v.addr, RunID: v.runID, Linked: v.linked, Pending: v.unanswered,
		LastOKPing: now.Sub(v.lastOK), LastPing: now.Sub(v.lastAny),
		SDown: v.sdown, Role: string(v.role), RoleFor: now.Sub(v.roleSince),
		HasInfo: v.infoAt != 0, Info: v.info,
		Priority: 100, Announced: true, MasterLinkDown: -time.Second,
		RebootPending: v.reboot != 0, ScriptKillSent: v.scriptKilled,
	}
	if v.pingSince != 0 {
		shown.LastPingSent = now.Sub(v.pingSince)
	} else if v.doubt {
		shown.LastPingSent = now.Sub(v.doubtSince)
	}
	if v.doubt {
		shown.Trouble = v.silence(now)
	}
	if v.sdown {
		shown.SDownFor = now.Sub(v.sdownSince)
	}
	if v.infoAt != 0 {
		shown.InfoAge = now.Sub(max(v.infoAt, v.factsAt))
	}
	if v.factsAt != 0 {
		shown.MasterHost, shown.MasterPort = cmp.Or(f.MasterSaid, f.MasterHost), f.MasterPort
		shown.MasterLinkUp, shown.MasterLinkDown = f.LinkUp, f.LinkDown
		shown.Priority, shown.Offset, shown.Announced = f.Priority, f.Offset, f.Announced
	}
	return shown
}
