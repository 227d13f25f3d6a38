package monitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
)

// session is one connection of a link, from the attempt to make it to its end.
type session struct {
	link *link

	// Guarded by link.mu.

	// stop ends the attempt to connect; nil once connected.
	stop context.CancelFunc
	// conn is nil until connected and never changes then.
	conn net.Conn
	// cause is why we ended it, nil if we did not.
	cause error
	// over: the end has been settled; nothing may be added below.
	over bool
	// writing: some goroutine is in flush, or about to be. idle is closed when
	// it leaves, if somebody waits for that.
	writing bool
	idle    chan struct{}
	// unanswered is what was written and has no reply yet, in order.
	unanswered []question
	// unsent are orders that Drop took out of the outbox.
	unsent []*order

	// Of the goroutine that writes; link.mu orders one after the other.

	greeted bool

	// Of the goroutine that reads.

	frames frames
	up     bool
	// refusal is the first word of a server that does not let us in.
	refusal error
}

// question is a command that was written.
type question struct {
	command command
	sentAt  time.Time
	order   *order // of the commands of an order
}

// command says what a reply answers.
type command int8

const (
	askAuth command = iota
	askName
	askKillScript
	askSubscribe
	askPing
	askReplication
	askInfo
	askMulti
	askSlaveof
	askRewrite
	askKillNormal
	askKillPubsub
	askExec
	askPlainSlaveof
)

// newSession returns a session and the context in which it may connect.
func newSession(l *link) (*session, context.Context) {
	ctx, stop := context.WithTimeout(context.Background(), l.cfg.ConnectTimeout)
	return &session{link: l, stop: stop}, ctx
}

// serve connects, sends what there is to send and reads until the end.
func (s *session) serve(ctx context.Context) error {
	conn, err := s.link.dial(ctx)
	if err != nil {
		return err
	}
	s.frames.src = conn
	s.adopt(conn)
	s.flush()
	return s.read()
}

// adopt makes conn the session's and the caller the one who writes.
func (s *session) adopt(conn net.Conn) {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	s.stop()
	s.stop = nil
	s.conn = conn
	s.writing = true
	if s.cause != nil {
		s.interrupt(s.cause)
	}
}

// longAgo as a deadline ends reads and writes at once.
var longAgo = time.Unix(1, 0)

// interrupt makes serve return soon. It does not close the connection, because
// closing may block (TLS says goodbye first). The caller holds link.mu.
func (s *session) interrupt(cause error) {
	s.cause = cause
	if s.conn == nil {
		s.stop()
	} else {
		s.conn.SetDeadline(longAgo)
	}
}

// flush writes what is in the outbox until it is empty.
func (s *session) flush() {
	for {
		out, ok := s.take()
		if !ok {
			return
		}
		if err := s.write(out); err != nil {
			s.fail(fmt.Errorf("write: %w", err))
		}
	}
}

// take empties the outbox. If there is nothing to do it ends the turn of the
// goroutine that writes.
func (s *session) take() (outbox, bool) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.over || s.cause != nil || (s.greeted && l.out.empty()) {
		s.writing = false
		if s.idle != nil {
			close(s.idle)
		}
		return outbox{}, false
	}
	out := l.out
	l.out = outbox{}
	return out, true
}

// fail ends the session because of an error in writing.
func (s *session) fail(err error) {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if s.cause == nil {
		s.interrupt(err)
	}
}

// write sends the handshake if it was not sent, the orders that are still valid
// and the request, all in one write to the socket.
func (s *session) write(out outbox) error {
	w := borrowCodec()
	defer w.giveBack()
	if !s.greeted {
		s.greeted = true
		greet(w, &s.link.cfg)
	}
	orders := slices.DeleteFunc(out.orders, func(o *order) bool {
		if o.Valid() {
			return false
		}
		s.link.emit(Report{Kind: ReportOrdered, ID: o.ID, Err: ErrDropped})
		return true
	})
	for _, o := range orders {
		o.ask(w, s.link.cfg.Rename)
	}
	s.ask(w, out.request)
	if len(w.questions) == 0 {
		return nil
	}
	text := w.encoded()
	if err := s.expect(w.questions); err != nil {
		for _, o := range orders {
			s.link.emit(Report{Kind: ReportOrdered, ID: o.ID, Err: notSent(err)})
		}
		return nil
	}
	_, err := s.conn.Write(text)
	return err
}

// greet writes the handshake.
func greet(w *codec, cfg *linkConfig) {
	auth, client := cfg.Rename("AUTH"), cfg.Rename("CLIENT")
	switch {
	case cfg.Pass == "":
	case cfg.User == "":
		w.ask(question{command: askAuth}, auth, string(cfg.Pass))
	default:
		w.ask(question{command: askAuth}, auth, cfg.User, string(cfg.Pass))
	}
	if cfg.Name != "" {
		w.ask(question{command: askName}, client, "SETNAME", cfg.Name)
	}
}

func (s *session) ask(w *codec, r Request) {
	rename := s.link.cfg.Rename
	if r.KillScript {
		w.ask(question{command: askKillScript}, rename("SCRIPT"), "KILL")
	}
	if r.Ping {
		w.ask(question{command: askPing}, rename("PING"))
	}
	switch r.Info {
	case InfoReplication:
		w.ask(question{command: askReplication}, rename("INFO"), "replication")
	case InfoAll:
		w.ask(question{command: askInfo}, rename("INFO"))
	}
}

// expect queues what is about to be written; it must come first, because the
// replies may arrive before the write returns. An error means that the session
// ends and nothing may be written.
func (s *session) expect(questions []question) error {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if s.cause != nil {
		return s.cause
	}
	if s.over {
		return net.ErrClosed
	}
	now := time.Now()
	// Under the lock, so that it cannot undo the deadline of interrupt.
	if err := s.conn.SetWriteDeadline(now.Add(s.link.cfg.WriteTimeout)); err != nil {
		return err
	}
	for _, q := range questions {
		q.sentAt = now
		s.unanswered = append(s.unanswered, q)
	}
	return nil
}

// read handles replies until the connection ends.
func (s *session) read() error {
	for {
		if err := s.frames.wait(); err != nil {
			return closedBy(err)
		}
		value, err := receive(&s.frames)
		var refusal redis.Error
		if err != nil && !errors.As(err, &refusal) {
			return fmt.Errorf("reply cut off or unreadable: %w", err)
		}
		if err != nil && refusal == "" {
			refusal = "ERR" // "-" alone, and no less an error
		}
		if err := s.answer(value, refusal); err != nil {
			return err
		}
	}
}

// answer handles one reply; refusal is "" unless it is an error.
func (s *session) answer(value any, refusal redis.Error) error {
	q, ok := s.answered()
	if !ok {
		return fmt.Errorf("the server sent what nobody had asked for: %.100q", s.text(value, refusal))
	}
	s.admitted(q.command, refusal)
	switch q.command {
	case askPing:
		s.pong(q, value, refusal)
	case askReplication, askInfo:
		s.info(q, value, refusal)
	case askMulti, askSlaveof, askRewrite, askKillNormal, askKillPubsub, askExec, askPlainSlaveof:
		s.ordered(q, value, refusal)
	}
	return nil
}

// answered takes the question that the present reply belongs to.
func (s *session) answered() (question, bool) {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	if len(s.unanswered) == 0 {
		return question{}, false
	}
	q := s.unanswered[0]
	s.unanswered = slices.Delete(s.unanswered, 0, 1)
	return q, true
}

// admitted finds out from the first replies whether the server lets us in. The
// reply to AUTH does not say: a server without a password refuses it and is
// content. The reply to what follows does.
func (s *session) admitted(c command, refusal redis.Error) {
	if s.up {
		return
	}
	if c == askAuth || keepsOut(refusal) {
		s.complain(refusal)
		return
	}
	s.up = true
	s.link.emit(Report{Kind: ReportUp})
	if hasPrefix(string(refusal), "NOPERM") {
		s.complain(refusal)
	}
}

// complain reports the first refusal of a connection.
func (s *session) complain(refusal redis.Error) {
	if refusal == "" || s.refusal != nil {
		return
	}
	s.refusal = s.hide(refusal)
	s.link.emit(Report{Kind: ReportAuth, Err: s.refusal})
}

// keepsOut recognises the errors of a server that will do nothing for us.
func keepsOut(refusal redis.Error) bool {
	return hasPrefix(string(refusal), "NOAUTH", "DENIED", "ERR max number of clients")
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func (s *session) pong(q question, value any, refusal redis.Error) {
	said := string(refusal)
	if status, ok := value.(string); ok {
		said = status
	}
	valid := hasPrefix(said, "PONG", "LOADING", "MASTERDOWN")
	s.link.emit(Report{Kind: ReportPong, SentAt: q.sentAt, Valid: valid, Text: s.text(value, refusal)})
}

func (s *session) info(q question, value any, refusal redis.Error) {
	r := Report{Kind: ReportInfo, SentAt: q.sentAt, At: time.Now(), Full: q.command == askInfo}
	if bulk, ok := value.([]byte); ok {
		r.Text = string(bulk)
		r.Facts = ParseInfo(r.Text)
	} else if refusal != "" {
		r.Err = s.hide(refusal)
	} else {
		r.Err = fmt.Errorf("INFO was answered with %.100q, which is not a bulk string", s.text(value, ""))
	}
	s.link.emit(r)
}

// ordered handles a reply to one command of an order.
func (s *session) ordered(q question, value any, refusal redis.Error) {
	o := q.order
	done, err := o.answer(q.command, value, refusal)
	switch {
	case !done:
	case o.fallBack(q.command, refusal):
		s.again(o)
	default:
		if e := redis.Error(""); errors.As(err, &e) {
			err = s.hide(e)
		}
		r := Report{Kind: ReportOrdered, ID: o.ID, Err: err}
		if e := redis.Error(""); err == nil && errors.As(o.refusal, &e) {
			r.Text = string(s.hide(e))
		}
		s.link.emit(r)
	}
}

// again puts an order back into the outbox.
func (s *session) again(o *order) {
	l := s.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.cause != nil {
		s.unsent = append(s.unsent, o)
		return
	}
	l.out.orders = slices.Insert(l.out.orders, 0, o)
	l.wake()
}

// settle waits until nobody writes any more; unanswered and unsent are final
// then. The caller has link.mu, which is let go meanwhile.
func (s *session) settle() {
	s.over = true
	if !s.writing {
		return
	}
	s.conn.SetDeadline(longAgo)
	s.idle = make(chan struct{})
	s.link.mu.Unlock()
	<-s.idle
	s.link.mu.Lock()
}

// lostOrders are those whose replies did not all come. The caller holds
// link.mu.
func (s *session) lostOrders() []*order {
	var lost []*order
	for _, q := range s.unanswered {
		if q.order != nil && (len(lost) == 0 || lost[len(lost)-1] != q.order) {
			lost = append(lost, q.order)
		}
	}
	return lost
}

// explain adds to the reason of an end what the server said about it.
func (s *session) explain(err error) error {
	if s.up || s.refusal == nil {
		return err
	}
	return fmt.Errorf("%w (the server had said: %w)", err, s.refusal)
}

// hide takes the password out of an error reply: servers echo the arguments of
// a command that they do not know.
func (s *session) hide(refusal redis.Error) redis.Error { return hideIn(refusal, s.link.cfg.Pass) }

func hideIn(refusal redis.Error, secret state.Secret) redis.Error {
	pass := string(secret)
	if pass == "" {
		return refusal
	}
	text, _, _ := strings.Cut(string(refusal), ", with args beginning with")
	return redis.Error(strings.ReplaceAll(text, pass, state.Secret(pass).String()))
}

// text is a reply in words, without the password.
func (s *session) text(value any, refusal redis.Error) string {
	switch v := value.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case nil:
		return string(s.hide(refusal))
	}
	return fmt.Sprint(value)
}

func closedBy(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("connection closed by the server: %w", err)
	}
	return err
}

func lost(err error) error { return fmt.Errorf("order sent, outcome unknown: %w", err) }

func notSent(err error) error { return fmt.Errorf("order not sent: %w", err) }
