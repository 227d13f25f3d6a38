package scripts

import (
	"slices"
	"strings"
	"testing"

	"redis-failover/cluster/state"
)

func TestNotification(t *testing.T) {
	m := &state.Master{Name: "m", Settings: state.Settings{NotificationScript: "/n.sh", ClientReconfigScript: "/c.sh"}}
	event := func(level state.Level) state.Event {
		return state.Event{Name: "+odown", Level: level, Master: "m", Payload: "master m 10.0.0.1 6379 #quorum 2/2"}
	}
	want := []string{"/n.sh", "+odown", "master m 10.0.0.1 6379 #quorum 2/2"}
	if got := notification(event(state.Warning), m); got == nil || !slices.Equal(got.argv, want) || got.reconfig || got.master != "m" {
		t.Errorf("a warning runs %+v, want %q", got, want)
	}
	for name, got := range map[string]*job{
		"a note": notification(event(state.Note), m), "verbose": notification(event(state.Verbose), m), "a notice": notification(event(state.Notice), m),
		"no master": notification(event(state.Warning), nil), "no script": notification(event(state.Warning), &state.Master{Name: "m"}),
	} {
		if got != nil {
			t.Errorf("%s: runs %q", name, got.argv)
		}
	}
}

func TestReconfiguration(t *testing.T) {
	a, b, c := state.Addr{Host: "10.0.0.1", Port: 6379}, state.Addr{Host: "10.0.0.2", Port: 6380}, state.Addr{Host: "::1", Port: 6381}
	master := func(addr state.Addr, f *state.Failover, past ...state.Failover) *state.Master {
		return &state.Master{Name: "m", Addr: addr, Failover: f, History: past, Settings: state.Settings{ClientReconfigScript: "/c.sh"}}
	}
	failover := func(holder state.MemberID, from, to state.Addr, switched state.Time) state.Failover {
		return state.Failover{Claim: state.Claim{Holder: holder}, From: from, Candidate: to, Switched: switched}
	}
	own, others := failover("self", a, b, 1), failover("other", b, c, 2)
	running := failover("self", b, a, 0)
	noScript := master(b, &own)
	noScript.ClientReconfigScript = ""
	tests := []struct {
		name          string
		before, after *state.Master
		want          string
	}{
		{"the node that carries it out", master(a, nil), master(b, &own), "/c.sh m leader start 10.0.0.1 6379 10.0.0.2 6380"},
		{"another node", master(b, nil, own), master(c, &others, own), "/c.sh m observer start 10.0.0.2 6380 ::1 6381"},
		{"one that is over already", master(a, nil), master(b, nil, own), "/c.sh m leader start 10.0.0.1 6379 10.0.0.2 6380"},
		{"away for two", master(a, nil), master(c, nil, own, others), "/c.sh m observer start 10.0.0.1 6379 ::1 6381"},
		{"the next one runs already", master(a, nil), master(b, &running, own), "/c.sh m leader start 10.0.0.1 6379 10.0.0.2 6380"},
		{"one that was given up came after", master(a, nil), master(b, nil, own, running), "/c.sh m leader start 10.0.0.1 6379 10.0.0.2 6380"},
		{"same address", master(b, &own), master(b, nil, own), ""},
		{"a failover begins", master(b, nil), master(b, &running), ""},
		{"there and back while away", master(a, nil), master(a, nil, own, failover("other", b, a, 2)), ""},
		{"monitored anew at another address", master(a, nil), master(c, nil), ""},
		{"no script", master(a, nil), noScript, ""},
	}
	for _, test := range tests {
		got := ""
		if j := reconfiguration(test.before, test.after, "self"); j != nil {
			got = strings.Join(j.argv, " ")
			if !j.reconfig || j.master != "m" {
				t.Errorf("%s: %+v", test.name, j)
			}
		}
		if got != test.want {
			t.Errorf("%s: runs %q, want %q", test.name, got, test.want)
		}
	}
}
