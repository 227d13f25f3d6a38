package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// The limits of what a client may send, and how long it may take. A request of
// this interface has some hundred bytes.
const (
	headerLimit = 16 << 10
	bodyLimit   = 1 << 20
	headerTime  = 10 * time.Second
	bodyTime    = 30 * time.Second
	idleTime    = 2 * time.Minute
	// answerTime is for the answer: longer than any command takes, and reading it.
	answerTime = time.Minute
)

// Options are how HTTP is to be served. Node, Host, Changes, NewMaster and
// Announced are required.
type Options struct {
	// Node is what commands work on.
	Node *commands.Node
	// Host returns the server that the node's clients are connected to; it is called
	// for each request.
	Host func() commands.Host
	// Changes are those of the document.
	Changes Changes
	// NewMaster returns the quorum and the settings of a master of which nothing but
	// the address was said.
	NewMaster func() (quorum int, settings state.Settings)
	// Metrics answers scrapes of Prometheus; nil is no answer.
	Metrics http.Handler
	// Table holds the commands; nil means commands.All.
	Table *commands.Table
	// Hosts are the names by which clients may call this node, besides addresses,
	// "localhost" and what it is announced as. "*" allows all names.
	Hosts []string
	// Announced returns the host that others are told, a name or an address.
	Announced func() string
	// MaxClients is how many may be connected to the listener of Serve at once; more
	// wait. 0 is no limit.
	MaxClients int
	// Logger gets a line for each fault of ours; nil throws them away.
	Logger *slog.Logger
}

// Server answers HTTP. Several goroutines may use it at the same time.
type Server struct {
	options Options
	table   *commands.Table
	http    *http.Server
	stop    context.CancelFunc
	// beat lies between two signs of life of a stream.
	beat time.Duration
}

// New makes a server that has no connections yet.
func New(o Options) (*Server, error) {
	if o.Node == nil || o.Host == nil || o.Changes == nil || o.NewMaster == nil || o.Announced == nil {
		return nil, errors.New("web: one of Options.Node, Host, Changes, NewMaster and Announced is missing")
	}
	if o.Table == nil {
		table, err := commands.NewTable(commands.All()...)
		if err != nil {
			return nil, err
		}
		o.Table = table
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{options: o, table: o.Table, stop: stop, beat: heartbeat}
	s.http = &http.Server{
		Handler:           s.handler(),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		MaxHeaderBytes:    headerLimit,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       bodyTime,
		IdleTimeout:       idleTime,
		// What clients do wrong is theirs; what we do wrong is logged where it is.
		ErrorLog: slog.NewLogLogger(o.Logger.With("from", "net/http").Handler(), slog.LevelDebug),
	}
	return s, nil
}

// handler is all routes behind the guards.
func (s *Server) handler() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", healthy)
	routes.HandleFunc("GET /readyz", s.ready)
	routes.HandleFunc("/master", s.known((*exchange).older))
	routes.HandleFunc("GET /check/primary/{master}/{address}", s.known((*exchange).primary))
	routes.HandleFunc("GET /check/replica/{master}/{address}", s.known((*exchange).replica))
	if s.options.Metrics != nil {
		routes.HandleFunc("GET /metrics", s.known((*exchange).metrics))
	}
	for pattern, answer := range s.api() {
		method, path, _ := strings.Cut(pattern, " ")
		routes.HandleFunc(method+" "+apiPrefix+path, s.known(answer))
	}
	return s.steady(s.guard(explained(routes)))
}

// metrics are for those who may read INFO, which says much of the same.
func (e *exchange) metrics() {
	if e.may("INFO") {
		e.options.Metrics.ServeHTTP(e.w, e.r)
	}
}

// apiPrefix begins the paths of the API; another, incompatible one gets another
// number.
const apiPrefix = "/api/v1"

// explained answers with problem details where there is no such route of the API.
func explained(routes *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		missing, pattern := routes.Handler(r)
		if pattern != "" || !strings.HasPrefix(r.URL.Path, apiPrefix+"/") {
			routes.ServeHTTP(w, r)
			return
		}
		verdict := &verdict{header: w.Header()}
		missing.ServeHTTP(verdict, r)
		detail := "there is no such path; " + apiPrefix + "/openapi.json describes those that are"
		if verdict.status == http.StatusMethodNotAllowed {
			detail = "this path has other methods: " + w.Header().Get("Allow")
		}
		writeProblem(w, verdict.status, "ERR", detail)
	})
}

// verdict is a ResponseWriter that keeps the status and the header only.
type verdict struct {
	header http.Header
	status int
}

// Header is part of http.ResponseWriter.
func (v *verdict) Header() http.Header { return v.header }

// WriteHeader is part of http.ResponseWriter.
func (v *verdict) WriteHeader(status int) { v.status = status }

// Write is part of http.ResponseWriter.
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }

// Serve answers the clients of a listener, which it closes, until ctx ends, and
// returns nil then, when they all have been answered or cut.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.stop() // streams end by it
		grace, cancel := context.WithTimeout(context.Background(), shutdownTime)
		defer cancel()
		if s.http.Shutdown(grace) != nil {
			_ = s.http.Close() // who does not take an answer gets none
		}
	})
	err := s.http.Serve(limit(l, s.options.MaxClients))
	if cancel() { // the listener failed by itself
		return err
	}
	<-stopped
	return nil
}

// shutdownTime is how long requests may take that are being answered at the end.
const shutdownTime = 500 * time.Millisecond

// ServeConn answers one client and returns when its connection is closed. It is
// for connections of a listener that another protocol shares; to end it, close
// the connection below.
func (s *Server) ServeConn(conn net.Conn) {
	// The error says that there is no second connection.
	_ = s.http.Serve(newSingle(conn))
}

// single is a listener with one connection: net/http has no call for one.
type single struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
}

func newSingle(conn net.Conn) *single {
	l := &single{addr: conn.LocalAddr(), conns: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conns <- &lastConn{Conn: conn, close: sync.OnceValue(func() error {
		defer close(l.closed)
		return conn.Close()
	})}
	return l
}

// Accept returns the connection, and after that waits until it is closed.
func (l *single) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close is part of net.Listener: there is nothing to close but the connection,
// and net/http does that.
func (l *single) Close() error { return nil }

// Addr is part of net.Listener.
func (l *single) Addr() net.Addr { return l.addr }

type lastConn struct {
	net.Conn
	close func() error
}

// Close is part of net.Conn.
func (c *lastConn) Close() error { return c.close() }
