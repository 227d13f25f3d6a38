package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"redis-failover/cluster"
	"redis-failover/cluster/standalone"
	"redis-failover/cluster/state"
	"redis-failover/commands"
	"redis-failover/monitor/failover"
)

// sight is a Watcher that sees a healthy master with a replica at 10.0.0.2.
type sight struct {
	commands.Watcher // what no route calls

	broker cluster.Broker
	// begin is what FAILOVER does.
	begin func(name string) error
}

func (w *sight) View(name string) (failover.View, bool) {
	m, ok := w.broker.State().Master(name)
	if !ok {
		return failover.View{}, false
	}
	seen := func(a state.Addr, role string) failover.ServerView {
		return failover.ServerView{Addr: a, Linked: true, HasInfo: true, Role: role, Priority: 100, Announced: true,
			MasterHost: m.Addr.Host, MasterPort: m.Addr.Port, MasterLinkUp: a.Port == 6379}
	}
	view := failover.View{Generation: m.Generation, Master: seen(m.Addr, "master")}
	for _, r := range m.Replicas {
		view.Replicas = append(view.Replicas, seen(r.Addr, "slave"))
	}
	return view, true
}

func (w *sight) Member(state.MemberID) (failover.MemberView, bool) {
	return failover.MemberView{LastHeard: time.Second, Connected: true}, true
}
func (w *sight) Failover(_ context.Context, name string) error { return w.begin(name) }
func (*sight) TiltSeconds() int                                { return -1 }

// noScripts runs nothing.
type noScripts struct{ commands.Scripts }

// notice is a log level that stays.
type notice struct{ commands.LogLevel }

// Name is part of commands.LogLevel.
func (notice) Name() string { return "notice" }

// spoiled is a broker that refuses changes while it has an error.
type spoiled struct {
	*standalone.Broker
	mu  sync.Mutex
	err error
}

func (b *spoiled) spoil(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *spoiled) fault() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func (b *spoiled) Propose(ctx context.Context, m state.Mutation) (state.Outcome, state.Index, error) {
	if err := b.fault(); err != nil {
		return state.Outcome{}, 0, err
	}
	return b.Broker.Propose(ctx, m)
}

func (b *spoiled) Barrier(ctx context.Context) (state.Index, error) {
	if err := b.fault(); err != nil {
		return 0, err
	}
	return b.Broker.Barrier(ctx)
}

// world is a node, its HTTP, and the description that its answers are held against.
type world struct {
	t       *testing.T
	broker  *spoiled
	watcher *sight
	node    *commands.Node
	url     string
	router  routers.Router
	// user and pass are sent when they are not empty.
	user, pass string
}

func newWorld(t *testing.T, users *commands.Users) *world {
	t.Helper()
	broker, err := standalone.Open(standalone.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, broker: &spoiled{Broker: broker}, router: described(t)}
	w.watcher = &sight{broker: w.broker, begin: func(string) error { return failover.ErrNoSuchMaster }}
	lookUps := commands.NewLookUps(commands.LookUpOptions{Broker: broker, IsolatedAnswers: true, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { lookUps.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	w.node = &commands.Node{
		Announcement: commands.NewAnnouncement(state.Addr{}, func(a state.Addr) state.Addr { return a }), LogLevel: notice{},
		Broker: w.broker, Watcher: w.watcher, Scripts: noScripts{}, LookUps: lookUps, Users: users,
		Tuning: commands.NewTuning(state.DefaultSettings()), Resolve: func(context.Context, string) ([]string, error) { return nil, errors.ErrUnsupported }, Version: "test", RunID: strings.Repeat("0", 40), Started: time.Now(),
	}
	w.apply(state.OpMember{Member: state.Member{ID: broker.Self(), Addr: state.Addr{Host: "127.0.0.1", Port: 26379}, Schema: state.SchemaVersion, Alive: true}})
	server := httptest.NewServer(serve(t, w.node).http.Handler)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// described is the description, checked for being an OpenAPI document.
func described(t *testing.T) routers.Router {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// send sends a request and returns the answer with its body read.
func (w *world) send(method, path, kind, text string) (*http.Response, []byte) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if w.user != "" || w.pass != "" {
		r.SetBasicAuth(w.user, w.pass)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return response, answer
}

// call calls the API, holds the answer against the description, and returns it.
func (w *world) call(method, path, body string, want int) any {
	w.t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	response, text := w.send(method, apiPrefix+path, kind, body)
	if response.StatusCode != want {
		w.t.Errorf("%s %s %s: %s %s, want %d", method, path, body, response.Status, text, want)
	}
	w.conforms(method, apiPrefix+path, body, response, text)
	var value any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &value); err != nil {
			w.t.Fatalf("%s %s: %q: %v", method, path, text, err)
		}
	}
	return value
}

func (w *world) conforms(method, path, body string, response *http.Response, text []byte) {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	route, params, err := w.router.FindRoute(r)
	if err != nil {
		if response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusMethodNotAllowed {
			w.t.Errorf("%s %s is not described: %v", method, path, err)
		}
		return
	}
	request := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if response.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(w.t.Context(), request); err != nil {
			w.t.Errorf("%s %s %s was taken, and is not as described: %v", method, path, body, err)
		}
	}
	err = openapi3filter.ValidateResponse(w.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: response.StatusCode, Header: response.Header,
		Body: io.NopCloser(bytes.NewReader(text)), Options: request.Options,
	})
	if err != nil {
		w.t.Errorf("the answer to %s %s is not as described: %v", method, path, err)
	}
}

// apply changes the document directly.
func (w *world) apply(op state.Op) state.Outcome {
	w.t.Helper()
	out, _, err := w.broker.Broker.Propose(w.t.Context(), state.Mutation{At: state.Time(time.Now().UnixMilli()), Op: op})
	if err != nil || out.Refused() {
		w.t.Fatalf("%T: %+v, %v", op, out, err)
	}
	return out
}

// watch adds a master with a replica.
func (w *world) watch(name string) {
	w.t.Helper()
	w.apply(state.OpMonitor{Name: name, Addr: state.Addr{Host: "10.0.0.1", Port: 6379}, Quorum: 1, Settings: state.DefaultSettings(),
		Replicas: []state.Addr{{Host: "10.0.0.2", Port: 6379}, {Host: "10.0.0.2", Port: 6380}}})
}

func at(t *testing.T, value any, keys ...string) any {
	t.Helper()
	for _, key := range keys {
		object, ok := value.(map[string]any)
		if !ok || object[key] == nil && key != "running" {
			t.Fatalf("no %q in %v", key, value)
		}
		value = object[key]
	}
	return value
}

func TestRoutesAreDescribed(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			listed = append(listed, method+" "+path)
		}
	}
	var served []string
	for pattern := range (&Server{}).api() {
		served = append(served, pattern)
	}
	slices.Sort(listed)
	slices.Sort(served)
	if !slices.Equal(listed, served) {
		t.Errorf("described:\n%s\nserved:\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}

func TestMasters(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	if list := w.call("GET", "/masters", "", 200).([]any); len(list) != 0 {
		t.Errorf("at first there are %v", list)
	}
	const body = `{"name": "a/b c", "ip": "10.0.0.1", "port": 6379, "quorum": 2}`
	made := w.call("POST", "/masters", body, 201)
	if at(t, made, "quorum") != 2.0 || at(t, made, "name") != "a/b c" || at(t, made, "flags").([]any)[0] != "master" {
		t.Errorf("made %v", made)
	}
	w.call("POST", "/masters", body, 200)
	w.call("POST", "/masters", `{"name": "a/b c", "ip": "10.0.0.9", "port": 6379}`, 409)
	const path = "/masters/a%2Fb%20c"
	if address := w.call("GET", path+"/address", "", 200); at(t, address, "ip") != "10.0.0.1" || at(t, address, "port") != 6379.0 {
		t.Errorf("its address is %v", address)
	}
	changed := w.call("PATCH", path, `{"down-after-milliseconds": 1234, "quorum": "1", "rename-command": ["CONFIG", "HIDDEN"]}`, 200)
	if at(t, changed, "down-after-milliseconds") != 1234.0 || at(t, changed, "quorum") != 1.0 {
		t.Errorf("changed to %v", changed)
	}
	w.call("PATCH", path, `{"quorum": 3, "down-after-milliseconds": -1}`, 400)
	// The rest of a list is no further option.
	w.call("PATCH", path, `{"quorum": ["3", "down-after-milliseconds", "5"]}`, 400)
	w.call("PATCH", path, `{"rename-command": "CONFIG"}`, 400)
	if m := w.call("GET", path, "", 200); at(t, m, "quorum") != 1.0 {
		t.Errorf("a wrong change was taken halfway: %v", m)
	}
	w.call("GET", path+"/quorum", "", 200)
	w.call("GET", path+"/sentinels", "", 200)
	w.call("POST", path+"/reset", "", 204)
	if n := at(t, w.call("POST", "/reset", `{"pattern": "a*"}`, 200), "masters"); n != 1.0 {
		t.Errorf("%v masters were reset", n)
	}
	w.call("DELETE", path, "", 204)
	for _, path := range []string{path, path + "/address", path + "/replicas", path + "/sentinels", path + "/failover"} {
		w.call("GET", path, "", 404)
	}
	w.call("DELETE", path, "", 404)
	w.call("PATCH", path, `{"quorum": 1}`, 404)
	w.call("POST", path+"/reset", "", 404)
	w.call("POST", path+"/failover", "", 404)
}

// A name that looks like a pattern is reset alone.
func TestResetIsLiteral(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("ab")
	w.watch("a*")
	before, _ := w.broker.State().Master("ab")
	w.call("POST", "/masters/a*/reset", "", 204)
	if after, _ := w.broker.State().Master("ab"); after != before {
		t.Error("another master was reset too")
	}
	if m, _ := w.broker.State().Master("a*"); len(m.Replicas) != 0 {
		t.Error("the master was not reset")
	}
}

func TestBadBodies(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	index := w.broker.State().Index
	for _, tc := range []struct {
		method, path, body string
	}{
		{"POST", "/masters", `{`}, {"POST", "/masters", `{} {}`}, {"POST", "/masters", `[]`},
		{"POST", "/masters", `{"name": "x", "ip": "10.0.0.1", "port": "6379"}`},
		{"POST", "/masters", `{"name": "x", "ip": "10.0.0.1", "port": 6379, "qorum": 1}`},
		{"POST", "/masters", `{"name": "", "ip": "10.0.0.1", "port": 6379}`},
		{"POST", "/masters", `{"name": "x", "ip": "10.0.0.1", "port": 70000}`},
		{"POST", "/masters", `{"name": "x", "ip": "10.0.0.1", "port": 1, "quorum": -1}`},
		{"POST", "/masters", `{"name": "x\ny", "ip": "10.0.0.1", "port": 1}`},
		{"PATCH", "/masters/m", `{}`}, {"PATCH", "/masters/m", `{"quorum": null}`}, {"PATCH", "/masters/m", `{"quorum": {}}`},
		{"PATCH", "/masters/m", `{"quorum": [1]}`}, {"PATCH", "/masters/m", `{"no-such": 1}`},
		{"POST", "/reset", `{}`}, {"POST", "/members", `{"addr": ""}`},
	} {
		w.call(tc.method, tc.path, tc.body, 400)
	}
	w.call("POST", "/masters", `{"name": "`+strings.Repeat("x", bodyLimit)+`"}`, 413)
	if r, text := w.send("POST", apiPrefix+"/masters", "text/plain", `{"name": "x", "ip": "10.0.0.1", "port": 6379}`); r.StatusCode != 415 {
		t.Errorf("a form is %s %s", r.Status, text)
	}
	if now := w.broker.State().Index; now != index {
		t.Errorf("the document was changed %d times", now-index)
	}
}

// What did not commit is never answered with success.
func TestNoMajority(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	for err, status := range map[error]int{cluster.ErrNoQuorum: 503, cluster.ErrNotLogged: 503, cluster.ErrUnknown: 504} {
		w.broker.spoil(err)
		w.watcher.begin = func(string) error { return err }
		for _, tc := range []struct{ method, path, body string }{
			{"POST", "/masters", `{"name": "x", "ip": "10.0.0.1", "port": 6379}`},
			{"PATCH", "/masters/m", `{"quorum": 1}`},
			{"DELETE", "/masters/m", ""},
			{"POST", "/masters/m/reset", ""},
			{"POST", "/masters/m/failover", ""},
			{"POST", "/reset", `{"pattern": "*"}`},
		} {
			w.call(tc.method, tc.path, tc.body, status)
		}
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			if r, text := w.send(method, "/master?masters=10.0.0.1:6379", "", ""); r.StatusCode != status || len(text) == 0 {
				t.Errorf("%s /master with %v: %s %q", method, err, r.Status, text)
			}
		}
	}
	w.call("GET", "/masters/m", "", 200) // reads go on
	w.call("GET", "/masters/m/quorum", "", 503)
}

func TestFailovers(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	if at(t, w.call("GET", "/masters/m/failover", "", 200), "running") != nil {
		t.Error("a failover runs without a reason")
	}
	for err, status := range map[error]int{failover.ErrInProgress: 409, failover.ErrNoGoodReplica: 409} {
		w.watcher.begin = func(string) error { return err }
		w.call("POST", "/masters/m/failover", "", status)
	}
	w.watcher.begin = func(name string) error {
		m, _ := w.broker.State().Master(name)
		w.apply(state.OpBegin{Name: name, Generation: m.Generation, Kind: state.Manual, Reason: "asked for", Member: w.broker.Self(), After: m.LastAttempt})
		return nil
	}
	w.call("POST", "/masters/m/failover", "", 202)
	begun := w.call("GET", "/masters/m/failover", "", 200)
	if at(t, begun, "running", "kind") != "manual" || at(t, begun, "running", "phase") != "select_slave" || at(t, begun, "running", "from") != "10.0.0.1:6379" {
		t.Errorf("begun: %v", begun)
	}
	if m := w.call("GET", "/masters/m", "", 200); at(t, m, "failover-state") != "select_slave" {
		t.Errorf("the master while it runs: %v", m)
	}
	w.call("POST", "/masters/m/reset", "", 204)
	over := w.call("GET", "/masters/m/failover", "", 200)
	past := at(t, over, "past").([]any)
	if at(t, over, "running") != nil || len(past) != 1 || at(t, past[0], "outcome") == "" {
		t.Errorf("after a reset: %v", over)
	}
}

func TestPause(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	w.call("POST", "/masters/m/pause", `{"seconds": 60, "reason": "the disk is replaced"}`, 204)
	if said := w.call("GET", "/masters/m/explanation", "", 200); !strings.Contains(at(t, said, "paused").(string), "the disk is replaced") {
		t.Errorf("explained: %v", said)
	}
	w.call("POST", "/masters/m/pause", `{}`, 204)
	w.call("POST", "/masters/m/pause", `{"seconds": -1}`, 400)
	w.call("POST", "/masters/m/resume", "", 204)
	if said := w.call("GET", "/masters/m/explanation", "", 200); at(t, said, "paused") != "" {
		t.Errorf("explained after the end: %v", said)
	}
	w.call("POST", "/masters/none/pause", `{}`, 404)
	w.call("POST", "/masters/none/resume", "", 404)
	if foreign := w.call("GET", "/masters/m/foreign", "", 200).([]any); len(foreign) != 0 {
		t.Errorf("foreign sentinels: %v", foreign)
	}
}

func TestConfig(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.call("PATCH", "/config", `{"resolve-hostnames": true, "sentinel-user": "u"}`, 204)
	w.call("PATCH", "/config", `{"resolve-hostnames": "maybe", "sentinel-user": "v"}`, 400)
	w.call("PATCH", "/config", `{"resolve-hostnames": ["yes", "sentinel-user", "v"]}`, 400)
	w.call("PATCH", "/config", `{}`, 400)
	got := w.call("GET", "/config", "", 200)
	if at(t, got, "resolve-hostnames") != "yes" || at(t, got, "sentinel-user") != "u" || at(t, got, "loglevel") != "notice" {
		t.Errorf("the settings are %v", got)
	}
}

func TestReplicasAndMembers(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	replicas := w.call("GET", "/masters/m/replicas", "", 200).([]any)
	if len(replicas) != 2 || at(t, replicas[0], "replica-announced") != true || at(t, replicas[0], "master-link-status") != "ok" {
		t.Errorf("replicas: %v", replicas)
	}
	members := w.call("GET", "/members", "", 200).([]any)
	if len(members) != 1 || at(t, members[0], "self") != true {
		t.Errorf("members: %v", members)
	}
	w.call("POST", "/members", `{"address": "127.0.0.1:1"}`, 409) // standalone
	w.call("DELETE", "/members/nobody", "", 404)
	w.call("DELETE", "/members/"+string(w.broker.Self()), "", 409)
	w.apply(state.OpMember{Member: state.Member{ID: "bb", Addr: state.Addr{Host: "127.0.0.1", Port: 26380}, Schema: state.SchemaVersion}})
	if others := w.call("GET", "/masters/m/sentinels", "", 200).([]any); len(others) != 1 || at(t, others[0], "name") != "bb" {
		t.Errorf("sentinels: %v", others)
	}
	w.call("DELETE", "/members/bb", "", 204)
}

func TestNoSuchRoute(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.call("GET", "/nothing", "", 404)
	w.call("PUT", "/masters", "", 405)
	if r, _ := w.send("PUT", apiPrefix+"/masters", "", ""); r.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("allowed: %q", r.Header.Get("Allow"))
	}
	w.call("GET", "/openapi.json", "", 200)
}

// The users of RESP are the users of HTTP, with what they may do.
func TestUsers(t *testing.T) {
	users, err := commands.OpenUsers(commands.UserOptions{RequirePass: "secret", LogLength: 10, Lines: []commands.UserLine{
		{Name: "reader", Rules: strings.Fields("on >r allchannels +sentinel|masters +sentinel|master +sentinel|replicas +subscribe")},
		{Name: "off", Rules: strings.Fields("off >o +@all")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, users)
	w.watch("m")
	for _, tc := range []struct {
		user, pass, method, path string
		want                     int
	}{
		{"", "", "GET", "/api/v1/masters", 401},
		{"", "", "GET", "/api/v1/openapi.json", 401},
		{"", "", "GET", "/api/v1/events", 401},
		{"", "", "GET", "/master", 401},
		{"", "", "POST", "/master?masters=10.0.0.1:6379", 401},
		{"", "", "GET", "/check/primary/m/10.0.0.1:6379", 401},
		{"", "", "GET", "/healthz", 200},
		{"", "secret", "GET", "/api/v1/masters", 200},
		{"default", "secret", "DELETE", "/api/v1/masters/none", 404},
		{"default", "wrong", "GET", "/api/v1/masters", 401},
		{"nobody", "secret", "GET", "/api/v1/masters", 401},
		{"off", "o", "GET", "/api/v1/masters", 401},
		{"reader", "r", "GET", "/api/v1/masters", 200},
		{"reader", "r", "GET", "/master", 200},
		{"reader", "r", "GET", "/check/primary/m/10.0.0.1:6379", 200},
		{"reader", "r", "DELETE", "/api/v1/masters/m", 403},
		{"reader", "r", "POST", "/master?masters=10.0.0.7:1", 403},
		{"reader", "r", "DELETE", "/master?masters=10.0.0.1:6379", 403},
		{"reader", "r", "GET", "/api/v1/members", 403},
		{"reader", "r", "GET", "/api/v1/events", 403}, // PSUBSCRIBE *
	} {
		w.user, w.pass = tc.user, tc.pass
		r, text := w.send(tc.method, tc.path, "", "")
		if r.StatusCode != tc.want {
			t.Errorf("%s:%s %s %s: %s %s, want %d", tc.user, tc.pass, tc.method, tc.path, r.Status, text, tc.want)
		}
		if challenge := r.Header.Get("WWW-Authenticate"); (challenge != "") != (tc.want == 401) {
			t.Errorf("%s %s: %d with the challenge %q", tc.method, tc.path, tc.want, challenge)
		}
		if strings.HasPrefix(tc.path, apiPrefix) {
			w.conforms(tc.method, tc.path, "", r, text)
		}
	}
}
