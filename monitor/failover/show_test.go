package failover

import (
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// A group is shown as reset after SENTINEL RESET and not after a switch.
func TestViewOfReset(t *testing.T) {
	doc, index := state.New(), state.Index(0)
	apply := func(op state.Op) {
		t.Helper()
		index++
		var out state.Outcome
		doc, out = state.Apply(doc, index, state.Mutation{ID: state.MutationID{Member: "a", Seq: uint64(index)}, Op: op})
		if out.Refused() {
			t.Fatal(out.Detail)
		}
	}
	now := Moment(time.Hour)
	w := NewWatch("m", now, 0)
	view := func() View {
		now = now.Add(time.Second)
		Step(Env{Now: now, Self: "a", Doc: doc, Timing: Timing{CheckInterval: time.Second, InfoPeriod: time.Second}}, w, Input{Kind: Woken})
		now = now.Add(time.Second)
		m, _ := doc.Master("m")
		return w.View(now, m)
	}
	master, replica := state.Addr{Host: "10.0.0.1", Port: 1}, state.Addr{Host: "10.0.0.2", Port: 1}
	apply(state.OpMember{Member: state.Member{ID: "a", Alive: true}})
	apply(state.OpMonitor{Name: "m", Addr: master, Quorum: 1, Settings: state.DefaultSettings(), Replicas: []state.Addr{replica}})
	if v := view(); v.Reset {
		t.Errorf("MONITOR is shown as a reset %v ago", v.ResetFor)
	}
	m, _ := doc.Master("m")
	apply(state.OpBegin{Name: "m", Generation: m.Generation, Kind: state.Manual, Member: "a", After: m.LastAttempt})
	m, _ = doc.Master("m")
	claim := m.Failover.Claim
	apply(state.OpSelect{Name: "m", Claim: claim, Candidate: replica})
	apply(state.OpPromoted{Name: "m", Claim: claim})
	if v := view(); v.Reset || v.Master.Addr != replica {
		t.Errorf("after a switch to %s: reset %v", v.Master.Addr, v.Reset)
	}
	apply(state.OpReset{Names: []string{"m"}})
	if v := view(); !v.Reset || v.ResetFor != time.Second || len(v.Replicas) != 0 {
		t.Errorf("after RESET: %+v", v)
	}
	if v := view(); !v.Reset || v.ResetFor != 3*time.Second {
		t.Errorf("later: %+v", v)
	}
}
