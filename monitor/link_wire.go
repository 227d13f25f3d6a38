package monitor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Between a socket and redigo stand two things.
//
// A codec is a redigo connection that belongs to nobody: it is borrowed to
// encode one write or to decode one reply. redigo gives each connection a read
// and a write buffer of 4 KB and has no option for that; for thirty thousand
// links that nearly always wait this would be 240 MB.
//
// frames cuts the stream into replies. It lets redigo see exactly one at a time,
// so nothing of the next one stays behind in a borrowed buffer, and it refuses
// what redigo would allocate blindly ("$999999999999") or recurse into without
// end. It reads lengths only; what a reply means is redigo's part.

const (
	// maxReply bounds a reply. A full INFO has about 5 KB, more with many
	// commands, modules or databases.
	maxReply = 4 << 20
	// maxValues bounds the values in one reply, all levels counted. The largest
	// that is asked for is EXEC's array of four.
	maxValues = 1024
)

var (
	errReplyTooBig = fmt.Errorf("a reply of more than %d bytes or %d values", maxReply, maxValues)
	errPastReply   = errors.New("read past the end of a reply")
)

// frames reads a socket one reply at a time. The zero value with src set is
// ready for wait.
type frames struct {
	src        io.Reader
	start, end int // what is buffered and not handed on: buf[start:end]

	open   int  // values of this reply that are still to come
	values int  // values of this reply so far, as announced
	size   int  // bytes of this reply so far, and of a bulk string as announced
	body   int  // bytes of a bulk string and its CRLF still to come
	kind   byte // the type of the line at hand, 0 before its first byte
	length int  // the number in the line at hand
	null   bool // that number is negative

	// buf is small because most replies are, and each link has one. Large bulk
	// strings bypass it.
	buf [256]byte
}

// wait blocks until the first bytes of the next reply are there, or the
// connection has ended. The previous reply must have been read to its end.
func (f *frames) wait() error {
	f.open, f.values, f.size = 1, 1, 0
	if f.start < f.end {
		return nil
	}
	return f.fill()
}

func (f *frames) fill() error {
	for {
		n, err := f.src.Read(f.buf[:])
		if n > 0 {
			f.start, f.end = 0, n
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Read hands on bytes of the present reply and none of the next.
func (f *frames) Read(p []byte) (int, error) {
	if f.open == 0 {
		return 0, errPastReply
	}
	if f.start == f.end {
		if f.body > len(f.buf) {
			n, err := f.src.Read(p[:min(len(p), f.body)])
			f.skip(n)
			return n, err
		}
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
	n, err := f.scan(f.buf[f.start:min(f.end, f.start+len(p))])
	if err != nil {
		return 0, err
	}
	copy(p, f.buf[f.start:f.start+n])
	f.start += n
	return n, nil
}

// scan returns how many bytes of p belong to the present reply.
func (f *frames) scan(p []byte) (int, error) {
	n := 0
	for n < len(p) && f.open > 0 {
		if f.body > 0 {
			n += f.skip(min(f.body, len(p)-n))
			continue
		}
		if err := f.header(p[n]); err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

// skip passes over n bytes of a bulk string.
func (f *frames) skip(n int) int {
	f.body -= n
	if f.body == 0 {
		f.open--
	}
	return n
}

// header takes in one byte of a line. It is no stricter than it must be: what it
// lets through, redigo judges.
func (f *frames) header(c byte) error {
	if f.size++; f.size > maxReply {
		return errReplyTooBig
	}
	switch {
	case f.kind == 0:
		return f.begin(c)
	case c == '\n':
		return f.finish()
	case f.kind != '$' && f.kind != '*':
	case c == '-':
		f.null = true
	case isDigit(c):
		if f.length = f.length*10 + int(c-'0'); f.length > maxReply {
			return errReplyTooBig
		}
	}
	return nil
}

func (f *frames) begin(c byte) error {
	switch c {
	case '+', '-', ':', '$', '*':
		f.kind, f.length, f.null = c, 0, false
		return nil
	}
	return fmt.Errorf("not a RESP2 reply, it begins with %q", c)
}

// finish acts on a complete line.
func (f *frames) finish() error {
	kind := f.kind
	f.kind = 0
	switch {
	case kind == '$' && !f.null:
		f.body = f.length + len("\r\n")
		f.size += f.body
	case kind == '*' && !f.null:
		f.open += f.length - 1
		f.values += f.length
	default:
		f.open--
	}
	if f.size > maxReply || f.values > maxValues {
		return errReplyTooBig
	}
	return nil
}

// codec is a borrowed redigo connection. It has an owner only between
// borrowCodec and giveBack.
type codec struct {
	conn redis.Conn
	wire wire
	// questions are those encoded so far.
	questions []question
}

// wire is what redigo takes for its socket.
type wire struct {
	in  io.Reader
	out []byte
}

var codecs = sync.Pool{New: func() any {
	c := &codec{}
	c.conn = redis.NewConn(&c.wire, 0, 0)
	return c
}}

func borrowCodec() *codec { return codecs.Get().(*codec) }

// giveBack ends the loan. What encoded returned must not be used any more.
func (c *codec) giveBack() {
	clear(c.questions)
	c.questions, c.wire = c.questions[:0], wire{out: c.wire.out[:0]}
	codecs.Put(c)
}

// ask encodes a command and remembers the question that it stands for.
func (c *codec) ask(q question, name string, args ...any) {
	// Encoding into memory cannot fail.
	_ = c.conn.Send(name, args...)
	c.questions = append(c.questions, q)
}

// encoded returns what was asked, as bytes for the socket.
func (c *codec) encoded() []byte {
	_ = c.conn.Flush()
	return c.wire.out
}

// receive decodes the reply that wait found. An error reply is a redis.Error;
// after any other error the connection is unusable.
func receive(f *frames) (any, error) {
	c := borrowCodec()
	c.wire.in = f
	value, err := c.conn.Receive()
	if c.conn.Err() == nil {
		c.giveBack() // redigo's errors stick: a broken codec is left to the GC
	}
	return value, err
}

func (w *wire) Read(p []byte) (int, error) { return w.in.Read(p) }

func (w *wire) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	return len(p), nil
}

// The rest of net.Conn: deadlines and closing are the session's business.

func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return nil }
func (w *wire) RemoteAddr() net.Addr             { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
