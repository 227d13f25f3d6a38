package compat

import (
	"slices"
	"strings"
	"testing"
)

// raw is what is sent without any framing of ours. The marker, a PING, follows
// it; what comes until the marker's reply, or the end, is compared.
type raw struct {
	name, in string
	// differs and ours are as in call.
	differs reason
	ours    string
}

// http stands for an answer in HTTP.
const http = "_<HTTP>"

const marker = "*2\r\n$4\r\nPING\r\n$6\r\nmarker\r\n"

var rawCalls = []raw{
	{name: "multibulk", in: "*1\r\n$4\r\nPING\r\n"},
	{name: "several", in: "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nPING\r\n$1\r\nx\r\nPING y\r\n"},
	{name: "inline", in: "PING\r\n"}, {name: "inline with LF", in: "PING\nPING\n"},
	{name: "empty multibulk", in: "*0\r\nPING\r\n"}, {name: "negative multibulk", in: "*-1\r\nPING\r\n"},
	{name: "empty lines", in: "\r\n\n   \r\n\t\nPING\r\n"},
	{name: "blanks before", in: "  \t PING \r\n"}, {name: "blanks between", in: "PING\t \x0b x\r\n"},
	{name: "quotes", in: "PING \"a b\\x41\\n\\q\"\r\n"}, {name: "single quotes", in: "'PING' 'a\\x41 \\' b'\r\n"},
	{name: "quotes within a word", in: "PI\"NG\"\r\n"}, {name: "quotes that end too early", in: "\"PI\"NG\r\n"},
	{name: "quotes that do not end", in: "PING \"a\r\n"}, {name: "single quotes that do not end", in: "'PING\r\n"},
	{name: "empty word", in: "PING \"\"\r\n"}, {name: "hex without digits", in: "PING \"\\xzz\"\r\n"},
	{name: "ends that are not looked at", in: "*1\r\n$4\r\nPINGxx"}, {name: "CR and anything", in: "*1\rx$4\rxPINGxx"},
	{name: "length negative", in: "*1\r\n$-1\r\n"}, {name: "length no number", in: "*1\r\n$4x\r\n"}, {name: "length with zero", in: "*1\r\n$04\r\nPING\r\n"},
	{name: "length empty", in: "*1\r\n$\r\n"}, {name: "length too high", in: "*1\r\n$999999999999999\r\n"},
	{name: "length highest", in: "*1\r\n$9223372036854775807\r\n"}, {name: "length beyond", in: "*1\r\n$9223372036854775808\r\n"},
	{name: "type", in: "*1\r\n!4\r\n"}, {name: "type of a number", in: "*1\r\n:4\r\n"}, {name: "type missing", in: "*2\r\n$4\r\nPING\r\nx\r\n"},
	{name: "count no number", in: "*x\r\n"}, {name: "count empty", in: "*\r\n"}, {name: "count with plus", in: "*+1\r\n$4\r\nPING\r\n"},
	{name: "count with zero", in: "*01\r\n$4\r\nPING\r\n"}, {name: "count too high", in: "*2147483648\r\n"}, {name: "count beyond", in: "*9223372036854775808\r\n"},
	{name: "count with blank", in: "* 1\r\n$4\r\nPING\r\n"},
	{name: "commands before a fault", in: "PING a\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING b\r\n"},
	{name: "line too long", in: strings.Repeat("a", 128*1024)},
	{name: "POST", in: "POST / HTTP/1.1\r\n", differs: overHTTP, ours: http}, {name: "Host", in: "GET / HTTP/1.1\r\nHost: x\r\n", differs: overHTTP, ours: http},
	{name: "host in RESP", in: "*1\r\n$5\r\nhOst:\r\n"},
	{name: "empty name", in: "*1\r\n$0\r\n\r\n"}, {name: "binary name", in: "*1\r\n$3\r\n\x00\xff\x0d\r\n"},
	{name: "NUL in a line", in: "PING a\x00b\r\n", differs: noNULs, ours: "\"a\\x00b\" \"marker\""},
	{name: "long word", in: "*2\r\n$4\r\nPING\r\n$2000000\r\n" + strings.Repeat("a", 2_000_000) + "\r\n",
		differs: lowerLimits, ours: "-ERR Protocol error: invalid bulk length _<end>"},
	{name: "many words", in: "*1048577\r\n$4\r\nPING\r\n" + strings.Repeat("$1\r\na\r\n", 1048576),
		differs: lowerLimits, ours: "-ERR Protocol error: invalid multibulk length _<end>"},
}

func TestProtocol(t *testing.T) {
	p := newPair(t, "")
	for _, c := range rawCalls {
		t.Run(c.name, func(t *testing.T) { compareRaw(t, p, c, "") })
	}
}

// Before authentication there are limits of their own.
func TestProtocolOfStrangers(t *testing.T) {
	p := newPair(t, "secret")
	for _, c := range []raw{
		{name: "words", in: "*10\r\n" + strings.Repeat("$1\r\na\r\n", 10)},
		{name: "too many words", in: "*11\r\n"},
		{name: "length", in: "*1\r\n$16384\r\n" + strings.Repeat("a", 16384) + "\r\n"},
		{name: "too long", in: "*1\r\n$16385\r\n"},
		{name: "negative length", in: "*1\r\n$-1\r\n"},
		{name: "logged in within the packet", in: "AUTH secret\r\n*11\r\n" + strings.Repeat("$1\r\na\r\n", 11) + "*1\r\n$16385\r\n" + strings.Repeat("b", 16385) + "\r\n"},
		{name: "not logged in within the packet", in: "AUTH wrong\r\n*11\r\n" + strings.Repeat("$1\r\na\r\n", 11)},
	} {
		t.Run(c.name, func(t *testing.T) { compareRaw(t, p, c, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n") })
	}
}

// compareRaw sends the input, then login (to both), then the marker.
func compareRaw(t *testing.T, p *pair, c raw, login string) {
	t.Helper()
	ours := converse(p.ours.dial(t), c.in+login)
	if c.differs == "" || c.differs == lowerLimits {
		theirs := converse(p.stock.dial(t), c.in+login)
		if (theirs == ours) == (c.differs != "") {
			t.Errorf("redis-sentinel: %.500s\nredis-failover: %.500s", theirs, ours)
		}
	}
	if c.differs != "" && ours != c.ours {
		t.Errorf("%s\ngot  %.500s\nwant %.500s", c.differs, ours, c.ours)
	}
}

// converse returns all that is answered before the end or the marker.
func converse(s *session, in string) string {
	s.t.Helper()
	// The server may close before it has all; what it answered counts.
	go func() { _, _ = s.conn.Write([]byte(in + marker)) }()
	var got []value
	for {
		if start, err := s.r.Peek(len("HTTP/")); err == nil && string(start) == "HTTP/" {
			return http
		}
		v, err := readValue(s.r)
		if err != nil && isEnd(err) {
			got = append(got, value{kind: '_', text: "<end>"})
			return render(exact, got)
		}
		if err != nil {
			s.t.Fatalf("%s: after %v: %v", s.name, got, err)
		}
		got = append(got, v)
		if v.text == "marker" {
			return render(exact, got)
		}
	}
}

// Every byte may come alone, whatever is said.
func TestByteByByte(t *testing.T) {
	p := newPair(t, "")
	for _, s := range []side{p.stock, p.ours} {
		c := s.dial(t)
		for _, b := range []byte("*3\r\n$8\r\nSENTINEL\r\n$6\r\nMASTER\r\n$4\r\nnope\r\nPING 'a b'\r\n") {
			c.sendRaw(string(b))
		}
		if got := render(exact, c.read(2)); got != `-ERR No such master with that name "a b"` {
			t.Errorf("%s: %s", s.name, got)
		}
	}
}

// What SENTINEL commands change is published in the same words.
func TestEvents(t *testing.T) {
	p := newPair(t, "")
	commands := [][]string{
		{"SENTINEL", "MONITOR", "other", "127.0.0.1", "1", "7"},
		{"SENTINEL", "SET", "other", "Quorum", "3", "auth-pass", "secret"},
		{"SENTINEL", "SET", "other", "rename-command", "config", "guess"},
		{"SENTINEL", "RESET", "[n-p]th??"},
		{"SENTINEL", "REMOVE", "other"},
		{"SENTINEL", "RESET", "nope"},
		{"SENTINEL", "MONITOR", "last", "::1", "1", "1"},
		{"SENTINEL", "REMOVE", "last"},
	}
	for protocol := 2; protocol <= 3; protocol++ {
		var heard [2][]string
		for i, s := range []side{p.stock, p.ours} {
			listener, speaker := s.dial(t), s.dial(t)
			if protocol == 3 {
				listener.send([]string{"HELLO", "3"})
				listener.read(1)
			}
			listener.send([]string{"PSUBSCRIBE", "[-+]monitor", "+set", "+reset-master"})
			listener.read(3)
			for _, words := range commands {
				speaker.send(words)
				speaker.read(1)
			}
			for len(heard[i]) == 0 || !strings.Contains(heard[i][len(heard[i])-1], `"master last ::1 1"`) {
				heard[i] = append(heard[i], listener.read(1)[0].String())
			}
		}
		if !slices.Equal(heard[0], heard[1]) || len(heard[0]) != 8 {
			t.Errorf("RESP%d\nredis-sentinel: %s\nredis-failover: %s", protocol, strings.Join(heard[0], "\n\t"), strings.Join(heard[1], "\n\t"))
		}
	}
}
