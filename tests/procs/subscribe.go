package procs

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Message is one message that a Recorder received.
type Message struct {
	// At is when it was read from the socket, with the monotonic clock.
	At time.Time
	// Pattern is the one that matched, "" for a plain subscription.
	Pattern, Channel, Payload string
}

// Recorder is a subscriber that keeps all that it receives.
type Recorder struct {
	t    testing.TB
	conn redis.PubSubConn

	mu       sync.Mutex
	messages []Message
	// more is closed and replaced when a message came or the connection ended.
	more chan struct{}
	// ended says why the connection ended, nil before.
	ended error
}

// Subscribe subscribes to channels of a server and returns when all of them are
// confirmed. A name with one of "*?[" is a pattern. The connection is closed
// when the test ends; when the server closes it, that is recorded, and Await
// fails at once.
func Subscribe(t testing.TB, s *Server, channels ...string) *Recorder {
	t.Helper()
	conn, err := s.Dial()
	if err != nil {
		t.Fatalf("subscribe at %s: %v", s.Addr, err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &Recorder{t: t, conn: redis.PubSubConn{Conn: conn}, more: make(chan struct{})}
	for _, channel := range channels {
		if err := r.subscribe(channel); err != nil {
			t.Fatalf("subscribe to %q at %s: %v", channel, s.Addr, err)
		}
	}
	go r.read()
	return r
}

// subscribe asks for one channel or pattern and waits for the confirmation.
// Messages of the channels before it may come first.
func (r *Recorder) subscribe(channel string) error {
	ask := r.conn.Subscribe
	if strings.ContainsAny(channel, "*?[") {
		ask = r.conn.PSubscribe
	}
	if err := ask(channel); err != nil {
		return err
	}
	for {
		switch got := r.conn.Receive().(type) {
		case redis.Subscription:
			return nil
		case redis.Message:
			r.add(got)
		case error:
			return got
		}
	}
}

// read keeps what comes until the connection ends.
func (r *Recorder) read() {
	for {
		switch got := r.conn.ReceiveWithTimeout(0).(type) {
		case redis.Message:
			r.add(got)
		case error:
			r.mu.Lock()
			r.ended = got
			close(r.more)
			r.mu.Unlock()
			return
		}
	}
}

func (r *Recorder) add(m redis.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, Message{At: time.Now(), Pattern: m.Pattern, Channel: m.Channel, Payload: string(m.Data)})
	close(r.more)
	r.more = make(chan struct{})
}

// Messages returns what was received so far, oldest first.
func (r *Recorder) Messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Message(nil), r.messages...)
}

// Err is nil while the connection stands, and why it ended after that.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended
}

// Await returns the first message that match accepts, of those that came
// already or come within timeout. When there is none the test ends, and shows
// what came instead.
func (r *Recorder) Await(timeout time.Duration, match func(Message) bool) Message {
	r.t.Helper()
	m, err := r.find(time.After(timeout), match)
	if err != nil {
		r.t.Fatalf("%v; received were:\n%s", err, r)
	}
	return m
}

// AwaitChannel is Await for the first message of a channel.
func (r *Recorder) AwaitChannel(timeout time.Duration, channel string) Message {
	r.t.Helper()
	return r.Await(timeout, func(m Message) bool { return m.Channel == channel })
}

func (r *Recorder) find(timeout <-chan time.Time, match func(Message) bool) (Message, error) {
	for seen := 0; ; {
		fresh, more, ended := r.after(seen)
		for _, m := range fresh {
			if match(m) {
				return m, nil
			}
		}
		if ended != nil {
			return Message{}, fmt.Errorf("the connection of the subscriber ended: %w", ended)
		}
		seen += len(fresh)
		select {
		case <-more:
		case <-timeout:
			return Message{}, errors.New("the awaited message did not come in time")
		}
	}
}

// after returns the messages from the nth on, and what tells of more.
func (r *Recorder) after(n int) ([]Message, <-chan struct{}, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages[n:], r.more, r.ended
}

// String lists the messages, one a line, with the time between them.
func (r *Recorder) String() string {
	var b strings.Builder
	last := time.Time{}
	for _, m := range r.Messages() {
		if last.IsZero() {
			last = m.At
		}
		fmt.Fprintf(&b, "+%-8v %s %s\n", m.At.Sub(last).Round(time.Millisecond), m.Channel, m.Payload)
		last = m.At
	}
	return b.String()
}
