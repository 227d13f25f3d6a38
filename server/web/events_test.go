package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// reader reads server-sent events.
type reader struct {
	t     *testing.T
	lines *bufio.Scanner
	close func()
}

type told struct {
	id   uint64
	name string
	data map[string]any
}

// listen opens a stream. last is the Last-Event-ID, "" for none.
func (w *world) listen(query, last string) *reader {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), "GET", w.url+apiPrefix+"/events"+query, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("the stream is %s of %s", response.Status, response.Header.Get("Content-Type"))
	}
	guard := time.AfterFunc(patience, func() { response.Body.Close() })
	w.t.Cleanup(func() { guard.Stop() })
	return &reader{t: w.t, lines: bufio.NewScanner(response.Body), close: func() { response.Body.Close() }}
}

// next waits for an event.
func (r *reader) next() told {
	r.t.Helper()
	var e told
	for r.lines.Scan() {
		field, value, _ := strings.Cut(r.lines.Text(), ": ")
		switch field {
		case "":
			if e.data != nil {
				return e
			}
		case "id":
			id, err := strconv.ParseUint(value, 10, 64)
			if err != nil {
				r.t.Fatal(err)
			}
			e.id = id
		case "event":
			e.name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	r.t.Fatalf("the stream has ended: %v", r.lines.Err())
	return e
}

// expect waits for an event of that name, the next one.
func (r *reader) expect(name string) told {
	r.t.Helper()
	e := r.next()
	if e.name != name {
		r.t.Fatalf("got %+v, want %s", e, name)
	}
	return e
}

func (w *world) set(name, option, value string) {
	w.t.Helper()
	w.apply(state.OpSet{Name: name, Options: []state.Option{{Name: option, Values: []string{value}}}})
}

// Whoever was away gets what it has missed, each event once and in order, and then
// what comes.
func TestEventsAfterAnAbsence(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	first := w.listen("", "")
	w.set("m", "quorum", "2")
	seen := first.expect("+set")
	if seen.data["master"] != "m" || seen.data["number"] != float64(seen.id) || seen.data["level"] != "warning" ||
		!strings.HasSuffix(seen.data["payload"].(string), "quorum 2") {
		t.Errorf("the event is %+v", seen)
	}
	first.close()
	for i := range 5 {
		w.set("m", "quorum", strconv.Itoa(i+3))
	}
	for _, again := range []*reader{w.listen("", fmt.Sprint(seen.id)), w.listen(fmt.Sprintf("?after=%d", seen.id), "")} {
		w.set("m", "parallel-syncs", "2")
		last := seen.id
		for want := 3; want < 8; want++ {
			e := again.expect("+set")
			if e.id != last+1 || !strings.HasSuffix(e.data["payload"].(string), fmt.Sprintf("quorum %d", want)) {
				t.Fatalf("after %d comes %+v", last, e)
			}
			last = e.id
		}
		if e := again.expect("+set"); !strings.HasSuffix(e.data["payload"].(string), "parallel-syncs 2") {
			t.Errorf("then comes %+v", e)
		}
	}
}

// Where the journal does not reach back, the reader is told which events are lost.
func TestEventsBeyondTheJournal(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	start := w.broker.State().EventSeq
	const many = 300
	for i := range many {
		w.set("m", "quorum", strconv.Itoa(i+2))
	}
	r := w.listen("", fmt.Sprint(start))
	gap := r.expect("gap")
	if gap.data["from"] != float64(start+1) || gap.data["to"] != float64(gap.id) {
		t.Errorf("the gap is %+v", gap)
	}
	last := gap.id
	for last < start+many {
		e := r.expect("+set")
		if e.id != last+1 {
			t.Fatalf("after %d comes %+v", last, e)
		}
		last = e.id
	}
	// The journal of another group has nothing to do with this one.
	other := w.listen("", "1000000")
	other.expect("gap")
	w.set("m", "quorum", "1")
	if e := other.expect("+set"); e.id != start+many+1 {
		t.Errorf("after the gap comes %+v", e)
	}
}

func TestEventsOfChoice(t *testing.T) {
	w := newWorld(t, commands.NewUsers(""))
	w.watch("m")
	w.watch("n")
	one, sets := w.listen("?master=n", ""), w.listen("?event=-monitor&event=%2Bmonitor", "")
	w.set("m", "quorum", "2")
	w.set("n", "quorum", "3")
	w.apply(state.OpRemove{Name: "m"})
	if e := one.expect("+set"); e.data["master"] != "n" {
		t.Errorf("of one master: %+v", e)
	}
	if e := sets.expect("-monitor"); !strings.HasPrefix(e.data["payload"].(string), "master m ") {
		t.Errorf("of some names: %+v", e)
	}
	if r, text := w.send("GET", apiPrefix+"/events?after=x", "", ""); r.StatusCode != 400 {
		t.Errorf("a number that is none: %s %s", r.Status, text)
	}
}

// A stream ends soon after its reader may not read it any more, and with the server.
func TestStreamsEnd(t *testing.T) {
	users := commands.NewUsers("")
	w := newWorld(t, users)
	s := serve(t, w.node)
	s.beat = time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	w.url = "http://" + l.Addr().String()
	ends := func(r *reader) {
		t.Helper()
		for r.lines.Scan() {
		}
	}
	r := w.listen("?event=%2Bset", "")
	w.apply(state.OpMonitor{Name: "m", Addr: state.Addr{Host: "10.0.0.1", Port: 1}, Quorum: 1, Settings: state.DefaultSettings()})
	want := fmt.Sprintf("id: %d", w.broker.State().EventSeq)
	for r.lines.Scan() && r.lines.Text() != want { // what it did not want counts as read
	}
	session := newCaller(&http.Request{})
	if reply := w.dispatch(session, "ACL", "SETUSER", "default", "-subscribe"); reply != commands.OK {
		t.Fatal(reply)
	}
	ends(r)
	if reply := w.dispatch(session, "ACL", "SETUSER", "default", "+subscribe"); reply != commands.OK {
		t.Fatal(reply)
	}
	r = w.listen("", "")
	stop()
	ends(r)
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// dispatch answers a command of a RESP client.
func (w *world) dispatch(session *caller, words ...string) commands.Reply {
	w.t.Helper()
	table, err := commands.NewTable(commands.All()...)
	if err != nil {
		w.t.Fatal(err)
	}
	return table.Dispatch(&commands.Context{Context: w.t.Context(), Node: w.node, Host: noHost{}, Session: session}, words)
}
