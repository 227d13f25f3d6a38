package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// echoHTTP answers one request with its method and path.
func echoHTTP(conn net.Conn) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\n\r\n%s %s %s", r.Method, r.URL.Path, body)
}

// Commands of every shape stay commands, whole or in pieces, and requests are
// requests.
func TestTwoProtocols(t *testing.T) {
	s := start(t, func(o *Options) { o.HTTP = echoHTTP })
	const answer = "HTTP/1.0 200 OK||"
	for _, tc := range []struct {
		name, want string
		pieces     []string
	}{
		{"RESP", "+PONG|+OK|", []string{"*1|$4|PING|QUIT|"}},
		{"RESP in pieces", "+PONG|+OK|", []string{"*", "1", "|$4|PI", "NG|QU", "IT|"}},
		{"a line", "+PONG|+OK|", []string{"PING|QUIT|"}},
		{"a line that begins like a method", "+PONG|+OK|", []string{"P", "ING|QUIT|"}},
		{"GET without a path", "-ERR unknown command 'GET', with args beginning with: 'x' |+OK|", []string{"GET ", "x|QUIT|"}},
		{"empty lines", "+PONG|+OK|", []string{"|", "|PING|QUIT|"}},
		{"GET", answer + "GET /x ", []string{"GET /x HTTP/1.1|Host: y||"}},
		{"GET in pieces", answer + "GET /x ", []string{"G", "ET", " ", "/x HTTP/1.1|", "Host: y||"}},
		{"POST", answer + "POST /x body", []string{"POST /x HTTP/1.1|Host: y|Content-Length: 4||bo", "dy"}},
		{"DELETE", answer + "DELETE /x ", []string{"DELETE /x HTTP/1.1|Host: y||"}},
		{"OPTIONS", answer + "OPTIONS * ", []string{"OPTIONS * HTTP/1.1|Host: y||"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, s)
			for _, piece := range tc.pieces {
				c.send(piece)
			}
			c.expectEnd(tc.want)
		})
	}
}

// Somebody who listens and says nothing more is no HTTP client that is late.
func TestSilentSubscriber(t *testing.T) {
	s := start(t, func(o *Options) { o.HTTP = echoHTTP })
	silent, listening := dial(t, s), dial(t, s)
	listening.do("SUBSCRIBE a", "*3|$9|subscribe|$1|a|:1|")
	s.Publish(event("a", "b"))
	listening.expect("*3|$7|message|$1|a|$1|b|")
	silent.do("PING", "+PONG|")
}

// An HTTP client is a client like others: it is listed, counts for maxclients,
// can be killed, and goes with the server.
func TestHTTPClientIsAClient(t *testing.T) {
	s := start(t, func(o *Options) {
		o.MaxClients = 2
		o.HTTP = func(conn net.Conn) {
			defer conn.Close()
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	resp, web := dial(t, s), dial(t, s)
	web.send("GET / HTTP/1.1|")
	procs.Eventually(t, patience, func() error {
		if list := fmt.Sprint(s.Clients()); !strings.Contains(list, " http ") {
			return fmt.Errorf("the clients are %s", list)
		}
		return nil
	})
	dial(t, s).expectEnd("-ERR max number of clients reached|")
	resp.do("CLIENT KILL ADDR "+web.LocalAddr().String(), ":1|")
	web.expectEnd("")
	again := dial(t, s)
	again.send("PUT / HTTP/1.1|") // the clean-up of start waits for it
}

// Behind a command a request is what somebody smuggles in.
func TestHTTPBehindCommands(t *testing.T) {
	s := start(t, func(o *Options) { o.HTTP = echoHTTP })
	c := dial(t, s)
	c.do("PING", "+PONG|")
	c.send("POST / HTTP/1.1|Host: x||SHUTDOWN|")
	c.expectEnd("")
}

func TestHTTPTurnedOff(t *testing.T) {
	s := start(t, nil)
	c := dial(t, s)
	c.send("GET /x HTTP/1.1|Host: y||SHUTDOWN|")
	c.expectEnd("")
	dial(t, s).do("PING", "+PONG|")
}

// FuzzSpeaksHTTP: in whatever pieces the bytes come, what begins like a request is
// one, nothing else is, and no byte is lost.
func FuzzSpeaksHTTP(f *testing.F) {
	for _, seed := range []string{"GET /", "GET x\r\n", "DELETE /x HTTP/1.1\r\n\r\n", "OPTIONS *", "OPTIONS x", "*1\r\n", "\r\n", "", "P", "PUT", "get /"} {
		f.Add([]byte(seed), uint8(0))
		f.Add([]byte(seed), uint8(200))
	}
	request := regexp.MustCompile(`\A((GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) /|OPTIONS \*)`)
	f.Fuzz(func(t *testing.T, in []byte, split uint8) {
		frames := newFrames(&splitReader{in, int(split)}, testQuery, func() bool { return true }, func() error { return nil })
		http, err := speaksHTTP(frames)
		if http != request.Match(in) {
			t.Errorf("%q in pieces of %d: HTTP %v, %v", in, split, http, err)
		}
		if got := frames.unread(); !bytes.HasPrefix(in, got) || err != nil && len(got) < len(in) {
			t.Errorf("%q in pieces of %d: %q is left, %v", in, split, got, err)
		}
	})
}
