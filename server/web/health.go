package web

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// healthy says that the process lives: whoever gets no answer may restart it. A
// node without a majority lives.
func healthy(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") }

// ready says whether this node can do its work at present: it has the current
// document, and a majority with it.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	isolated := s.options.Node.LookUps.IsolatedFor()
	err := s.options.Node.LookUps.Ready()
	switch {
	case err == nil:
		text(w, http.StatusOK, "ready")
	case isolated >= 0:
		text(w, http.StatusServiceUnavailable, fmt.Sprintf("isolated for %s: %v", isolated.Round(time.Millisecond), err))
	default:
		text(w, http.StatusServiceUnavailable, fmt.Sprintf("not ready: %v", err))
	}
}

// text answers with a line for people.
func text(w http.ResponseWriter, status int, line string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// Whoever has gone does not miss it.
	_, _ = io.WriteString(w, strings.Join(strings.Fields(line), " ")+"\n")
}
