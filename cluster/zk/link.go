package zk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// link is the way to the ensemble: one connection after the other, each with a
// session of its own. The library could take a session over to its next
// connection, and would then repeat the watches of the last one, which nobody
// waits for any more (and while it does so it has a data race).
type link struct {
	options *Options
	ctx     context.Context // ends when the broker closes

	mu sync.Mutex
	// line is the present connection, nil for none.
	line *line
	// failed counts the attempts to connect that came to nothing since the last
	// session, failing is when the first of them did; trouble is what the last
	// one died of.
	failed  int
	failing time.Time
	trouble error
	// opening: the last connection has yet to become a session.
	opening bool
	// open are the connections, for the end.
	open map[net.Conn]bool
}

// line is one connection with its session.
type line struct {
	conn *zk.Conn
	// up is closed when it has a session, and ctx ends when it has lost it.
	up   chan struct{}
	once sync.Once
	ctx  context.Context
	hang context.CancelFunc
	// identified: ZooKeeper was given the credentials. Stints use it, which
	// come one after the other.
	identified bool
}

func newLink(ctx context.Context, o *Options) *link {
	return &link{options: o, ctx: ctx, open: map[net.Conn]bool{}}
}

// connect returns a connection with a session: the present one if it stands, or
// the next. It waits for it until the broker closes.
func (l *link) connect() (*line, error) {
	l.mu.Lock()
	present := l.line
	l.mu.Unlock()
	if present != nil && present.ctx.Err() == nil {
		return present, nil
	}
	next := &line{up: make(chan struct{})}
	next.ctx, next.hang = context.WithCancel(l.ctx)
	conn, _, err := zk.Connect(l.options.Servers, l.options.SessionTimeout,
		zk.WithHostProvider(&servers{ctx: next.ctx}), zk.WithEventCallback(func(e zk.Event) { l.event(next, e) }),
		zk.WithDialer(func(network, addr string, _ time.Duration) (net.Conn, error) { return l.dial(next.ctx, network, addr) }),
		zk.WithLogger(libraryLog{l.options.Logger}), zk.WithLogInfo(false))
	if err != nil {
		return nil, fmt.Errorf("connect to ZooKeeper: %w", err)
	}
	next.conn = conn
	l.mu.Lock()
	l.line = next
	l.mu.Unlock()
	if present != nil {
		go present.conn.Close() // it may take seconds to notice that it is dead
	}
	select {
	case <-next.up:
		return next, nil
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
}

// close ends the session, if there is a connection to say so.
func (l *link) close() {
	l.mu.Lock()
	last := l.line
	l.mu.Unlock()
	if last != nil {
		last.conn.Close()
	}
	l.mu.Lock()
	left := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
}

// event is called by the library, which waits for it.
func (l *link) event(of *line, e zk.Event) {
	switch {
	case e.Type != zk.EventSession:
	case e.State == zk.StateHasSession:
		l.mu.Lock()
		l.failed, l.trouble, l.opening = 0, nil, false
		l.mu.Unlock()
		of.once.Do(func() { close(of.up) })
	case isClosed(of.up):
		of.hang()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// server is the one that is connected to, "" for none.
func (l *link) server() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.line == nil {
		return ""
	}
	return l.line.conn.Server()
}

// hopeFor is for how long attempts to connect must have failed before there is no
// hope: an ensemble that elects a leader opens no sessions for a moment.
func (l *link) hopeFor() time.Duration { return min(time.Second, l.options.patience()/3) }

// unreachable is why there is no connection, once all servers were tried for a
// while; else nil.
func (l *link) unreachable() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed < len(l.options.Servers) || time.Since(l.failing) < l.hopeFor() {
		return nil
	}
	return l.trouble
}

func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count()
	l.trouble = err
}

// count counts an attempt that failed. The caller holds mu.
func (l *link) count() {
	if l.failed == 0 {
		l.failing = time.Now()
	}
	l.failed++
}

// redialPause lies between two attempts to connect.
const redialPause = 100 * time.Millisecond

// dial is the library's way to a server. The names are resolved here, so at each
// attempt.
func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l.mu.Lock()
	if l.opening {
		l.opening = false
		l.count()
	}
	again := l.failed > 0
	l.mu.Unlock()
	if again {
		select {
		case <-time.After(redialPause):
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.options.patience()/2)
	defer cancel()
	conn, err := l.options.dial(ctx, network, addr)
	if err == nil && l.options.TLS != nil {
		conn, err = shake(ctx, conn, addr, l.options.TLS)
	}
	if err != nil {
		l.fail(fmt.Errorf("connect to %s: %w", addr, err))
		return nil, err
	}
	wrapped := &limited{Conn: conn, link: l}
	l.mu.Lock()
	l.open[wrapped] = true
	l.opening, l.trouble = true, fmt.Errorf("%s takes the connection and opens no session", addr)
	l.mu.Unlock()
	return wrapped, nil
}

func shake(ctx context.Context, conn net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	config = config.Clone()
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		config.ServerName = host
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

// limited is a connection whose reads and writes never wait longer than the
// patience. The library would wait for the answer of a server that is frozen, to
// a request for a session, ten times as long.
type limited struct {
	net.Conn
	link *link
}

func (c *limited) limit(t time.Time) time.Time {
	most := time.Now().Add(c.link.options.patience())
	if t.After(most) {
		return most
	}
	return t
}

func (c *limited) SetReadDeadline(t time.Time) error  { return c.Conn.SetReadDeadline(c.limit(t)) }
func (c *limited) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(c.limit(t)) }

func (c *limited) Close() error {
	c.link.mu.Lock()
	delete(c.link.open, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

// servers hands the library one server after the other, by name, in an order of
// its own. It says that all were tried only when the connection is given up, which
// is when the library looks whether it is to go on. Before, it would wait a second
// then.
type servers struct {
	ctx  context.Context // ends when the connection is given up
	mu   sync.Mutex
	all  []string
	next int
}

func (s *servers) Init(all []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append([]string(nil), all...)
	rand.Shuffle(len(s.all), func(i, j int) { s.all[i], s.all[j] = s.all[j], s.all[i] })
	return nil
}

func (s *servers) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

func (s *servers) Next() (server string, retryStart bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	server = s.all[s.next%len(s.all)]
	s.next++
	return server, s.ctx.Err() != nil
}

func (s *servers) Connected() {}

// libraryLog takes what the library says: details of what Health says in words.
type libraryLog struct{ log *slog.Logger }

func (l libraryLog) Printf(format string, args ...any) {
	l.log.Debug("zookeeper client: " + fmt.Sprintf(format, args...))
}

// answer is what a call has brought.
type answer[T any] struct {
	value T
	err   error
}

// call asks ZooKeeper something, with a deadline, which the library does not
// know. What is asked too late may be carried out all the same.
func call[T any](ctx context.Context, patience time.Duration, ask func() (T, error)) (T, error) {
	done := make(chan answer[T], 1)
	go func() {
		value, err := ask()
		done <- answer[T]{value, err}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var none T
	select {
	case a := <-done:
		return a.value, a.err
	case <-timer.C:
		return none, errSlow
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}
