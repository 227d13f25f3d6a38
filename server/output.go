package server

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// writePiece is how much is written under one deadline: a client that
	// reads slowly but steadily is not cut.
	writePiece = 64 * 1024
	// keepOutput is how much memory an idle session keeps for its output.
	keepOutput = 16 * 1024
	// flushAt is how much a pipeline may gather before it is sent: replies can
	// be ten thousand times as long as commands.
	flushAt = 64 * 1024
)

// output is what waits to be sent to one session. Two kinds of goroutines add
// to it: the session's own (replies) and those that publish. Each addition is
// whole, so replies and messages never interleave, and everything is sent in
// the order in which it was added.
//
// There is no goroutine per session for this. Whoever finds something to send
// and nobody sending sends it all: the session's goroutine does so itself,
// because a client that does not read its replies must not get to send more
// commands; for a message, which must not hold up its publisher, a goroutine is
// started that ends when nothing is left.
type output struct {
	conn    net.Conn
	timeout time.Duration // for each write
	limits  queueLimits
	start   func(func()) // starts a goroutine
	stats   *stats

	mu      sync.Mutex
	idle    sync.Cond // of mu: nobody sends any more
	sending bool
	err     error  // once set nothing is sent or added
	buf     []byte // not yet being sent
	spare   []byte // memory for the next buf
	// queued and flying count the messages in buf and in what is being sent.
	queued, flying burden
	protocol       int
}

// queueLimits bound the messages that may wait for one session.
type queueLimits struct{ messages, bytes int }

type burden struct{ messages, bytes int }

func (a burden) plus(b burden) burden { return burden{a.messages + b.messages, a.bytes + b.bytes} }

// errSlow ends a subscriber that does not read what it subscribed to.
var errSlow = errors.New("reads its messages too slowly")

func newOutput(conn net.Conn, timeout time.Duration, limits queueLimits, start func(func()), stats *stats) *output {
	o := &output{conn: conn, timeout: timeout, limits: limits, start: start, stats: stats, protocol: 2}
	o.idle.L = &o.mu
	return o
}

// setProtocol chooses the version in which messages are encoded from now on.
func (o *output) setProtocol(protocol int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.protocol = protocol
}

// add adds encoded replies and reports whether so much waits that it should be
// flushed.
func (o *output) add(wire []byte) (full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.buf = append(o.buf, wire...)
	}
	return len(o.buf) >= flushAt
}

// push adds a message and sees to it that it is sent. It never blocks. The
// error is errSlow when this message was one too many; the session must be
// ended then.
func (o *output) push(m *message) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil // it is ending already
	}
	wire := m.encoded(o.protocol)
	waiting := o.queued.plus(o.flying).plus(burden{1, len(wire)})
	if waiting.messages > o.limits.messages || waiting.bytes > o.limits.bytes {
		o.err = errSlow
		o.buf = nil
		return errSlow
	}
	o.buf = append(o.buf, wire...)
	o.queued = o.queued.plus(burden{1, len(wire)})
	if !o.sending {
		o.sending = true
		o.start(o.send)
	}
	return nil
}

// flush returns when everything that was added before has been handed to the
// network, or with the error that prevents it.
func (o *output) flush() error {
	o.mu.Lock()
	for o.sending {
		o.idle.Wait()
	}
	if o.err != nil || len(o.buf) == 0 {
		defer o.mu.Unlock()
		return o.err
	}
	o.sending = true
	o.mu.Unlock()
	o.send()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// send sends until nothing is left. The caller has set sending.
func (o *output) send() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.err == nil && len(o.buf) > 0 {
		taken := o.buf
		o.buf, o.spare = o.spare[:0], nil
		o.flying, o.queued = o.queued, burden{}
		o.mu.Unlock()
		err := o.write(taken)
		o.mu.Lock()
		o.flying = burden{}
		if o.err == nil {
			o.err = err
		}
		if cap(taken) <= keepOutput {
			o.spare = taken
		}
	}
	o.sending = false
	o.idle.Broadcast()
}

// write hands b to the network. Without a deadline a client that stops reading
// would hold this goroutine for ever.
func (o *output) write(b []byte) error {
	o.stats.output(len(b))
	for len(b) > 0 {
		piece := b[:min(len(b), writePiece)]
		b = b[len(piece):]
		if err := o.conn.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
			return err
		}
		if _, err := o.conn.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// waiting is the number of bytes and messages that are not sent.
func (o *output) waiting() (bytes, messages int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.queued.plus(o.flying)
	return max(len(o.buf), all.bytes), all.messages
}
