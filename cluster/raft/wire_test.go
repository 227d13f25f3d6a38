package raft

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"

	"github.com/lni/dragonboat/v4/raftpb"
)

// pipe is both ends of a proven connection.
func pipe(t testing.TB, dialler, acceptor state.Secret) (*conn, *conn, error, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	for _, c := range []net.Conn{a, b} {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	type end struct {
		c   *conn
		err error
	}
	done := make(chan end)
	go func() {
		c, err := prove(b, acceptor, false)
		if err != nil {
			_ = b.Close()
		}
		done <- end{c, err}
	}()
	c, err := prove(a, dialler, true)
	if err != nil {
		_ = a.Close()
	}
	other := <-done
	return c, other.c, err, other.err
}

func TestProof(t *testing.T) {
	for _, c := range []struct {
		dialler, acceptor state.Secret
		ok                bool
	}{
		{"", "", true}, {"s", "s", true}, {"s", "t", false}, {"", "s", false}, {"s", "", false},
	} {
		_, _, err, otherErr := pipe(t, c.dialler, c.acceptor)
		if (err == nil) != c.ok || (otherErr == nil) != c.ok {
			t.Errorf("%q and %q: %v, %v", string(c.dialler), string(c.acceptor), err, otherErr)
		}
		if !c.ok && !errors.Is(err, errSecret) {
			t.Errorf("the dialler says %v", err)
		}
	}
}

func TestFrames(t *testing.T) {
	a, b, err, _ := pipe(t, "s", "s")
	if err != nil {
		t.Fatal(err)
	}
	large := strings.Repeat("0123456789", 200_000)
	for _, text := range []string{"", "x", large, "behind a large one"} {
		go func() {
			frame := a.frame(len(text))
			copy(frame[frameHead:], text)
			_ = a.send(frameBatch, frame, patience)
		}()
		kind, payload, err := b.receive(maxRaft, time.Now().Add(patience))
		if err != nil || kind != frameBatch || string(payload) != text {
			t.Fatalf("a frame of %d bytes came as %c of %d bytes, %v", len(text), kind, len(payload), err)
		}
	}
	if cap(a.out) > keepBuffer || cap(b.buffer) > 4*keepBuffer {
		t.Errorf("after a small frame the buffers have %d and %d bytes", cap(a.out), cap(b.buffer))
	}
	if err := a.talk(frameStatus, status{Changed: 7}, patience); err != nil {
		t.Fatal(err)
	}
	var s status
	if err := b.hear(frameStatus, &s, time.Now().Add(patience)); err != nil || s.Changed != 7 {
		t.Errorf("%+v, %v", s, err)
	}
	if err := a.talk(frameStatus, s, patience); err != nil {
		t.Fatal(err)
	}
	if err := b.hear(frameHello, &s, time.Now().Add(patience)); err == nil {
		t.Error("another kind than was due was accepted")
	}
}

// TestForgedFrames: a frame that was changed, repeated or left out on its way is
// not taken.
func TestForgedFrames(t *testing.T) {
	for what, forge := range map[string]func([]byte, []byte) []byte{
		"changed":    func(one, _ []byte) []byte { one[frameHead] ^= 1; return one },
		"relabelled": func(one, _ []byte) []byte { one[4] = frameChunk; return one },
		"repeated":   func(one, _ []byte) []byte { return append(bytes.Clone(one), one...) },
		"left out":   func(_, two []byte) []byte { return two },
		"too long":   func(one, _ []byte) []byte { one[0] = 0x7f; return one },
	} {
		a, b, err, _ := pipe(t, "s", "s")
		if err != nil {
			t.Fatal(err)
		}
		recorded := &recorder{Conn: a.Conn}
		a.Conn = recorded
		var frames [][]byte
		for _, text := range []string{"one", "two"} {
			recorded.Reset()
			if err := a.talk(frameStatus, text, patience); err != nil {
				t.Fatal(err)
			}
			frames = append(frames, bytes.Clone(recorded.Bytes()))
		}
		if _, err := recorded.Conn.Write(forge(frames[0], frames[1])); err != nil {
			t.Fatal(err)
		}
		_ = recorded.Conn.Close()
		for {
			_, payload, err := b.receive(maxTalk, time.Now().Add(patience))
			if errors.Is(err, io.EOF) {
				t.Errorf("%s: nobody noticed", what)
			}
			if err != nil {
				break
			}
			if string(payload) != `"one"` {
				t.Errorf("%s: %q was taken", what, payload)
			}
		}
	}
}

// recorder keeps what is written instead of sending it.
type recorder struct {
	net.Conn
	bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) { return r.Buffer.Write(p) }
func (r *recorder) Read(p []byte) (int, error)  { return r.Conn.Read(p) }

// FuzzReceive: whatever comes after the proof, receive returns it or an error,
// and takes no memory that was not sent.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 's', '1'})
	f.Add([]byte{0x07, 0xff, 0xff, 0xff, 'b'})
	f.Fuzz(func(t *testing.T, sent []byte) {
		near, far := net.Pipe()
		defer near.Close()
		go func() {
			_, _ = far.Write(sent)
			_ = far.Close()
		}()
		p := proof{}
		c := p.conn(near, newReader(near), "acceptor", "dialler")
		for {
			_, _, err := c.receive(maxRaft, time.Now().Add(patience))
			if cap(c.buffer) > 4*keepBuffer+2*len(sent) {
				t.Fatalf("%d bytes were sent, the buffer has %d", len(sent), cap(c.buffer))
			}
			if err != nil {
				return
			}
		}
	})
}

// TestParcelOfAClosedEngine: a snapshot on its way does not keep the engine from
// closing, whatever the other end does.
func TestParcelOfAClosedEngine(t *testing.T) {
	a, b, err, otherErr := pipe(t, "", "")
	if err != nil || otherErr != nil {
		t.Fatal(err, otherErr)
	}
	a.raw = a.Conn
	ctx, cancel := context.WithCancel(context.Background())
	p := newParcel(ctx, &mesh{conns: map[net.Conn]string{}}, a)
	if err := p.SendChunk(raftpb.Chunk{}); err != nil {
		t.Fatal(err)
	}
	cancel()
	if kind, _, err := b.receive(maxRaft, time.Now().Add(patience)); err != nil || kind != frameChunk {
		t.Fatalf("%q, %v", kind, err)
	}
	if _, _, err := b.receive(maxRaft, time.Now().Add(patience)); !errors.Is(err, io.EOF) {
		t.Errorf("behind what was sent comes %v, not the end", err)
	}
	if err := p.SendChunk(raftpb.Chunk{}); err == nil {
		t.Error("a chunk was sent for an engine that is closed")
	}
	p.Close()
}

// TestInWords: a reason is the same text whenever the cause is the same.
func TestInWords(t *testing.T) {
	expired := func(detail string) error {
		return &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired, Detail: detail}}
	}
	from := func(port int, cause error) error {
		return &net.OpError{Op: "read", Net: "tcp", Source: &net.TCPAddr{Port: port}, Addr: &net.TCPAddr{Port: 7000}, Err: cause}
	}
	lookup := func(inner string) error {
		return &net.OpError{Op: "dial", Err: &net.DNSError{Name: "n2", Err: inner, Server: inner}}
	}
	for want, errs := range map[string][]error{
		"its certificate has expired or is not valid yet": {expired("current time 1 is after 0"), expired("current time 2 is after 0")},
		"the name n2 cannot be looked up":                 {lookup("read udp 127.0.0.1:1: refused"), lookup("read udp 127.0.0.1:2: refused")},
		"the name n2 is not known":                        {&net.DNSError{Name: "n2", Err: "no such host", IsNotFound: true}},
		"read: no route to host":                          {from(1, syscall.EHOSTUNREACH), from(2, syscall.EHOSTUNREACH)},
		"no answer":                                       {from(1, os.ErrDeadlineExceeded), context.DeadlineExceeded},
		"connection refused":                              {from(1, syscall.ECONNREFUSED)},
	} {
		for _, err := range errs {
			if got := inWords(err); got != want {
				t.Errorf("%v: %q, not %q", err, got, want)
			}
		}
	}
}

// TestHealthInTheLog: each condition is logged, and reasons that take turns are not
// each time.
func TestHealthInTheLog(t *testing.T) {
	h, begin := newHealth(), time.Now()
	for _, c := range []struct {
		after     time.Duration
		condition cluster.Condition
		reason    string
		due       bool
	}{
		{0, cluster.Suspended, "the broker is starting", false},
		{0, cluster.Suspended, "refused", true},
		{1, cluster.Suspended, "no answer", false},
		{2, cluster.Suspended, "refused", false},
		{reasonPause - 1, cluster.Suspended, "no answer", false},
		{reasonPause, cluster.Suspended, "no answer", true},
		{2 * reasonPause, cluster.Suspended, "no answer", false},
		{2*reasonPause + 1, cluster.Ready, "", true},
		{2*reasonPause + 2, cluster.Suspended, "no answer", true},
		{2*reasonPause + 3, cluster.Lost, "removed", true},
	} {
		changed := h.wait()
		news := h.get() != cluster.Health{Condition: c.condition, Reason: c.reason}
		h.set(cluster.Health{Condition: c.condition, Reason: c.reason})
		if isClosed(changed) != news {
			t.Errorf("after %s, %s %q: told %t", c.after, c.condition, c.reason, !news)
		}
		if _, _, due := h.toLog(begin.Add(c.after)); due != c.due {
			t.Errorf("after %s, %s %q: logged %t", c.after, c.condition, c.reason, due)
		}
	}
}
