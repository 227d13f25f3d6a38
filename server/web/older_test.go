package web

import (
	"net/http"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// masters is what GET /master answers.
func (w *world) masters() string {
	w.t.Helper()
	r, text := w.send("GET", "/master", "", "")
	if r.StatusCode != http.StatusOK {
		w.t.Errorf("GET /master: %s %s", r.Status, text)
	}
	return string(text)
}

// The commands of the older tool, in query and in form.
func TestOlder(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	const form = "application/x-www-form-urlencoded"
	for _, tc := range []struct {
		method, query, form string
		status              int
		masters             string
	}{
		{"GET", "", "", 200, ""},
		{"POST", "?masters=127.0.0.1:6379", "", 200, "127.0.0.1:6379"},
		{"POST", "?masters=127.0.0.1:6379", "", 200, "127.0.0.1:6379"},
		{"POST", "", "masters=127.0.0.1:6380,+127.0.0.1:6381,", 200, "127.0.0.1:6379,127.0.0.1:6380,127.0.0.1:6381"},
		{"DELETE", "?masters=127.0.0.1:6379", "", 200, "127.0.0.1:6380,127.0.0.1:6381"},
		{"DELETE", "?masters=127.0.0.1:6379", "", 404, "127.0.0.1:6380,127.0.0.1:6381"},
		{"DELETE", "?masters=127.0.0.1:6380,127.0.0.1:6379", "", 404, "127.0.0.1:6380,127.0.0.1:6381"},
		{"PUT", "?masters=127.0.0.1:6381&masters=named%3D127.0.0.1:7000", "", 200, "127.0.0.1:6381,127.0.0.1:7000"},
		{"POST", "?masters=named%3D127.0.0.1:7001", "", 409, "127.0.0.1:6381,127.0.0.1:7000"},
		{"POST", "?masters=127.0.0.1:7000", "", 200, "127.0.0.1:6381,127.0.0.1:7000"},
		{"DELETE", "", "masters=named", 400, "127.0.0.1:6381,127.0.0.1:7000"},
		{"DELETE", "", "masters=127.0.0.1:7000,named%3D127.0.0.1:7000", 200, "127.0.0.1:6381"},
		{"POST", "", "", 400, "127.0.0.1:6381"},
		{"PUT", "?masters=", "", 400, "127.0.0.1:6381"},
		{"PUT", "?masters=127.0.0.1:1,nonsense", "", 400, "127.0.0.1:6381"},
		{"POST", "?masters=no-address.example:1", "", 400, "127.0.0.1:6381"},
		{"PATCH", "?masters=127.0.0.1:1", "", 405, "127.0.0.1:6381"},
	} {
		kind := ""
		if tc.form != "" {
			kind = form
		}
		r, text := w.send(tc.method, "/master"+tc.query, kind, tc.form)
		if r.StatusCode != tc.status {
			t.Errorf("%s %s %s: %s %s, want %d", tc.method, tc.query, tc.form, r.Status, text, tc.status)
		}
		if allow := r.Header.Get("Allow"); (allow == "GET, HEAD, POST, PUT, DELETE") != (tc.status == 405) {
			t.Errorf("%s: allowed %q", tc.method, allow)
		}
		if got := w.masters(); got != tc.masters {
			t.Fatalf("after %s %s %s the masters are %q, want %q", tc.method, tc.query, tc.form, got, tc.masters)
		}
	}
	m, _ := w.broker.State().Master("127.0.0.1:6381")
	if m == nil || m.DownAfter.Seconds() != 3 || m.Quorum != 1 {
		t.Errorf("a master that was added by its address alone: %+v", m)
	}
}

// After a failover the address differs from the name; both mean the master.
func TestOlderAfterFailover(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.apply(state.OpMonitor{Name: "127.0.0.1:1", Addr: state.Addr{Host: "127.0.0.1", Port: 2}, Quorum: 1, Settings: state.DefaultSettings()})
	if r, text := w.send("POST", "/master?masters=127.0.0.1:2", "", ""); r.StatusCode != 200 || string(text) != "127.0.0.1:2" {
		t.Errorf("adding what is there: %s %s", r.Status, text)
	}
	if r, text := w.send("PUT", "/master?masters=127.0.0.1:2,127.0.0.1:3", "", ""); r.StatusCode != 200 || string(text) != "127.0.0.1:2,127.0.0.1:3" {
		t.Errorf("keeping what is there: %s %s", r.Status, text)
	}
	if r, text := w.send("POST", "/master?masters=127.0.0.1:4,127.0.0.1:1", "", ""); r.StatusCode != 409 ||
		!strings.Contains(string(text), "(at 127.0.0.1:1; before it these were added: 127.0.0.1:4)") {
		t.Errorf("the name of a master that is elsewhere: %s %s", r.Status, text)
	}
	if r, text := w.send("DELETE", "/master?masters=127.0.0.1:1,127.0.0.1:4", "", ""); r.StatusCode != 200 || string(text) != "127.0.0.1:3" {
		t.Errorf("removing by name: %s %s", r.Status, text)
	}
}

// Load balancers get 200 for the server that has the role, and 503 for others.
func TestRoles(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("a/b")
	for path, want := range map[string]int{
		"/check/primary/a%2Fb/10.0.0.1:6379": 200,
		"/check/primary/a%2Fb/10.0.0.2:6379": 503,
		"/check/primary/nobody/10.0.0.1:1":   503,
		"/check/replica/a%2Fb/10.0.0.1:6379": 503,
		"/check/replica/a%2Fb/10.0.0.2:6379": 200,
		"/check/replica/a%2Fb/10.0.0.2:6380": 503, // its replication does not run
		"/check/replica/a%2Fb/10.0.0.3:6379": 503,
		"/check/replica/nobody/10.0.0.2:1":   503,
		"/check/leader/a%2Fb/10.0.0.2:1":     404,
	} {
		r, text := w.send("GET", path, "", "")
		if r.StatusCode != want || len(text) == 0 {
			t.Errorf("%s: %s %q, want %d", path, r.Status, text, want)
		}
		if r, _ := w.send("HEAD", path, "", ""); r.StatusCode != want {
			t.Errorf("HEAD %s: %s", path, r.Status)
		}
	}
}
