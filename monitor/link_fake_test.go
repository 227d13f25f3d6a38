package monitor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-failover/cluster/state"
)

// patience is how long tests wait for what must happen.
const patience = 20 * time.Second

// witness is a link with the reports that it made.
type witness struct {
	*link
	t       testing.TB
	reports chan Report
}

// watch returns a link to addr, which the test's end closes. change may alter
// its configuration.
func watch(t testing.TB, addr state.Addr, change func(*linkConfig)) *witness {
	t.Helper()
	cfg := linkConfig{
		Addr:           addr,
		Rename:         func(command string) string { return command },
		Name:           "redis-failover-test",
		Dial:           dialTCP,
		Resolve:        net.DefaultResolver.LookupHost,
		ConnectTimeout: patience,
		WriteTimeout:   patience,
	}
	if change != nil {
		change(&cfg)
	}
	w := &witness{t: t, reports: make(chan Report, 100_000)}
	w.link = newLink(cfg, func(r Report) { w.reports <- r })
	t.Cleanup(w.Close)
	return w
}

// next returns the next report.
func (w *witness) next() Report {
	w.t.Helper()
	select {
	case r := <-w.reports:
		return r
	case <-time.After(patience):
		w.t.Fatalf("no report within %v", patience)
		return Report{}
	}
}

// expect returns the next report, which must be of that kind.
func (w *witness) expect(kind ReportKind) Report {
	w.t.Helper()
	r := w.next()
	if r.Kind != kind {
		w.t.Fatalf("got the report %+v, want kind %d", r, kind)
	}
	if r.Addr != w.cfg.Addr || r.At.IsZero() {
		w.t.Fatalf("report without address or time: %+v", r)
	}
	return r
}

// ping connects if need be and returns the pong.
func (w *witness) ping() Report {
	w.t.Helper()
	w.Send(Request{Ping: true})
	for {
		switch r := w.next(); r.Kind {
		case ReportUp:
		case ReportPong:
			return r
		default:
			w.t.Fatalf("got the report %+v, want a pong", r)
		}
	}
}

// info asks for INFO and returns the report.
func (w *witness) info(s Section) Report {
	w.t.Helper()
	w.Send(Request{Info: s})
	return w.expect(ReportInfo)
}

// quiet fails if there is a report that nobody took.
func (w *witness) quiet() {
	w.t.Helper()
	select {
	case r := <-w.reports:
		w.t.Fatalf("unexpected report %+v", r)
	default:
	}
}

// fake is a server of RESP commands that answers as it is told.
type fake struct {
	addr state.Addr

	mu       sync.Mutex
	commands []string
}

// serveFake starts a server on loopback. reply gives the bytes to answer a
// command with, words in upper case; an empty answer closes the connection.
func serveFake(t testing.TB, reply func(command string) string) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{addr: state.Addr{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port}}
	var group sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); listener.Close(); group.Wait() })
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { conn.Close() })
			group.Go(func() { f.serve(conn, reply) })
		}
	})
	return f
}

func (f *fake) serve(conn net.Conn, reply func(string) string) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.commands = append(f.commands, command)
		f.mu.Unlock()
		text := reply(command)
		if text == "" {
			return
		}
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

// said returns the commands so far.
func (f *fake) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.commands)
}

// readCommand reads an array of bulk strings and joins them with blanks.
func readCommand(r *bufio.Reader) (string, error) {
	n, err := readLength(r, '*')
	if err != nil {
		return "", err
	}
	words := make([]string, n)
	for i := range words {
		size, err := readLength(r, '$')
		if err != nil {
			return "", err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(r, word); err != nil {
			return "", err
		}
		words[i] = string(word[:size])
	}
	return strings.Join(words, " "), nil
}

func readLength(r *bufio.Reader, kind byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, fmt.Errorf("got %q, want %c", line, kind)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// asRedis answers a few commands as Redis does, outside of a transaction.
func asRedis(command string) string {
	switch {
	case command == "PING":
		return "+PONG\r\n"
	case strings.HasPrefix(command, "INFO"):
		return bulk("# Replication\r\nrole:master\r\n")
	}
	return "+OK\r\n"
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }
