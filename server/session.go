package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"redis-failover/commands"
)

// session is one client's connection. One goroutine reads its commands, runs
// them and sends the replies; that goroutine owns all fields without another
// note.
type session struct {
	server *Server
	conn   net.Conn
	log    *slog.Logger
	in     *frames
	out    *output
	// ctx ends with the session; cancel may be called by anybody.
	ctx    context.Context
	cancel context.CancelFunc
	// ending: no command is to be read any more.
	ending  bool
	scratch []byte

	// subscriptions are guarded by the hub's lock.
	subscriptions [2]map[string]struct{}

	mu     sync.Mutex
	client commands.Client // guarded by mu, but for ID, Addr, LocalAddr and FD, which never change
}

// errHTTP ends a session whose client speaks HTTP where that is turned off, or
// behind commands: somebody may be making a browser send us commands. Redis
// answers nothing either.
var errHTTP = errors.New("sent HTTP")

func newSession(server *Server, conn net.Conn, id int64) *session {
	o := server.options
	now := time.Now()
	s := &session{
		server: server,
		conn:   conn,
		client: commands.Client{
			ID: id, Addr: conn.RemoteAddr().String(), LocalAddr: conn.LocalAddr().String(), FD: descriptor(conn),
			User: commands.DefaultUser, Authenticated: o.Node.Users.Open(), Protocol: 2,
			Created: now, Active: now,
		},
	}
	s.log = o.Logger.With("client", s.client.Addr)
	s.ctx, s.cancel = context.WithCancel(server.ctx)
	s.out = newOutput(conn, o.WriteTimeout, queueLimits{o.MaxQueuedMessages, o.MaxQueuedBytes}, server.tasks.Go, server.stats)
	s.in = newFrames(connReader{s}, o.MaxQuery, func() bool { return o.Node.Users.Admitted(s.Client()) }, s.out.flush)
	return s
}

// descriptor is the number of the connection's file, for CLIENT LIST; -1 if it
// has none.
func descriptor(conn net.Conn) int {
	fd := -1
	if file, ok := conn.(syscall.Conn); ok {
		if raw, err := file.SyscallConn(); err == nil {
			// Control fails only if the connection is closed: then it has none.
			_ = raw.Control(func(number uintptr) { fd = int(number) })
		}
	}
	return fd
}

// run serves the session until it ends.
func (s *session) run() {
	defer s.cancel()
	err := s.serve()
	s.server.hub.drop(s)
	s.explain(err)
	// What matters was sent before; an error here changes nothing.
	_ = s.conn.Close()
}

// serve runs commands until the session ends or cannot go on. A panic in a
// handler ends this session and no other: a mistake in one reply must not stop
// the failover of all masters.
func (s *session) serve() (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			s.log.Error("a command failed badly, its connection is closed; please report this",
				"command", s.Client().Command, "panic", fault, "stack", string(debug.Stack()))
			err = net.ErrClosed
		}
	}()
	if http, err := speaksHTTP(s.in); err != nil {
		return err
	} else if http {
		return s.handOver()
	}
	for !s.ending {
		words, err := s.in.next()
		if err != nil {
			return err
		}
		if err := s.execute(words); err != nil {
			return err
		}
	}
	return s.out.flush()
}

// execute runs one command and adds its reply to the output.
func (s *session) execute(raw [][]byte) error {
	words := make([]string, len(raw))
	for i, word := range raw {
		words[i] = string(word)
	}
	if strings.EqualFold(words[0], "post") || strings.EqualFold(words[0], "host:") {
		return errHTTP
	}
	if s.server.pause.wait(s.ctx); s.ctx.Err() != nil {
		return net.ErrClosed
	}
	waiting := s.in.waiting()
	s.Update(func(client *commands.Client) { client.Active, client.QueryBuffer = time.Now(), waiting })
	s.server.stats.command(waiting)
	reply := s.server.options.Table.Dispatch(&commands.Context{
		Context: s.ctx, Node: s.server.options.Node, Host: s.server, Session: s,
	}, words)
	if _, failed := reply.(commands.Error); failed {
		s.server.stats.errors.Add(1)
	}
	return s.reply(reply)
}

// reply sends the reply to a command, if the client wants it.
func (s *session) reply(reply commands.Reply) error {
	var mode commands.ReplyMode
	var protocol int
	s.Update(func(client *commands.Client) {
		mode, protocol = client.Replies, client.Protocol
		switch mode {
		case commands.ReplySkipNext:
			client.Replies = commands.ReplySkip
		case commands.ReplySkip:
			client.Replies = commands.ReplyOn
		}
	})
	s.out.setProtocol(protocol)
	if mode == commands.ReplyOff || mode == commands.ReplySkip {
		reply = commands.NoReply{}
	}
	if s.out.add(s.encode(reply, protocol)) {
		return s.out.flush()
	}
	return nil
}

// encode returns the reply's bytes, valid until the next call.
func (s *session) encode(reply commands.Reply, protocol int) []byte {
	wire := appendReply(s.scratch[:0], reply, protocol)
	if cap(wire) <= keepOutput {
		s.scratch = wire
	}
	return wire
}

// explain tells the client and the log why the session ended, where that is not
// plain.
func (s *session) explain(err error) {
	var wrong protocolError
	switch {
	case err == nil || errors.Is(err, io.EOF) || s.ctx.Err() != nil:
	case errors.As(err, &wrong):
		s.server.stats.malformed.Add(1)
		s.log.Warn("closed: "+err.Error(), "command", s.Client().Command)
		s.out.add(s.encode(commands.Error("ERR Protocol error: "+string(wrong)), 2))
		if s.out.flush() == nil {
			s.linger()
		}
	case errors.Is(err, errHTTP):
		s.server.stats.malformed.Add(1)
		s.log.Warn("closed: this looks like HTTP, maybe an attempt to make a browser send commands")
	case errors.Is(err, errFraming):
		s.log.Error("closed: a command was read wrongly; please report this", "error", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.log.Info("closed: it was idle for too long, or did not take its replies")
	default:
		s.log.Debug("closed", "reason", err)
	}
}

const (
	lingerBytes = 1 << 20
	lingerTime  = time.Second
)

// linger gives a client the chance to read an error that it did not ask for:
// closing while it still sends would make the kernel throw away what it has not
// read yet.
func (s *session) linger() {
	half, ok := s.conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || s.conn.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	// Whatever comes is thrown away; so is the error that ends it.
	_, _ = io.Copy(io.Discard, io.LimitReader(s.conn, lingerBytes))
}

// kill ends the session from outside, without waiting for anything. The caller
// knows that the session's goroutine has not ended.
func (s *session) kill() {
	s.cancel()
	s.server.tasks.Go(func() {
		// The session's goroutine finds out by it.
		_ = s.conn.Close()
	})
}

// abort is kill for a client that does not read: what the network has taken and
// not delivered is thrown away, or the system would keep it for as long as the
// client stays away.
func (s *session) abort() {
	if tcp, ok := s.conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // only fails on a connection that has ended
	}
	s.kill()
}

// Client is part of commands.Session; other goroutines may call it too.
func (s *session) Client() commands.Client {
	bytes, messages := s.out.waiting()
	s.mu.Lock()
	defer s.mu.Unlock()
	client := s.client
	client.OutputBytes, client.OutputMessages = bytes, messages
	return client
}

// Update is part of commands.Session; other goroutines may call it too.
func (s *session) Update(change func(*commands.Client)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.client)
}

// Subscribe is part of commands.Session.
func (s *session) Subscribe(kind commands.Subscription, names []string) {
	s.server.hub.subscribe(s, kind, names)
}

// Unsubscribe is part of commands.Session.
func (s *session) Unsubscribe(kind commands.Subscription, names []string) {
	s.server.hub.unsubscribe(s, kind, names)
}

// DropSubscriptions is part of commands.Session.
func (s *session) DropSubscriptions() {
	s.server.hub.drop(s)
	s.Update(func(client *commands.Client) { client.Channels, client.Patterns = 0, 0 })
}

// confirm adds a confirmation to the output, whatever CLIENT REPLY says. The
// hub calls it on the session's goroutine.
func (s *session) confirm(p commands.Push, protocol int) { s.out.add(s.encode(p, protocol)) }

// Close is part of commands.Session.
func (s *session) Close() { s.ending = true }

// connReader reads from a session's connection, with its deadline.
type connReader struct{ s *session }

func (r connReader) Read(p []byte) (int, error) {
	var deadline time.Time // none
	if limit := r.s.server.options.IdleTimeout; limit > 0 && !r.s.Client().Subscribed() {
		deadline = time.Now().Add(limit)
	}
	if err := r.s.conn.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	n, err := r.s.conn.Read(p)
	r.s.server.stats.input(n)
	return n, err
}
