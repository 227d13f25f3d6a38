package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"

	"redis-failover/commands"
)

// exchange is one request of somebody who may log in, and its answer.
type exchange struct {
	*Server
	w       http.ResponseWriter
	r       *http.Request
	session *caller
}

// known is a route for those who have the credentials that RESP asks for.
func (s *Server) known(answer func(*exchange)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e := &exchange{Server: s, w: w, r: r, session: newCaller(r)}
		if e.logIn() {
			answer(e)
		}
	}
}

// logIn finds out whose request this is, by HTTP's Basic credentials, and answers
// 401 where a RESP client would have to send AUTH, or would send it in vain.
func (e *exchange) logIn() bool {
	name, pass, given := e.r.BasicAuth()
	if !given && e.options.Node.Users.Open() {
		return true
	}
	detail := "the credentials of a Redis client are needed, as HTTP Basic"
	if given {
		if name == "" {
			name = commands.DefaultUser
		}
		fault, wrong := e.do("AUTH", name, pass).(commands.Error)
		if !wrong {
			return true
		}
		detail = fault.Text()
	}
	e.w.Header().Set("WWW-Authenticate", `Basic realm="redis-failover", charset="UTF-8"`)
	refuse(e.w, e.r, http.StatusUnauthorized, detail)
	return false
}

// may reports whether the user may call a command that the route stands for, and
// answers if not. Routes that answer with the command itself need not ask.
func (e *exchange) may(words ...string) bool {
	fault := e.options.Node.Users.May(e.session.Client().User, words...)
	return fault == nil || !e.failed(commands.Error(fault.Error()))
}

// do answers a command as if the user had sent it over RESP.
func (e *exchange) do(words ...string) commands.Reply { return e.doAt(e.options.Node, words...) }

// doAt is do at another node than that of the options.
func (e *exchange) doAt(node *commands.Node, words ...string) commands.Reply {
	c := &commands.Context{Context: e.r.Context(), Node: node, Host: e.options.Host(), Session: e.session}
	return e.table.Dispatch(c, words)
}

// caller is the session of one request, of which nothing remains.
type caller struct {
	mu     sync.Mutex
	client commands.Client
}

func newCaller(r *http.Request) *caller {
	now := time.Now()
	c := &caller{client: commands.Client{
		Addr: r.RemoteAddr, FD: -1, User: commands.DefaultUser, Protocol: 3, Created: now, Active: now,
	}}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		c.client.LocalAddr = addr.String()
	}
	return c
}

// Client is part of commands.Session.
func (c *caller) Client() commands.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client
}

// Update is part of commands.Session.
func (c *caller) Update(change func(*commands.Client)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.client)
}

// Subscribe is part of commands.Session; no route has a command that calls it.
func (c *caller) Subscribe(commands.Subscription, []string) {}

// Unsubscribe is part of commands.Session.
func (c *caller) Unsubscribe(commands.Subscription, []string) {}

// DropSubscriptions is part of commands.Session; there are none.
func (c *caller) DropSubscriptions() {}

// Close is part of commands.Session.
func (c *caller) Close() {}

// body reads a JSON object into value, strictly, and answers what is wrong with it.
func (e *exchange) body(value any) bool {
	kind, _, err := mime.ParseMediaType(e.r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" && kind != "application/merge-patch+json" {
		e.problem(http.StatusUnsupportedMediaType, "ERR", "the body must be JSON, with the header 'Content-Type: application/json'")
		return false
	}
	decoder := json.NewDecoder(e.r.Body)
	decoder.DisallowUnknownFields()
	decoder.UseNumber()
	err = decoder.Decode(value)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("there is more behind the object")
		}
	}
	switch tooLong := (*http.MaxBytesError)(nil); {
	case errors.As(err, &tooLong):
		e.problem(http.StatusRequestEntityTooLarge, "ERR", fmt.Sprintf("the body has more than %d bytes", tooLong.Limit))
	case err != nil:
		e.problem(http.StatusBadRequest, "ERR", "the body is not the JSON object that is wanted: "+err.Error())
	default:
		e.unhurried()
	}
	return err == nil
}

// unhurried ends the time limit of the request: it is read, and what is left is
// ours to do.
func (e *exchange) unhurried() {
	// Without deadlines, as in tests, there is none to end.
	_ = http.NewResponseController(e.w).SetReadDeadline(time.Time{})
}
