package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// Changes is the part of a broker that the event stream needs; see cluster.Broker
// for what it promises.
type Changes interface {
	Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change]
}

const (
	// heartbeat keeps proxies from cutting a stream on which nothing happens.
	heartbeat = 15 * time.Second
	// takeTime is how long a reader may take for what is sent to it.
	takeTime = 30 * time.Second
	// aheadTime bounds the wait for a document that has the reader's last number.
	aheadTime = 1500 * time.Millisecond
)

// stream writes the agreed events, which are numbered without gaps and are the
// same on every node, as server-sent events. A reader that was away gives the last
// number it has seen and misses nothing; where the journal does not reach back so
// far, it is told which numbers are lost.
type stream struct {
	*exchange
	control *http.ResponseController
	// last is the number of the last event that the reader has, or has declined.
	last uint64
	// told is the last one that the reader knows the number of.
	told uint64
	// wanted are the names of the events to send, empty for all.
	wanted []string
	// master is whose events to send, "" for all.
	master string
	// words are the command that the reader must be permitted all the while.
	words []string
	err   error
}

// events answers with a stream that ends when the reader goes, or the node.
func (e *exchange) events() {
	query := e.r.URL.Query()
	wanted := query["event"]
	words := []string{"PSUBSCRIBE", "*"}
	if len(wanted) > 0 {
		words = append([]string{"SUBSCRIBE"}, wanted...)
	}
	if !e.may(words...) {
		return
	}
	st := &stream{exchange: e, control: http.NewResponseController(e.w), wanted: wanted, words: words, master: query.Get("master")}
	if !st.begin(orElse(e.r.Header.Get("Last-Event-ID"), query.Get("after"))) {
		return
	}
	st.follow()
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// begin finds where to begin and sends the head of the answer.
func (st *stream) begin(after string) bool {
	doc := st.options.Node.Broker.State()
	st.last = doc.EventSeq
	ahead := false
	if after != "" {
		number, err := strconv.ParseUint(after, 10, 64)
		if err != nil {
			st.problem(http.StatusBadRequest, "ERR", fmt.Sprintf("%.40q is not the number of an event", after))
			return false
		}
		ahead = number > doc.EventSeq && st.neverGiven(number)
		if !ahead {
			st.last = number
		}
	}
	st.told = st.last
	st.unhurried()
	header := st.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would collect events before it passes them on
	st.w.WriteHeader(http.StatusOK)
	st.send("retry: 1000\n\n")
	if ahead {
		st.send(frame("gap", st.last, map[string]any{
			"detail": "the last number that was given is below this one: it is another group's. Reading begins now"}))
	}
	st.flush()
	return st.err == nil
}

// neverGiven reports whether no event has that number yet, rather than that this
// node is behind the one that the reader has read from.
func (st *stream) neverGiven(number uint64) bool {
	ctx, cancel := context.WithTimeout(st.r.Context(), aheadTime)
	defer cancel()
	_, err := st.options.Node.Broker.Barrier(ctx)
	return err == nil && st.options.Node.Broker.State().EventSeq < number
}

// follow sends what the journals have, and then each change.
func (st *stream) follow() {
	ctx, cancel := context.WithCancel(st.r.Context())
	defer cancel()
	doc := st.options.Node.Broker.State()
	changes := make(chan cluster.Change)
	go func() {
		defer close(changes)
		for change := range st.options.Changes.Applied(ctx, doc.Index) {
			select {
			case changes <- change:
			case <-ctx.Done():
				return
			}
		}
	}()
	st.take(doc.EventsAfter(st.last), doc.EventSeq)
	beat := time.NewTicker(st.Server.beat)
	defer beat.Stop()
	for st.err == nil {
		select {
		case change, open := <-changes:
			if !open {
				return
			}
			st.takeChange(change)
		case <-beat.C:
			st.signOfLife()
		case <-ctx.Done():
			return
		}
	}
}

func (st *stream) takeChange(change cluster.Change) {
	events := change.Outcome.Events
	if change.Reset {
		events = change.State.EventsAfter(st.last)
	}
	st.take(events, change.State.EventSeq)
}

// take sends events, and says which are missing up to the number top.
func (st *stream) take(events []state.Event, top uint64) {
	for _, e := range events {
		if e.Seq <= st.last {
			continue
		}
		st.missing(e.Seq - 1)
		st.last = e.Seq
		if st.wants(e) {
			st.told = e.Seq
			st.send(frame(e.Name, e.Seq, describeEvent(e)))
		}
	}
	st.missing(top)
	st.flush()
}

// missing says that the events up to number are not in the journals any more.
func (st *stream) missing(number uint64) {
	if number <= st.last {
		return
	}
	st.send(frame("gap", number, map[string]any{
		"from": st.last + 1, "to": number, "detail": "the journal does not reach back so far; read the present state anew"}))
	st.last, st.told = number, number
}

func (st *stream) wants(e state.Event) bool {
	return (len(st.wanted) == 0 || slices.Contains(st.wanted, e.Name)) && (st.master == "" || st.master == e.Master)
}

// errRevoked ends a stream whose reader may not read it any more.
var errRevoked = errors.New("the user may not read this any more")

// signOfLife is sent when nothing happens. It tells the number of the last event even if the reader
// did not want that one, so that it need not be looked through again.
func (st *stream) signOfLife() {
	if client := st.session.Client(); !st.options.Node.Users.Admitted(client) || st.options.Node.Users.May(client.User, st.words...) != nil {
		st.err = errRevoked
		return
	}
	if st.told == st.last {
		st.send(":\n\n")
	} else {
		st.send(fmt.Sprintf("id: %d\n\n", st.last))
		st.told = st.last
	}
	st.flush()
}

func (st *stream) send(text string) {
	if st.err == nil {
		// Not all writers have deadlines.
		_ = st.control.SetWriteDeadline(time.Now().Add(takeTime))
		_, st.err = st.w.Write([]byte(text))
	}
}

func (st *stream) flush() {
	if st.err == nil {
		st.err = st.control.Flush()
	}
}

// frame is one server-sent event. JSON has no line breaks, and names none either.
func frame(name string, number uint64, data any) string {
	text, err := json.Marshal(data)
	if err != nil {
		text = []byte("{}") // impossible: all data are texts and numbers
	}
	return fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", name, number, text)
}

var levels = map[state.Level]string{state.Note: "note", state.Verbose: "verbose", state.Notice: "notice", state.Warning: "warning"}

func describeEvent(e state.Event) any {
	return struct {
		Number  uint64 `json:"number"`
		At      string `json:"at"`
		Event   string `json:"event"`
		Level   string `json:"level"`
		Master  string `json:"master,omitempty"`
		Payload string `json:"payload"`
	}{e.Seq, clock(e.At), e.Name, levels[e.Level], e.Master, e.Payload}
}

// clock is a time of the document, "" for none.
func clock(t state.Time) string {
	if t == 0 {
		return ""
	}
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z")
}
