package server

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/commands"
	"redis-failover/tests/procs"
)

func TestSubscribe(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.do("UNSUBSCRIBE", "*3|$11|unsubscribe|$-1|:0|")
	c.do("UNSUBSCRIBE a b", "*3|$11|unsubscribe|$1|a|:0|*3|$11|unsubscribe|$1|b|:0|")
	c.do("PUNSUBSCRIBE x", "*3|$12|punsubscribe|$1|x|:0|")
	c.do("SUBSCRIBE a b a", "*3|$9|subscribe|$1|a|:1|*3|$9|subscribe|$1|b|:2|*3|$9|subscribe|$1|a|:2|")
	c.do("PSUBSCRIBE a* [bc]", "*3|$10|psubscribe|$2|a*|:3|*3|$10|psubscribe|$4|[bc]|:4|")
	c.do("PING", "*2|$4|pong|$0||")
	c.send("INFO|")
	if got := c.line(); !strings.HasPrefix(got, "-ERR Can't execute 'info': only (P|S)SUBSCRIBE") {
		t.Errorf("INFO while subscribed: %q", got)
	}
	s.Publish(event("a", "hello"))
	c.expect("*3|$7|message|$1|a|$5|hello|*4|$8|pmessage|$2|a*|$1|a|$5|hello|")
	s.Publish(event("c", "x"))
	s.Publish(event("d", "nobody hears this"))
	s.Publish(state.Event{Name: "a", Level: state.Note, Payload: "a note"})
	c.expect("*4|$8|pmessage|$4|[bc]|$1|c|$1|x|")
	c.do("UNSUBSCRIBE a zz", "*3|$11|unsubscribe|$1|a|:3|*3|$11|unsubscribe|$2|zz|:3|")
	c.do("UNSUBSCRIBE", "*3|$11|unsubscribe|$1|b|:2|")
	c.do("PUNSUBSCRIBE", "*3|$12|punsubscribe|$4|[bc]|:1|*3|$12|punsubscribe|$2|a*|:0|")
	s.Publish(event("a", "too late"))
	c.do("PING", "+PONG|")
	if channels, patterns := s.hub.counts(); channels != 0 || patterns != 0 {
		t.Errorf("%d channels and %d patterns are remembered without subscribers", channels, patterns)
	}
}

// RESET makes a connection new, in the midst of everything.
func TestResetOfConnection(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.do("CLIENT SETNAME me", "+OK|")
	c.do("CLIENT TRACKING ON", "+OK|")
	c.do("SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1|")
	c.do("PSUBSCRIBE b*", "*3|$10|psubscribe|$2|b*|:2|")
	c.do("RESET x", "-ERR wrong number of arguments for 'reset' command|")
	c.do("RESET", "+RESET|")
	s.Publish(event("a", "too late"))
	c.do("PING", "+PONG|")
	c.do("CLIENT GETNAME", "$-1|")
	c.do("CLIENT GETREDIR", ":-1|")
	if channels, patterns := s.hub.counts(); channels != 0 || patterns != 0 {
		t.Errorf("%d channels and %d patterns are left", channels, patterns)
	}
	c.send("CLIENT REPLY OFF|HELLO 3|RESET|")
	c.expect("+RESET|")
	c.do("CLIENT GETNAME", "$-1|") // RESP2
}

func TestResetLogsOut(t *testing.T) {
	s := start(t, func(o *Options) { o.Node = newNode(t, "pw") })
	c := dial(t, s)
	c.do("RESET", "+RESET|")
	c.do("AUTH pw", "+OK|")
	c.do("RESET", "+RESET|")
	c.do("PING", "-NOAUTH Authentication required.|")
}

// Two events reach those who misspell them, and only those: patterns see an event
// once.
func TestSubscribeAliases(t *testing.T) {
	s := start(t, nil)
	exact, all := dial(t, s), dial(t, s)
	exact.do("SUBSCRIBE switch-master +replica-reconf-done +switch-master",
		"*3|$9|subscribe|$13|switch-master|:1|*3|$9|subscribe|$20|+replica-reconf-done|:2|*3|$9|subscribe|$14|+switch-master|:3|")
	all.do("PSUBSCRIBE *", "*3|$10|psubscribe|$1|*|:1|")
	for _, name := range []string{"+switch-master", "+slave-reconf-done", "switch-master"} {
		s.Publish(event(name, "x"))
	}
	exact.expect("*3|$7|message|$14|+switch-master|$1|x|*3|$7|message|$13|switch-master|$1|x|" +
		"*3|$7|message|$20|+replica-reconf-done|$1|x|*3|$7|message|$13|switch-master|$1|x|")
	all.expect("*4|$8|pmessage|$1|*|$14|+switch-master|$1|x|*4|$8|pmessage|$1|*|$18|+slave-reconf-done|$1|x|" +
		"*4|$8|pmessage|$1|*|$13|switch-master|$1|x|")
}

func TestSubscribeRESP3(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.send("HELLO 3|")
	for c.line() != "*0" {
	}
	c.do("SUBSCRIBE a b", ">3|$9|subscribe|$1|a|:1|>3|$9|subscribe|$1|b|:2|")
	c.do("PSUBSCRIBE a*", ">3|$10|psubscribe|$2|a*|:3|")
	c.do("PING x", "$1|x|")
	s.Publish(event("a", "hello"))
	c.expect(">3|$7|message|$1|a|$5|hello|>4|$8|pmessage|$2|a*|$1|a|$5|hello|")
	c.do("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", "*2|$9|127.0.0.1|$4|6379|")
	c.do("UNSUBSCRIBE nope", ">3|$11|unsubscribe|$4|nope|:3|")
	c.do("UNSUBSCRIBE", ">3|$11|unsubscribe|$1|a|:2|>3|$11|unsubscribe|$1|b|:1|")
	c.do("PUNSUBSCRIBE|PUNSUBSCRIBE", ">3|$12|punsubscribe|$2|a*|:0|>3|$12|punsubscribe|_|:0|")
}

// A subscription ends with its connection.
func TestSubscriptionsAreForgotten(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.do("SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1|")
	c.do("PSUBSCRIBE b", "*3|$10|psubscribe|$1|b|:2|")
	c.Close()
	procs.Eventually(t, patience, func() error {
		if channels, patterns := s.hub.counts(); channels+patterns > 0 {
			return fmt.Errorf("%d channels and %d patterns are left", channels, patterns)
		}
		return nil
	})
}

// reader takes messages off a connection.
func (c *conn) message() (channel, payload string) {
	c.t.Helper()
	if head := c.line(); head != "*3" {
		c.t.Fatalf("%q instead of a message", head)
	}
	var words [3]string
	for i := range words {
		c.line() // the length; nothing here has line breaks
		words[i] = c.line()
	}
	return words[1], words[2]
}

// Every subscriber gets all events of one publisher in their order, and events
// of several publishers in one order that is the same for all.
func TestPublishOrder(t *testing.T) {
	const publishers, each, listeners = 4, 500, 5
	s := start(t, nil)
	clients := make([]*conn, listeners)
	for i := range clients {
		clients[i] = dial(t, s)
		clients[i].do("SUBSCRIBE a b", "*3|$9|subscribe|$1|a|:1|*3|$9|subscribe|$1|b|:2|")
	}
	var work sync.WaitGroup
	for p := range publishers {
		work.Go(func() {
			for i := range each {
				s.Publish(event([]string{"a", "b"}[i%2], fmt.Sprintf("%d %d", p, i)))
			}
		})
	}
	var first []string
	for i, c := range clients {
		var got []string
		next := [publishers]int{}
		for range publishers * each {
			_, payload := c.message()
			var p, n int
			if _, err := fmt.Sscan(payload, &p, &n); err != nil {
				t.Fatal(err)
			}
			if n != next[p] {
				t.Fatalf("event %d of publisher %d came, %d was next", n, p, next[p])
			}
			next[p]++
			got = append(got, payload)
		}
		if i == 0 {
			first = got
		}
		if strings.Join(got, ",") != strings.Join(first, ",") {
			t.Fatal("two subscribers saw different orders")
		}
	}
	work.Wait()
}

// Messages come after the confirmation of their SUBSCRIBE and not after that of
// their UNSUBSCRIBE, and never inside a reply, while events rain.
func TestConfirmationsAndMessages(t *testing.T) {
	s := start(t, nil)
	stop := make(chan struct{})
	var rain sync.WaitGroup
	rain.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.Publish(event("a", "x"))
			}
		}
	})
	defer rain.Wait()
	defer close(stop)
	c := dial(t, s)
	const message = "*3|$7|message|$1|a|$1|x|"
	for range 200 {
		c.send("SUBSCRIBE a|PING hello|UNSUBSCRIBE a|")
		c.expect("*3|$9|subscribe|$1|a|:1|")
		for _, want := range []string{"*2|$4|pong|$5|hello|", "*3|$11|unsubscribe|$1|a|:0|"} {
			for c.startsWith(message) {
				c.expect(message)
			}
			c.expect(want)
		}
		c.do("PING", "+PONG|")
	}
}

func (c *conn) startsWith(text string) bool {
	c.t.Helper()
	got, err := c.r.Peek(len("*3|$7|") + 2)
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.HasPrefix(crlf(text), string(got))
}

// A subscriber that does not read is cut, counted and logged; others lose
// nothing, and the publisher does not wait.
func TestSlowSubscriberIsCut(t *testing.T) {
	const count, size = 3_000, 10_000
	tests := map[string]func(*Options){
		"bytes":    func(o *Options) { o.MaxQueuedBytes = 1 << 20 },
		"messages": func(o *Options) { o.MaxQueuedMessages = 100 },
	}
	for name, limit := range tests {
		t.Run(name, func(t *testing.T) {
			log := &logs{}
			s := start(t, func(o *Options) {
				o.Logger = log.logger()
				limit(o)
			})
			slow, good := dial(t, s), dial(t, s)
			if err := slow.Conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
				t.Fatal(err)
			}
			for _, c := range []*conn{slow, good} {
				c.do("SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1|")
			}
			payload := strings.Repeat("x", size)
			for range count {
				s.Publish(event("a", payload))
				if _, got := good.message(); got != payload {
					t.Fatal("a message to the good subscriber was damaged")
				}
			}
			procs.Eventually(t, patience, func() error {
				if n := len(s.Clients()); n != 1 {
					return fmt.Errorf("%d clients are connected", n)
				}
				return nil
			})
			if cut := s.Stats().SlowClients; cut != 1 {
				t.Errorf("%d slow clients were counted", cut)
			}
			if n := strings.Count(log.String(), "reads its messages too slowly"); n != 1 {
				t.Errorf("%d lines about it in the log", n)
			}
			if _, err := io.Copy(io.Discard, slow.r); err != nil && !isReset(err) {
				t.Errorf("the slow subscriber was not cut: %v", err)
			}
		})
	}
}

// A client that takes nothing at all is closed when its time is up, whatever
// little waits for it.
func TestWriteTimeout(t *testing.T) {
	s := start(t, func(o *Options) { o.WriteTimeout = 100 * time.Millisecond })
	c := dial(t, s)
	if err := c.Conn.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, err := io.WriteString(c, "*2\r\n$4\r\nPING\r\n$10000\r\n"+strings.Repeat("x", 10000)+"\r\n"); err != nil {
				return
			}
		}
	}()
	procs.Eventually(t, patience, func() error {
		if stats := s.Stats(); stats.Clients > 0 || stats.Connections == 0 {
			return errors.New("it is still connected")
		}
		return nil
	})
}

func TestManySubscribers(t *testing.T) {
	const count = 2_000
	s := start(t, nil)
	var ready, heard sync.WaitGroup
	failed := make(chan error, count)
	for i := range count {
		ready.Add(1)
		heard.Go(func() {
			if err := listen(s, i, ready.Done); err != nil {
				failed <- err
			}
		})
	}
	ready.Wait()
	s.Publish(event("+switch-master", "mymaster 127.0.0.1 1 127.0.0.1 2"))
	heard.Wait()
	close(failed)
	for err := range failed {
		t.Fatal(err)
	}
}

// listen subscribes and waits for one message.
func listen(s *Server, i int, ready func()) error {
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		ready()
		return err
	}
	defer c.Close()
	err = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	command, confirmation, message := "SUBSCRIBE +switch-master|", "*3|$9|subscribe|$14|+switch-master|:1|",
		"*3|$7|message|$14|+switch-master|$32|mymaster 127.0.0.1 1 127.0.0.1 2|"
	if i%2 == 1 {
		command, confirmation, message = "PSUBSCRIBE *|", "*3|$10|psubscribe|$1|*|:1|",
			"*4|$8|pmessage|$1|*|$14|+switch-master|$32|mymaster 127.0.0.1 1 127.0.0.1 2|"
	}
	_, writeErr := io.WriteString(c, crlf(command))
	err = errors.Join(err, writeErr, read(r, confirmation))
	ready()
	return errors.Join(err, read(r, message))
}

func read(r io.Reader, text string) error {
	got := make([]byte, len(crlf(text)))
	n, err := io.ReadFull(r, got)
	if string(got[:n]) != crlf(text) {
		return fmt.Errorf("got %q (%w), want %q", got[:n], err, text)
	}
	return nil
}

// A message is encoded once for each protocol, whoever gets it.
func TestMessageIsEncodedOnce(t *testing.T) {
	m := newMessage("message", "a", "x")
	first, again, other := m.encoded(2), m.encoded(2), m.encoded(3)
	if &first[0] != &again[0] {
		t.Error("encoded twice")
	}
	if string(first) != crlf("*3|$7|message|$1|a|$1|x|") || string(other) != crlf(">3|$7|message|$1|a|$1|x|") {
		t.Errorf("encoded as %q and %q", first, other)
	}
}

func TestReplyEncoding(t *testing.T) {
	tests := []struct {
		reply        commands.Reply
		resp2, resp3 string
	}{
		{commands.Simple("a\r\nb"), "+a  b|", "+a  b|"},
		{commands.Error("ERR a\nb"), "-ERR a b|", "-ERR a b|"},
		{commands.Int(-12), ":-12|", ":-12|"},
		{commands.Bulk("a\r\n"), "$3|a||", "$3|a||"},
		{commands.Number(-12), "$3|-12|", "$3|-12|"},
		{commands.Verbatim("a b"), "$3|a b|", "=7|txt:a b|"},
		{commands.Null{}, "$-1|", "_|"},
		{commands.NullArray{}, "*-1|", "_|"},
		{commands.Array{}, "*0|", "*0|"},
		{commands.Array{commands.Int(1), commands.Set{commands.Bulk("")}}, "*2|:1|*1|$0||", "*2|:1|~1|$0||"},
		{commands.Map{{Key: "k", Value: commands.Map{}}}, "*2|$1|k|*0|", "%1|$1|k|%0|"},
		{commands.Push{commands.Null{}}, "*1|$-1|", ">1|_|"},
		{commands.NoReply{}, "", ""},
	}
	for _, test := range tests {
		for protocol, want := range map[int]string{2: test.resp2, 3: test.resp3} {
			if got := string(appendReply(nil, test.reply, protocol)); got != crlf(want) {
				t.Errorf("%#v in RESP%d: %q", test.reply, protocol, got)
			}
		}
	}
}
