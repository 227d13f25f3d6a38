package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// listener is an ear with what it heard.
type listener struct {
	*ear
	t     *testing.T
	heard chan string
	ended chan error
}

// listenTo opens an ear at a server that answers as it is told.
func listenTo(t *testing.T, change func(*linkConfig), reply func(string) string) (*listener, *fake) {
	t.Helper()
	f := serveFake(t, reply)
	cfg := linkConfig{
		Addr: f.addr, Rename: func(command string) string { return command }, Name: "sentinel-a1a1a1a1-pubsub",
		Dial: dialTCP, Resolve: net.DefaultResolver.LookupHost, ConnectTimeout: patience, WriteTimeout: patience,
	}
	if change != nil {
		change(&cfg)
	}
	l := &listener{t: t, heard: make(chan string, 100), ended: make(chan error, 100)}
	l.ear = openEar(cfg, func(text string) { l.heard <- text }, func(err error) { l.ended <- err })
	t.Cleanup(l.close)
	return l, f
}

func take[T any](t *testing.T, from chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

const subscribed = "*3\r\n$9\r\nsubscribe\r\n$18\r\n__sentinel__:hello\r\n:1\r\n"

func published(text string) string {
	return fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$%d\r\n%s\r\n", len(text), text)
}

func TestEarHears(t *testing.T) {
	l, f := listenTo(t, func(c *linkConfig) { c.User, c.Pass = "watcher", "secret" }, func(command string) string {
		switch {
		case strings.HasPrefix(command, "AUTH"):
			return "+OK\r\n"
		case strings.HasPrefix(command, "CLIENT"):
			return "-ERR unknown command\r\n" // it listens without a name
		}
		return subscribed + published("one") + "*2\r\n$4\r\npong\r\n$0\r\n\r\n" + published("two")
	})
	if one, two := take(t, l.heard), take(t, l.heard); one != "one" || two != "two" {
		t.Errorf("heard %q and %q", one, two)
	}
	want := []string{"AUTH watcher secret", "CLIENT SETNAME sentinel-a1a1a1a1-pubsub", "SUBSCRIBE __sentinel__:hello"}
	if said := f.said(); fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// Who does not let us subscribe is told from who has gone: only the latter is
// worth another try.
func TestEarIsRefused(t *testing.T) {
	const ok = "+OK\r\n"
	tests := []struct {
		name    string
		answers []string
		refused bool
	}{
		{"no permission", []string{ok, ok, "-NOPERM this user has no permissions to access one of the channels\r\n"}, true},
		{"no such command", []string{ok, ok, "-ERR unknown command 'SUBSCRIBE'\r\n"}, true},
		{"an engine that says OK to everything", []string{ok, ok, ok}, true},
		{"a wrong password", []string{"-WRONGPASS invalid username-password pair\r\n", "-NOAUTH\r\n", "-NOAUTH Authentication required. hush\r\n"}, true},
		{"the connection is closed", []string{ok, ok, ""}, false},
		{"not RESP", []string{ok, ok, "hello\r\n"}, false},
		{"closed later", []string{ok, ok, subscribed + published("one") + "-"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			turn := 0
			l, _ := listenTo(t, func(c *linkConfig) { c.Pass = "hush" }, func(string) string {
				turn++
				answer := tt.answers[turn-1]
				if text, closing := strings.CutSuffix(answer, "-"); closing {
					return text + "!" // unreadable, which ends it
				}
				return answer
			})
			err := take(t, l.ended)
			if errors.Is(err, errNotAllowed) != tt.refused || strings.Contains(err.Error(), "hush") {
				t.Errorf("ended with %v, refused %t", err, tt.refused)
			}
		})
	}
}

// A closed ear says nothing any more, whatever it was doing.
func TestEarIsClosed(t *testing.T) {
	l, _ := listenTo(t, nil, func(command string) string {
		if strings.HasPrefix(command, "SUBSCRIBE") {
			return subscribed + published("one")
		}
		return "+OK\r\n"
	})
	take(t, l.heard)
	l.close()
	dialed := make(chan struct{})
	waits, _ := listenTo(t, func(c *linkConfig) {
		c.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
			close(dialed)
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}, func(string) string { return "" })
	<-dialed
	waits.close()
	for _, l := range []*listener{l, waits} {
		select {
		case err := <-l.ended:
			t.Errorf("a closed ear reports its end: %v", err)
		case text := <-l.heard:
			t.Errorf("a closed ear hears %q", text)
		default:
		}
	}
}
