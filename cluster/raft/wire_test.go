package raft

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
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
