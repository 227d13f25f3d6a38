package server

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"redis-failover/commands"
	"redis-failover/tests/procs"
)

func TestConversation(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.do("PING", "+PONG|")
	c.do("*1|$4|PING", "+PONG|")
	c.do("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", "*2|$9|127.0.0.1|$4|6379|")
	c.do("SENTINEL GET-MASTER-ADDR-BY-NAME nope", "*-1|")
	c.do("CLIENT GETNAME", "$-1|")
	c.do("*0|PING", "+PONG|")
	c.do("||PING", "+PONG|")
	c.do("HELLO 3", "%6|$6|server|$5|redis|$7|version|$5|"+commands.RedisVersion+"|$5|proto|:3|$2|id|:1|$4|mode|$8|sentinel|$7|modules|*0|")
	c.do("SENTINEL GET-MASTER-ADDR-BY-NAME nope", "_|")
	c.do("CLIENT GETNAME", "_|")
	c.do("CLIENT TRACKINGINFO", "%3|$5|flags|~1|$3|off|$8|redirect|:-1|$8|prefixes|*0|")
	c.send("QUIT|PING|")
	c.expectEnd("+OK|")
}

func TestByteByByte(t *testing.T) {
	c := dial(t, start(t, nil))
	for _, b := range []byte(crlf("*3|$8|SENTINEL|$23|GET-MASTER-ADDR-BY-NAME|$8|mymaster|PING|")) {
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	c.expect("*2|$9|127.0.0.1|$4|6379|+PONG|")
}

func TestPipeline(t *testing.T) {
	const count = 10_000
	c := dial(t, start(t, nil))
	go c.send(strings.Repeat("*2|$4|PING|$1|x|SENTINEL FOO|", count))
	c.expect(strings.Repeat("$1|x|-ERR unknown subcommand 'FOO'. Try SENTINEL HELP.|", count))
}

// A client that sends and does not read is stopped by its own unread replies;
// the server does not gather them.
func TestRepliesAreNotGathered(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	const each, count = 100_000, 500 // 50 MB, far more than two sockets take
	command := fmt.Sprintf("*2|$4|PING|$%d|%s|", each, strings.Repeat("x", each))
	before := heap()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range count {
			c.send(command)
		}
	}()
	procs.Holds(t, 200*time.Millisecond, func() error {
		if grown := int64(heap() - before); grown > 20<<20 {
			return fmt.Errorf("the server holds %d bytes", grown)
		}
		return nil
	})
	want := fmt.Sprintf("$%d|%s|", each, strings.Repeat("x", each))
	for range count {
		c.expect(want)
	}
	<-sent
}

// badInput is what the first bytes of a connection cause. The server goes on
// serving others in any case.
var badInput = []struct {
	name, in, want string
}{
	{"multibulk length", "PING|*x|", "+PONG|-ERR Protocol error: invalid multibulk length|"},
	{"bulk type", "PING|*1|!4|", "+PONG|-ERR Protocol error: expected '$', got '!'|"},
	{"bulk length", "*1|$-5|", "-ERR Protocol error: invalid bulk length|"},
	{"bulk length near overflow", "*1|$9223372036854775807|", "-ERR Protocol error: invalid bulk length|"},
	{"huge multibulk", "*2147483648|", "-ERR Protocol error: invalid multibulk length|"},
	{"huge bulk", "*1|$536870912|", "-ERR Protocol error: invalid bulk length|"},
	{"too big query", "*2|$1000000|" + strings.Repeat("a", 1000000) + "|$100000|", "-ERR Protocol error: too big query|"},
	{"inline", strings.Repeat("a", 70000), "-ERR Protocol error: too big inline request|"},
	{"quotes", "\"PING|", "-ERR Protocol error: unbalanced quotes in request|"},
	{"carriage return as type", "*1||$4|", "-ERR Protocol error: expected '$', got ' '|"},
	{"HTTP POST", "POST / HTTP/1.1|Host: x||SHUTDOWN|", ""},
	{"HTTP header", "host: x|SHUTDOWN|", ""},
}

var badInputUnknown = []struct {
	name, in, want string
}{
	{"multibulk", "*11|", "-ERR Protocol error: unauthenticated multibulk length|"},
	{"bulk", "*1|$16385|", "-ERR Protocol error: unauthenticated bulk length|"},
	{"after a wrong password", "AUTH no|*11|", "-WRONGPASS invalid username-password pair or user is disabled.|-ERR Protocol error: unauthenticated multibulk length|"},
	{"after the right password", "AUTH pw|*11|" + strings.Repeat("$1|a|", 11) + "*1|$16385|" + strings.Repeat("b", 16385) + "|QUIT|",
		"+OK|-ERR unknown command 'a', with args beginning with: " + strings.Repeat("'a' ", 10) + "|" +
			"-ERR unknown command '" + strings.Repeat("b", 128) + "', with args beginning with: |+OK|"},
}

func TestBadInput(t *testing.T) {
	open := start(t, nil)
	closed := start(t, func(o *Options) { o.Node = newNode(t, "pw") })
	other := dial(t, open)
	for _, test := range badInput {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, open)
			go c.Write([]byte(crlf(test.in))) // the server may close before it has all
			c.expectEnd(test.want)
		})
		other.do("PING", "+PONG|")
	}
	for _, test := range badInputUnknown {
		t.Run("unknown client: "+test.name, func(t *testing.T) {
			c := dial(t, closed)
			c.send(test.in)
			c.expectEnd(test.want)
		})
	}
}

// Clients that announce as much as they may, and send little of it, cost little.
func TestAnnouncementsCostNothing(t *testing.T) {
	const count = 200
	s := start(t, func(o *Options) { o.Node = newNode(t, "pw") })
	before := heap()
	clients := make([]*conn, count)
	for i := range clients {
		clients[i] = dial(t, s)
		clients[i].send("PING|*10|$16384|abc")
		clients[i].expect("-NOAUTH Authentication required.|")
	}
	grown := int64(heap() - before)
	if each := grown / count; each > 64<<10 {
		t.Errorf("%d bytes for each of %d clients", each, count)
	}
	runtime.KeepAlive(clients)
}

func TestNoAuth(t *testing.T) {
	s := start(t, func(o *Options) { o.Node = newNode(t, "pw") })
	c := dial(t, s)
	c.do("SENTINEL MASTERS", "-NOAUTH Authentication required.|")
	c.do("FOO", "-ERR unknown command 'FOO', with args beginning with: |")
	c.do("AUTH default pw", "+OK|")
	c.do("SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", "*2|$9|127.0.0.1|$4|6379|")
}

func TestClientReplyModes(t *testing.T) {
	c := dial(t, start(t, nil))
	c.do("CLIENT REPLY SKIP|PING 1|PING 2", "$1|2|")
	c.do("CLIENT REPLY OFF|PING 1|CLIENT REPLY SKIP|PING 2|FOO|CLIENT REPLY ON|PING 3", "+OK|$1|3|")
	c.do("CLIENT REPLY SKIP|CLIENT REPLY SKIP|PING 1|PING 2", "$1|2|")
	c.do("CLIENT REPLY OFF|SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1|")
}

func TestClientPauseHoldsCommands(t *testing.T) {
	s := start(t, nil)
	a, b := dial(t, s), dial(t, s)
	a.do("CLIENT PAUSE 100000", "+OK|")
	b.send("PING|")
	a.send("PING|")
	s.Unpause() // by hand: the clients cannot get there
	a.expect("+PONG|")
	b.expect("+PONG|")
	before := time.Now()
	a.do("CLIENT PAUSE 50", "+OK|")
	b.do("PING", "+PONG|")
	if passed := time.Since(before); passed < 50*time.Millisecond {
		t.Errorf("paused for %v only", passed)
	}
}

func TestClientListAndKill(t *testing.T) {
	s := start(t, nil)
	a, b, c := dial(t, s), dial(t, s), dial(t, s)
	for i, client := range []*conn{a, b, c} {
		client.do(fmt.Sprintf("CLIENT SETNAME c%d", i), "+OK|")
	}
	b.do("SUBSCRIBE x", "*3|$9|subscribe|$1|x|:1|")
	if clients := s.Clients(); len(clients) != 3 || clients[1].Name != "c1" || clients[1].Channels != 1 || clients[1].FD < 0 {
		t.Errorf("clients: %+v", clients)
	}
	a.do("CLIENT KILL TYPE pubsub", ":1|")
	b.expectEnd("")
	a.do("CLIENT KILL "+c.LocalAddr().String(), "+OK|")
	c.expectEnd("")
	procs.Eventually(t, patience, func() error {
		if n := len(s.Clients()); n != 1 {
			return fmt.Errorf("%d clients are left", n)
		}
		return nil
	})
	a.send("CLIENT KILL USER default SKIPME no|PING|")
	a.expectEnd(":1|")
}

func TestMaxClients(t *testing.T) {
	log := &logs{}
	s := start(t, func(o *Options) { o.MaxClients, o.Logger = 2, log.logger() })
	a, b := dial(t, s), dial(t, s)
	a.do("PING", "+PONG|")
	b.do("PING", "+PONG|")
	for range 3 {
		dial(t, s).expectEnd("-ERR max number of clients reached|")
	}
	if n := strings.Count(log.String(), "too many are connected"); n != 1 {
		t.Errorf("said %d times that clients are refused", n)
	}
	if rejected := s.Stats().Rejected; rejected != 3 {
		t.Errorf("%d were counted as refused", rejected)
	}
	b.do("QUIT", "+OK|")
	procs.Eventually(t, patience, func() error {
		c := dial(t, s)
		c.send("PING|")
		if got := c.line(); got != "+PONG" {
			return fmt.Errorf("a client after one left: %s", got)
		}
		return nil
	})
}

func TestIdleClientsAreClosed(t *testing.T) {
	s := start(t, func(o *Options) { o.IdleTimeout = 50 * time.Millisecond })
	idle, listening := dial(t, s), dial(t, s)
	listening.do("SUBSCRIBE x", "*3|$9|subscribe|$1|x|:1|")
	idle.expectEnd("")
	s.Publish(event("x", "still there"))
	listening.expect("*3|$7|message|$1|x|$11|still there|")
}

// A panic in a handler ends its own session, is logged, and harms nobody else.
func TestPanicEndsOneSession(t *testing.T) {
	log := &logs{}
	s := start(t, func(o *Options) {
		o.Logger = log.logger()
		table, err := commands.NewTable(append(commands.All(), &commands.Command{
			Name: "bad", Arity: 1, Handler: func(*commands.Context, []string) commands.Reply { panic("oh no") },
		}, &commands.Command{
			Name: "nothing", Arity: 1, Handler: func(*commands.Context, []string) commands.Reply { return nil },
		})...)
		if err != nil {
			t.Fatal(err)
		}
		o.Table = table
	})
	other := dial(t, s)
	for _, line := range []string{"bad", "nothing"} {
		c := dial(t, s)
		c.send(line + "|")
		c.expectEnd("")
	}
	other.do("PING", "+PONG|")
	if text := log.String(); strings.Count(text, "level=ERROR") != 2 || !strings.Contains(text, "oh no") {
		t.Errorf("the log: %s", text)
	}
}

// Passwords appear in no line of the log, whatever goes wrong around them.
func TestNoPasswordInLogs(t *testing.T) {
	log := &logs{}
	s := start(t, func(o *Options) { o.Node, o.Logger = newNode(t, "hunter2"), log.logger() })
	for _, in := range []string{
		"AUTH wrong-hunter3|*x|", "AUTH hunter2|SENTINEL SET mymaster auth-pass hunter4|*x|",
		"HELLO 3 AUTH default hunter2|POST hunter5|", "AUTH hunter2 \"|",
	} {
		c := dial(t, s)
		c.send(in)
		for _, err := c.r.ReadByte(); err == nil; _, err = c.r.ReadByte() {
		}
	}
	if text := log.String(); strings.Contains(text, "hunter") || !strings.Contains(text, "level=WARN") {
		t.Errorf("the log: %s", text)
	}
}

func TestShutdownCommand(t *testing.T) {
	stopped := make(chan struct{})
	s := start(t, func(o *Options) { o.OnShutdown = func() { close(stopped) } })
	dial(t, s).send("SHUTDOWN NOSAVE|")
	select {
	case <-stopped:
	case <-time.After(patience):
		t.Fatal("OnShutdown was not called")
	}
	s = start(t, nil)
	a, b := dial(t, s), dial(t, s)
	b.do("PING", "+PONG|")
	a.send("SHUTDOWN|")
	a.expectEnd("")
	b.expectEnd("")
}

func TestStats(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.do("PING", "+PONG|")
	c.do("FOO", "-ERR unknown command 'FOO', with args beginning with: |")
	c.do("SUBSCRIBE a b", "*3|$9|subscribe|$1|a|:1|*3|$9|subscribe|$1|b|:2|")
	c.do("PSUBSCRIBE c*", "*3|$10|psubscribe|$2|c*|:3|")
	got := s.Stats()
	if got.Commands != 4 || got.ErrorReplies != 1 || got.Connections != 1 || got.Clients != 1 || got.Subscribers != 1 ||
		got.Channels != 2 || got.Patterns != 1 || got.BytesIn == 0 || got.BytesOut == 0 || got.MaxClients != 10_000 ||
		got.Port != s.Addr().(*net.TCPAddr).Port {
		t.Errorf("stats: %+v", got)
	}
}
