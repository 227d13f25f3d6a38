package raft

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"time"

	"redis-failover/cluster/state"
)

// A connection between two members begins with a mutual proof that both know
// the secret, before either says anything else:
//
//	dialler   magic, version, nonce
//	acceptor  nonce, HMAC(secret, "acceptor", both nonces)
//	dialler   HMAC(secret, "dialler", both nonces)
//
// Then come frames: length, kind, payload, and a MAC over all that and the
// frame's number, under a key of this connection and direction. So nobody
// between can add, change, drop or repeat one. Without a secret the same is done
// with an empty one: the MAC is then a checksum, which the engine expects of its
// transport, as TCP's is too weak.

const (
	wireMagic = "rffo-raft\x01"
	nonceSize = 32
	macSize   = 16
	// frameHead is the length of a payload and its kind.
	frameHead = 5
	// maxTalk bounds the payload of what is not raft's: a status of some
	// hundred members.
	maxTalk = 1 << 20
	// maxRaft bounds a batch of raft messages or a chunk of a snapshot. The
	// engine sends 64 MiB at most, and one entry more.
	maxRaft = 128 << 20
	// keepBuffer is the largest buffer that is kept for the next frame.
	keepBuffer = 256 << 10
	// socketBuffer is for reading; most frames are heartbeats.
	socketBuffer = 16 << 10
)

// The kinds of frames.
const (
	frameHello  byte = 'h' // JSON hello, dialler to acceptor
	frameAnswer byte = 'a' // JSON answer, acceptor to dialler
	frameStatus byte = 's' // JSON status, both ways
	frameBatch  byte = 'b' // a batch of raft messages
	frameChunk  byte = 'c' // a chunk of a snapshot
	frameEnd    byte = 'e' // no more chunks; answered by the same
)

var errSecret = errors.New("the other end does not know the shared secret, or is no member of redis-failover: give all members the same secret")

// conn is a connection after the proof. One goroutine may send and one receive.
type conn struct {
	net.Conn
	in *bufio.Reader
	// raw is the connection below TLS, as the mesh tracks it.
	raw net.Conn

	sendMAC, recvMAC hash.Hash
	sent, received   uint64
	out, buffer      []byte
}

// prove makes a conn of a connection, within the deadline that is set on it.
func prove(c net.Conn, secret state.Secret, dialled bool) (*conn, error) {
	var mine, theirs [nonceSize]byte
	_, _ = rand.Read(mine[:]) // never fails
	in := newReader(c)
	p := proof{secret: []byte(secret)}
	if dialled {
		if _, err := c.Write(append([]byte(wireMagic), mine[:]...)); err != nil {
			return nil, err
		}
		var mac [sha256.Size]byte
		if err := readAll(in, theirs[:], mac[:]); err != nil {
			return nil, hungUp(err)
		}
		p.nonces = append(mine[:], theirs[:]...)
		if !hmac.Equal(mac[:], p.mac("acceptor")) {
			return nil, errSecret
		}
		if _, err := c.Write(p.mac("dialler")); err != nil {
			return nil, err
		}
		return p.conn(c, in, "dialler", "acceptor"), nil
	}
	var magic [len(wireMagic)]byte
	if err := readAll(in, magic[:], theirs[:]); err != nil {
		return nil, err
	}
	if string(magic[:]) != wireMagic {
		return nil, fmt.Errorf("the first bytes %q are not those of a member, or of one of another version", magic)
	}
	p.nonces = append(theirs[:], mine[:]...)
	if _, err := c.Write(append(mine[:], p.mac("acceptor")...)); err != nil {
		return nil, err
	}
	var mac [sha256.Size]byte
	if err := readAll(in, mac[:]); err != nil {
		return nil, hungUp(err)
	}
	if !hmac.Equal(mac[:], p.mac("dialler")) {
		return nil, errSecret
	}
	return p.conn(c, in, "acceptor", "dialler"), nil
}

func readAll(r io.Reader, parts ...[]byte) error {
	for _, p := range parts {
		if _, err := io.ReadFull(r, p); err != nil {
			return err
		}
	}
	return nil
}

// hungUp explains an end of the connection in the middle of the proof.
func hungUp(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", errHungUp, err)
	}
	return err
}

// errHungUp is also what a node that is just stopping looks like.
var errHungUp = errors.New("the other end hung up at the proof of the shared secret (another secret, or TLS at one end only)")

// proof makes MACs and keys out of the secret and both nonces, dialler's first.
type proof struct{ secret, nonces []byte }

func (p proof) mac(what string) []byte {
	h := hmac.New(sha256.New, p.secret)
	h.Write([]byte(what))
	h.Write(p.nonces)
	return h.Sum(nil)
}

func (p proof) conn(c net.Conn, in *bufio.Reader, self, other string) *conn {
	return &conn{
		Conn: c, in: in,
		sendMAC: hmac.New(sha256.New, p.mac("key of "+self)),
		recvMAC: hmac.New(sha256.New, p.mac("key of "+other)),
	}
}

// seal computes the MAC of the frame with that number.
func seal(h hash.Hash, number uint64, frame []byte, sum []byte) []byte {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], number)
	h.Reset()
	h.Write(n[:])
	h.Write(frame)
	return h.Sum(sum)[:len(sum)+macSize]
}

// frame returns a buffer whose payload part has room for size bytes; send sends
// it.
func (c *conn) frame(size int) []byte {
	if cap(c.out) < frameHead+size+sha256.Size {
		c.out = make([]byte, frameHead+size+sha256.Size)
	}
	return c.out[:frameHead+size]
}

// send sends what frame returned, cut to its real length, within d.
func (c *conn) send(kind byte, frame []byte, d time.Duration) error {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-frameHead))
	frame[4] = kind
	frame = seal(c.sendMAC, c.sent, frame, frame)
	c.sent++
	if cap(c.out) > keepBuffer {
		c.out = nil
	}
	if err := c.SetWriteDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	_, err := c.Write(frame)
	return err
}

// talk sends a message in JSON.
func (c *conn) talk(kind byte, message any, d time.Duration) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	frame := c.frame(len(text))
	copy(frame[frameHead:], text)
	return c.send(kind, frame, d)
}

// receive waits for the next frame; a zero deadline is none. The payload is
// valid until the next call.
func (c *conn) receive(limit int, deadline time.Time) (kind byte, payload []byte, err error) {
	if err := c.SetReadDeadline(deadline); err != nil {
		return 0, nil, err
	}
	if len(c.buffer) > keepBuffer {
		c.buffer = nil
	}
	var head [frameHead]byte
	if err := readAll(c.in, head[:]); err != nil {
		return 0, nil, err
	}
	told := binary.BigEndian.Uint32(head[:])
	if uint64(told) > uint64(limit) { // as an int it may be negative
		return 0, nil, fmt.Errorf("a frame of %d bytes; %d is the most", told, limit)
	}
	size := int(told)
	if err := c.fill(head[:], size+macSize); err != nil {
		return 0, nil, err
	}
	frame, mac := c.buffer[:frameHead+size], c.buffer[frameHead+size:][:macSize]
	if !hmac.Equal(mac, seal(c.recvMAC, c.received, frame, nil)) {
		return 0, nil, errors.New("a frame was damaged on its way")
	}
	c.received++
	return head[4], frame[frameHead:], nil
}

// fill reads a frame behind its head. The buffer grows with what arrives, so
// that a length alone costs nothing.
func (c *conn) fill(head []byte, size int) error {
	c.buffer = append(c.buffer[:0], head...)
	for size > 0 {
		n := min(size, keepBuffer)
		at := len(c.buffer)
		if cap(c.buffer) < at+n {
			grown := make([]byte, at, max(2*cap(c.buffer), at+n))
			copy(grown, c.buffer)
			c.buffer = grown
		}
		c.buffer = c.buffer[:at+n]
		if _, err := io.ReadFull(c.in, c.buffer[at:]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

// hear receives a message in JSON of the expected kind.
func (c *conn) hear(want byte, message any, deadline time.Time) error {
	kind, payload, err := c.receive(maxTalk, deadline)
	if err != nil {
		return err
	}
	if kind != want {
		return fmt.Errorf("a frame of kind %q where %q was due", kind, want)
	}
	if err := json.Unmarshal(payload, message); err != nil {
		return fmt.Errorf("a message that cannot be read: %w", err)
	}
	return nil
}

// network is how connections come about; tests put one there that can be cut.
type network interface {
	Listen(addr string) (net.Listener, error)
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

type tcp struct{}

// keepAlive finds dead connections on which nothing is due.
const keepAlive = 5 * time.Second

func (tcp) Listen(addr string) (net.Listener, error) {
	l := net.ListenConfig{KeepAlive: keepAlive}
	return l.Listen(context.Background(), "tcp", addr)
}

func (tcp) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: keepAlive}
	return d.DialContext(ctx, "tcp", addr)
}

func newReader(c net.Conn) *bufio.Reader { return bufio.NewReaderSize(c, socketBuffer) }
