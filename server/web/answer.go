package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"redis-failover/commands"
)

// problem answers with the problem details of RFC 9457. The code is the first word
// of the error that a RESP client would get.
func (e *exchange) problem(status int, code, detail string) {
	writeProblem(e.w, status, code, detail)
}

func writeProblem(w http.ResponseWriter, status int, code, detail string) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, "application/problem+json", map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}

// statuses are the codes of HTTP for the kinds of errors. An uncertain outcome is
// 504: what was asked did not answer in time.
var statuses = map[commands.Class]int{
	commands.Invalid:         http.StatusBadRequest,
	commands.NotFound:        http.StatusNotFound,
	commands.Conflict:        http.StatusConflict,
	commands.Unavailable:     http.StatusServiceUnavailable,
	commands.Uncertain:       http.StatusGatewayTimeout,
	commands.Unauthenticated: http.StatusUnauthorized,
	commands.Forbidden:       http.StatusForbidden,
}

// failed answers an error reply, and reports whether it was one.
func (e *exchange) failed(reply commands.Reply) bool {
	fault, is := reply.(commands.Error)
	if is {
		e.problem(statuses[fault.Class()], fault.Code(), fault.Text())
	}
	return is
}

// reply answers with a command's reply, or with the error that it is.
func (e *exchange) reply(status int, reply commands.Reply) {
	if !e.failed(reply) {
		e.json(status, plain(reply))
	}
}

func (e *exchange) json(status int, value any) { writeJSON(e.w, status, "application/json", value) }

func writeJSON(w http.ResponseWriter, status int, kind string, value any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	// All values are ours and have a form in JSON; a text that is no UTF-8 gets
	// replacement characters.
	if err := encoder.Encode(value); err != nil {
		status, kind = http.StatusInternalServerError, "application/problem+json"
		text.Reset()
		text.WriteString(`{"type":"about:blank","title":"Internal Server Error","status":500,"code":"ERR","detail":"the answer has no form in JSON"}`)
	}
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // whoever has gone does not miss it
}

// truths are the fields that RESP tells as 0 and 1.
var truths = []string{"self", "alive", "reachable", "serving", "leader", "replica-announced", "chosen"}

// plain is a reply as encoding/json takes it. Fields keep Sentinel's names; flags
// become a list, and what is true or false says so.
func plain(reply commands.Reply) any {
	switch r := reply.(type) {
	case commands.Simple:
		return string(r)
	case commands.Bulk:
		return string(r)
	case commands.Verbatim:
		return string(r)
	case commands.Int:
		return int64(r)
	case commands.Number:
		return int64(r)
	case commands.Array:
		return list(r)
	case commands.Set:
		return list(r)
	case commands.Map:
		object := make(map[string]any, len(r))
		for _, p := range r {
			object[p.Key] = field(p)
		}
		return object
	}
	return nil // Null and NullArray; the others answer no command that is called here
}

func list(replies []commands.Reply) []any {
	items := make([]any, len(replies))
	for i, r := range replies {
		items[i] = plain(r)
	}
	return items
}

func field(p commands.Pair) any {
	switch value := p.Value.(type) {
	case commands.Bulk:
		if p.Key == "flags" {
			return strings.FieldsFunc(string(value), func(r rune) bool { return r == ',' })
		}
	case commands.Number:
		if slices.Contains(truths, p.Key) {
			return value != 0
		}
	}
	return plain(p.Value)
}
