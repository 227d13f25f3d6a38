package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

const (
	// peerPeriod lies between the beginnings of two questions to a member.
	peerPeriod = 500 * time.Millisecond
	// peerDoubt is the same for a member that did not answer, as long as it
	// counts as alive: whether its process is gone shows in the next attempts to
	// connect.
	peerDoubt = 100 * time.Millisecond
	// peerTimeout is the usual peerLink.timeout.
	peerTimeout = 2 * time.Second
)

// peerLink asks one member, over one connection while it lasts. A member is
// asked for its id, so that a stranger at its address does not pass for it.
type peerLink struct {
	id     state.MemberID
	addr   state.Addr
	stop   context.CancelFunc
	access peerAccess
	// dial is Options.Dial.
	dial func(ctx context.Context, addr string) (net.Conn, error)
	// name is what this node calls itself there.
	name string
	// timeout is how long one question, connecting included, may take.
	timeout time.Duration

	// Guarded by peers.mu.

	connected   bool
	askedAt     failover.Moment // 0: no question is under way
	trouble     string
	troubleSaid failover.Moment // when it was last logged

	// Of the goroutine that asks.

	names  names
	conn   net.Conn // nil: not connected
	frames frames
}

// peerAccess is what is shown to the other members; without Pass, nothing is.
type peerAccess struct {
	User string
	Pass state.Secret
}

// errStranger: another node answers at a member's address.
var errStranger = errors.New("another node answers there")

// isAbsent reports whether a question failed because nobody listens at the
// address, on a host that says so.
func isAbsent(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// ask asks once. After an error there is no connection.
func (l *peerLink) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	err := l.identify(ctx)
	if err != nil {
		l.hangUp()
	}
	return err
}

func (l *peerLink) identify(ctx context.Context) error {
	if l.conn == nil {
		if err := l.connect(ctx); err != nil {
			return err
		}
	}
	id, err := redis.String(l.do(ctx, "SENTINEL", "MYID"))
	if err != nil {
		return err
	}
	if state.MemberID(id) != l.id {
		return fmt.Errorf("%w: %.64q", errStranger, id)
	}
	return nil
}

func (l *peerLink) connect(ctx context.Context) error {
	conn, err := l.names.dial(ctx, l.addr.Port, l.dial)
	if err != nil {
		return err
	}
	l.conn, l.frames = conn, frames{src: conn}
	if l.access.Pass != "" {
		credentials := []any{string(l.access.Pass)}
		if l.access.User != "" {
			credentials = []any{l.access.User, string(l.access.Pass)}
		}
		if _, err := l.do(ctx, "AUTH", credentials...); err != nil {
			return err
		}
	}
	_, err = l.do(ctx, "CLIENT", "SETNAME", l.name)
	if refusal := redis.Error(""); errors.As(err, &refusal) {
		return nil // the name is for people; who may not give one may still ask
	}
	return err
}

// do sends one command and waits for its reply until ctx ends.
func (l *peerLink) do(ctx context.Context, command string, args ...any) (any, error) {
	conn := l.conn
	finished := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(longAgo) })
	defer finished()
	c := borrowCodec()
	c.ask(question{}, command, args...)
	_, err := conn.Write(c.encoded())
	c.giveBack()
	if err == nil {
		err = l.frames.wait()
	}
	if err != nil {
		return nil, err
	}
	return receive(&l.frames)
}

func (l *peerLink) hangUp() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// briefly leaves the ports of this end out of an error: they differ each time,
// and an error that is the same is said once.
func briefly(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
