package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// guard keeps out what browsers are made to send by pages of others, and what is
// too long. A page may name a host of its own that resolves to this node's
// address (DNS rebinding), and then is of the same origin: so the name that a
// client calls us by must be one of ours.
func (s *Server) guard(next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		// A client that does not read must not hold this goroutine. Not all writers have
		// deadlines.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		switch {
		case !s.knows(r.Host):
			refuse(w, r, http.StatusMisdirectedRequest, fmt.Sprintf(
				"this node is not known as %.100q; call it by its address, or allow the name with -http_hosts", r.Host))
		case origins.Check(r) != nil || foreignRead(r):
			refuse(w, r, http.StatusForbidden, "requests that pages of another origin make are refused")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// steady has a fault of ours end one request and be known. Without it net/http would
// log it among what clients do wrong.
func (s *Server) steady(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch fault := recover(); fault {
			case nil:
				return
			case http.ErrAbortHandler: // was meant
			default:
				s.options.Logger.Error("a request failed badly, its connection is closed; please report this",
					"method", r.Method, "path", r.URL.Path, "panic", fault, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler)
		}()
		next.ServeHTTP(w, r)
	})
}

// refuse answers in the way that the path is answered.
func refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	if strings.HasPrefix(r.URL.Path, apiPrefix+"/") {
		code := "ERR"
		if status == http.StatusUnauthorized {
			code = "NOAUTH"
		}
		writeProblem(w, status, code, detail)
		return
	}
	text(w, status, detail)
}

// knows reports whether a Host header names this node. HTTP/1.0 knows none, and
// no browser speaks it.
func (s *Server) knows(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil || host == "" || host == "localhost" {
		return true
	}
	return host == strings.ToLower(s.options.Announced()) || slices.ContainsFunc(s.options.Hosts, func(allowed string) bool {
		return allowed == "*" || strings.ToLower(allowed) == host
	})
}

// foreignRead reports whether a page of another origin asks for something to
// read. Following a link is no such thing: the page does not see the answer.
func foreignRead(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		origin := r.Header.Get("Origin")
		_, host, found := strings.Cut(origin, "://")
		return origin != "" && (!found || host != r.Host)
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate"
}
