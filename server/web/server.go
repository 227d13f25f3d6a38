package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

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
)

// Options are how HTTP is to be served. Node is required.
type Options struct {
	// Node is what the answers are made from.
	Node *commands.Node
	// Hosts are the names by which clients may call this node, besides addresses,
	// "localhost" and what it is announced as. "*" allows all names.
	Hosts []string
	// Announced is the host that others are told, a name or an address.
	Announced string
	// Logger gets a line for each fault of ours; nil throws them away.
	Logger *slog.Logger
}

// Server answers HTTP. Several goroutines may use it at the same time.
type Server struct {
	options Options
	http    *http.Server
	stop    context.CancelFunc
}

// New makes a server that has no connections yet.
func New(o Options) (*Server, error) {
	if o.Node == nil {
		return nil, errors.New("web: Options.Node is missing")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{options: o, stop: stop}
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
	return s.guard(routes)
}

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
	err := s.http.Serve(l)
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
