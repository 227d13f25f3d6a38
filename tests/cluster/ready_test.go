package cluster

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-failover/tests/procs"
)

// page is what a node answers to GET.
func page(m *procs.Member, path string) (status int, body string, err error) {
	response, err := http.Get("http://" + m.Addr.String() + path)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// says returns nil if a node answers with that status and a text that contains
// word; for Eventually.
func says(m *procs.Member, path string, status int, word string) error {
	got, body, err := page(m, path)
	if err != nil || got != status || !strings.Contains(body, word) {
		return fmt.Errorf("member %d, %s: %d %q, %v; want %d and %q", m.Index, path, got, body, err, status, word)
	}
	return nil
}

// posts returns nil if a node answers with that status to a master that is to be
// added.
func posts(m *procs.Member, master string, status int) error {
	response, err := http.PostForm("http://"+m.Addr.String()+"/master", url.Values{"masters": {master}})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); response.StatusCode != status {
		return fmt.Errorf("member %d, adding %s: %s %q, %v", m.Index, master, response.Status, text, err)
	}
	return nil
}

// numbered is an event with its number.
type numbered struct {
	id   uint64
	data string
}

// streamed is what a node's stream tells after a number, up to the third master that
// is watched.
func streamed(t *testing.T, m *procs.Member, after uint64, name string) []numbered {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://%s/api/v1/events?event=%s&after=%d", m.Addr, url.QueryEscape(name), after))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	guard := time.AfterFunc(patience, func() { response.Body.Close() })
	defer guard.Stop()
	var list []numbered
	var e numbered
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			if e.id, err = strconv.ParseUint(value, 10, 64); err != nil {
				t.Fatal(err)
			}
		case "data":
			list = append(list, numbered{e.id, value})
			if strings.Contains(value, `"master":"127.0.0.1:3"`) {
				return list
			}
		}
	}
	t.Fatalf("the stream ended with %v", list)
	return nil
}

// A node is ready with a majority and not ready without one, and says why; it
// lives all the while.
func TestReadyz(t *testing.T) {
	t.Parallel()
	c := procs.StartCluster(t, procs.ClusterOpts{})
	all := func(status int, word string, members ...*procs.Member) {
		t.Helper()
		for _, m := range members {
			procs.Eventually(t, patience, func() error { return says(m, "/readyz", status, word) })
		}
	}
	all(http.StatusOK, "ready", c.Members...)

	for i, m := range c.Members { // any node takes a change, and it holds for all
		master := fmt.Sprintf("127.0.0.1:%d", i+1)
		procs.Eventually(t, patience, func() error { return posts(m, master, http.StatusOK) })
		for _, o := range c.Members {
			procs.Eventually(t, patience, func() error { return says(o, "/master", http.StatusOK, master) })
		}
	}

	// The events are the same everywhere, so that one may go on at another node.
	seen := streamed(t, c.Members[0], 0, "+monitor")
	if len(seen) != 3 {
		t.Errorf("three masters were added, and the stream tells %v", seen)
	}
	for i := range seen[:len(seen)-1] {
		rest := streamed(t, c.Members[1+i%2], seen[i].id, "+monitor")
		if !slices.Equal(rest, seen[i+1:]) {
			t.Errorf("after %v another node tells %v, and the first told %v", seen[i], rest, seen[i+1:])
		}
	}

	rest, dead := c.Members[0], c.Others(c.Members[0])
	c.Kill(dead...)
	all(http.StatusServiceUnavailable, "isolated for ", rest)
	if err := posts(rest, "127.0.0.1:9", http.StatusServiceUnavailable); err != nil {
		t.Error(err)
	}
	if err := says(rest, "/master", http.StatusOK, "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"); err != nil {
		t.Error(err)
	}
	if err := says(rest, "/healthz", http.StatusOK, "ok"); err != nil {
		t.Error(err)
	}

	c.Kill(rest)
	c.Start(rest)
	all(http.StatusServiceUnavailable, "isolated for ", rest)
	c.Start(dead...)
	all(http.StatusOK, "ready", c.Members...)
}

// HTTP may have a listener of its own, and then has no other; or none.
func TestHTTPAddr(t *testing.T) {
	t.Parallel()
	own := procs.Failover(t, "-http_addr=127.0.0.1:0")
	var addr string
	procs.Eventually(t, patience, func() error {
		_, rest, found := strings.Cut(own.Log(), "HTTP has a listener of its own\" address=")
		if !found {
			return fmt.Errorf("no word of the listener")
		}
		addr, _, _ = strings.Cut(rest, "\n")
		return nil
	})
	response, err := http.Get("http://" + strings.TrimSpace(addr) + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("/healthz of the listener of its own: %s", response.Status)
	}
	off := procs.Failover(t, "-http_addr=off")
	for _, n := range []*procs.Node{own, off} {
		if response, err := http.Get("http://" + n.Addr.String() + "/healthz"); err == nil {
			response.Body.Close()
			t.Errorf("HTTP is answered at -addr: %s", response.Status)
		}
	}
}

// Behind TLS it is HTTPS, at the same port.
func TestHTTPS(t *testing.T) {
	t.Parallel()
	secure := procs.NewTLS(t)
	n := procs.StartNode(t, procs.NodeOpts{TLS: secure})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: secure.Authority.Client(secure.Pair)}}
	response, err := client.Get("https://" + n.Addr.String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	client.CloseIdleConnections()
	if response.StatusCode != http.StatusOK {
		t.Errorf("/healthz by HTTPS: %s", response.Status)
	}
	n.Must("PING")
}
