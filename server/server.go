package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/commands"
)

// Server answers clients on one listener.
type Server struct {
	options  Options
	listener net.Listener
	hub      *hub
	stats    *stats
	pause    pause
	// ctx ends when the server is to end.
	ctx    context.Context
	cancel context.CancelFunc
	// tasks are all goroutines of the server but the accepting one.
	tasks sync.WaitGroup
	// accepted is closed when the accepting one has ended or will never run.
	accepted chan struct{}

	// Lock order: hub.mu, then mu, then a session's own locks.
	mu       sync.Mutex
	sessions map[int64]*session
	lastID   int64
	full     bool // the last client was refused
	closing  bool
	serving  bool
}

// New makes a server and, if it has no Listener, opens its port; clients are
// answered once Serve runs. After an error the caller's Listener is still open.
func New(options Options) (*Server, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, listener: o.Listener, stats: newStats(),
		sessions: make(map[int64]*session), accepted: make(chan struct{}),
	}
	if s.listener == nil {
		if s.listener, err = net.Listen("tcp", o.Addr); err != nil {
			return nil, fmt.Errorf("server: %w", err)
		}
	}
	s.hub = newHub(s.cut)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers clients until ctx ends or Close is called, and returns nil
// then, when all goroutines of the server have ended and the listener is
// closed. It returns an error if the listener fails for good. It may be called
// once.
func (s *Server) Serve(ctx context.Context) error {
	s.mu.Lock()
	if s.serving || s.closing {
		s.mu.Unlock()
		return errors.New("server: Serve was called twice, or after Close")
	}
	s.serving = true
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, s.shut)
	defer stop()
	err := s.accept()
	s.shut()
	close(s.accepted)
	s.tasks.Wait()
	return err
}

// Close ends the server and returns when all its goroutines have ended. It may
// be called at any time, more than once, and must not be called by a handler.
func (s *Server) Close() error {
	s.shut()
	s.mu.Lock()
	serving := s.serving
	s.mu.Unlock()
	if serving {
		<-s.accepted
	}
	s.tasks.Wait()
	return nil
}

// shut begins the end: no new clients, and the present ones are closed.
func (s *Server) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return
	}
	s.closing = true
	s.cancel()
	// Only fails if somebody closed it already.
	_ = s.listener.Close()
	for _, session := range s.sessions {
		session.kill()
	}
}

func (s *Server) isClosing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// Publish sends an event to all who are subscribed to its name. Events of the
// level Note are not for clients. It may be called from any goroutine and never
// waits for a client; events reach every subscriber in the order of the calls.
func (s *Server) Publish(e state.Event) {
	if e.Level == state.Note {
		return
	}
	s.hub.publish(e.Name, e.Payload)
}

// cut ends a subscriber that does not keep up. The hub calls it, which implies
// that the session's goroutine has not ended: that one leaves the hub first.
func (s *Server) cut(slow *session) {
	s.stats.slow.Add(1)
	bytes, messages := s.options.MaxQueuedBytes, s.options.MaxQueuedMessages
	slow.log.Warn("closed: "+errSlow.Error(), "limit_bytes", bytes, "limit_messages", messages)
	slow.abort()
}

const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = time.Second
)

// accept takes in clients until the server ends. A full table of open files and
// the like pass: it tries again, less and less often, and says so once.
func (s *Server) accept() error {
	retry := time.Duration(0)
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil && retry > 0:
			s.options.Logger.Info("accepting clients again")
			retry = 0
		case err == nil:
		case s.isClosing():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("server: the listener was closed by somebody else: %w", err)
		default:
			if retry == 0 {
				s.options.Logger.Error("cannot accept clients, trying again", "error", err)
			}
			retry = min(max(2*retry, firstRetry), lastRetry)
			if !s.wait(retry) {
				return nil
			}
			continue
		}
		s.admit(conn)
	}
}

// wait waits for d, and returns false if the server is to end.
func (s *Server) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// admit starts the session of a new client, or turns it away.
func (s *Server) admit(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// A connection without keep-alive still works.
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{
			Enable: s.options.KeepAlive > 0, Idle: s.options.KeepAlive, Interval: s.options.KeepAlive / 3, Count: 3,
		})
	}
	s.stats.connections.Add(1)
	session := s.register(conn)
	if session == nil {
		return
	}
	s.tasks.Go(func() {
		session.run()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, session.client.ID)
	})
}

// register gives a new client its session; nil if it was turned away.
func (s *Server) register(conn net.Conn) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = conn.Close() // nothing was sent or received
		return nil
	}
	if len(s.sessions) >= s.options.MaxClients {
		s.refuse(conn)
		return nil
	}
	s.full = false
	s.lastID++
	session := newSession(s, conn, s.lastID)
	s.sessions[s.lastID] = session
	return session
}

// refuse turns a client away.
func (s *Server) refuse(conn net.Conn) {
	s.stats.rejected.Add(1)
	if !s.full {
		s.options.Logger.Warn("refusing clients: too many are connected", "maxclients", s.options.MaxClients,
			"client", conn.RemoteAddr().String())
	}
	s.full = true
	s.tasks.Go(func() {
		// It is turned away whether it hears why or not.
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write([]byte("-ERR max number of clients reached\r\n"))
		_ = conn.Close()
	})
}

// Clients is part of commands.Host.
func (s *Server) Clients() []commands.Client {
	s.mu.Lock()
	sessions := slices.Collect(maps.Values(s.sessions))
	s.mu.Unlock()
	clients := make([]commands.Client, len(sessions))
	for i, session := range sessions {
		clients[i] = session.Client()
	}
	slices.SortFunc(clients, func(a, b commands.Client) int { return cmp.Compare(a.ID, b.ID) })
	return clients
}

// Subscriptions is part of commands.Host.
func (s *Server) Subscriptions(id int64) (channels, patterns []string) {
	s.mu.Lock()
	session, ok := s.sessions[id]
	s.mu.Unlock()
	if !ok {
		return nil, nil
	}
	return s.hub.namesOf(session)
}

// Kill is part of commands.Host.
func (s *Server) Kill(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.sessions[id]
	if ok {
		session.kill()
	}
	return ok
}

// Pause is part of commands.Host.
func (s *Server) Pause(d time.Duration) { s.pause.begin(d) }

// Unpause is part of commands.Host.
func (s *Server) Unpause() { s.pause.end() }

// Shutdown is part of commands.Host.
func (s *Server) Shutdown() {
	s.options.Logger.Info("SHUTDOWN was asked for by a client")
	if s.options.OnShutdown != nil {
		s.options.OnShutdown()
		return
	}
	s.shut()
}

// Stats is part of commands.Host.
func (s *Server) Stats() commands.Stats {
	rates := s.stats.perSecond(time.Now())
	channels, patterns := s.hub.counts()
	clients := s.Clients()
	subscribers := 0
	for _, client := range clients {
		if client.Subscribed() {
			subscribers++
		}
	}
	port := 0
	if tcp, ok := s.Addr().(*net.TCPAddr); ok {
		port = tcp.Port
	}
	return commands.Stats{
		Port: port, MaxClients: s.options.MaxClients,
		Clients: len(clients), Subscribers: subscribers, Channels: channels, Patterns: patterns,
		Connections: s.stats.connections.Load(), Rejected: s.stats.rejected.Load(),
		Commands: s.stats.commands.Load(), ErrorReplies: s.stats.errors.Load(),
		BytesIn: s.stats.bytesIn.Load(), BytesOut: s.stats.bytesOut.Load(),
		Reads: s.stats.reads.Load(), Writes: s.stats.writes.Load(),
		SlowClients: s.stats.slow.Load(), BadQueries: s.stats.malformed.Load(),
		MaxInput: s.stats.maxInput.Load(), MaxOutput: s.stats.maxOutput.Load(),
		CommandsPerSecond: rates.commands, BytesInPerSecond: rates.in, BytesOutPerSecond: rates.outs,
	}
}
