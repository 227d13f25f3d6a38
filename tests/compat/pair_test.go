package compat

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// patience bounds every wait.
const patience = 30 * time.Second

// side is one of the two servers.
type side struct {
	name string
	addr string
}

// pair is a stock redis-sentinel and a redis-failover that watch the same
// master with one replica (which is never to be promoted).
type pair struct {
	stock, ours side
	// words of the calls that stand for what is only known at run time.
	replace *strings.Replacer
}

// newPair starts a pair whose configurations have these lines more.
func newPair(t *testing.T, password string) *pair {
	t.Helper()
	group := procs.Group(t, 1, procs.Opts{Config: []string{"replica-priority 0"}})
	master := group.Master.Addr
	conf := fmt.Sprintf("sentinel monitor mymaster %s %d 1\nsentinel down-after-milliseconds mymaster 20000\n", master.Host, master.Port)
	if password != "" {
		conf += "requirepass " + password + "\n"
	}
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	stock := procs.Sentinel(t, procs.SentinelOpts{Conf: conf, Password: password})
	ours := procs.StartNode(t, procs.NodeOpts{Args: []string{file}, Password: password})
	for _, s := range []*procs.Server{stock, ours.Server} {
		procs.Eventually(t, patience, func() error { return knowsReplica(s) })
	}
	return &pair{
		stock: side{"redis-sentinel", stock.Addr.String()}, ours: side{"redis-failover", ours.Addr.String()},
		replace: strings.NewReplacer("{host}", master.Host, "{port}", strconv.Itoa(master.Port)),
	}
}

// knowsReplica returns nil once a server has read the replica's INFO.
func knowsReplica(s *procs.Server) error {
	reply, err := s.Do("SENTINEL", "REPLICAS", "mymaster")
	if err != nil {
		return err
	}
	if text := fmt.Sprintf("%s", reply); !strings.Contains(text, "[master-link-status ok]") && !strings.Contains(text, "master-link-status ok") {
		return fmt.Errorf("the replica is %s", text)
	}
	return nil
}

// session is a connection to one side.
type session struct {
	t *testing.T
	side
	conn net.Conn
	r    *bufio.Reader
}

func (s side) dial(t *testing.T) *session {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &session{t, s, conn, bufio.NewReader(conn)}
}

func (s *session) sendRaw(text string) {
	s.t.Helper()
	if _, err := io.WriteString(s.conn, text); err != nil {
		s.t.Fatalf("%s: %v", s.name, err)
	}
}

// send sends one command in RESP.
func (s *session) send(words []string) {
	s.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	s.sendRaw(b.String())
}

// read reads n values, or for n < 0 all until the connection ends.
func (s *session) read(n int) []value {
	s.t.Helper()
	var got []value
	for n < 0 || len(got) < n {
		v, err := readValue(s.r)
		if err != nil && n < 0 && isEnd(err) {
			return append(got, value{kind: '_', text: "<end>"})
		}
		if err != nil {
			s.t.Fatalf("%s: after %v: %v", s.name, got, err)
		}
		got = append(got, v)
	}
	return got
}

// isEnd tells the end of a connection from a timeout and from garbage.
func isEnd(err error) bool {
	failed := (*net.OpError)(nil)
	return errors.Is(err, io.EOF) || errors.As(err, &failed) && !failed.Timeout()
}

// split reads a call: words separated by blanks, those with unusual bytes as Go
// strings.
func split(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		word, rest, _ := strings.Cut(line, " ")
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				t.Fatalf("the call %s: %v", line, err)
			}
			rest = line[len(quoted):]
			word, _ = strconv.Unquote(quoted) // QuotedPrefix has read it
		}
		words, line = append(words, word), rest
	}
	return words
}
