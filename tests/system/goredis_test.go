package system

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"redis-failover/tests/procs"
)

// failoverClient is a client as an application makes it, with nothing set but
// where to ask and for whom.
func failoverClient(t *testing.T, n *procs.Node) *goredis.Client {
	t.Helper()
	c := goredis.NewFailoverClient(&goredis.FailoverOptions{MasterName: group, SentinelAddrs: []string{n.Addr.String()}})
	t.Cleanup(func() { c.Close() })
	return c
}

// writer writes rising numbers all the time.
type writer struct {
	mu sync.Mutex
	// written is the last number that was acknowledged.
	written int
	errors  int
	// gap is the longest time between two acknowledged writes.
	gap    time.Duration
	lastOK time.Time
}

// startWriter writes every few milliseconds until the test ends.
func startWriter(t *testing.T, client *goredis.Client) *writer {
	w := &writer{lastOK: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { w.run(ctx, client) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return w
}

func (w *writer) run(ctx context.Context, client *goredis.Client) {
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for n := 1; ctx.Err() == nil; n++ {
		err := client.Set(ctx, "n", n, 0).Err()
		w.note(n, err)
		<-pace.C
	}
}

func (w *writer) note(n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.errors++
		return
	}
	now := time.Now()
	w.gap, w.lastOK, w.written = max(w.gap, now.Sub(w.lastOK)), now, n
}

// last is the last number that was acknowledged.
func (w *writer) last() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.written
}

// takeStock returns what happened since the last call.
func (w *writer) takeStock() (errors int, gap time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	errors, gap = w.errors, w.gap
	w.errors, w.gap = 0, 0
	return errors, gap
}

// awaitWritesTo waits until numbers that are written from now on are on that
// server.
func (w *writer) awaitWritesTo(t *testing.T, s *procs.Server) {
	t.Helper()
	from := w.last()
	procs.Eventually(t, patience, func() error {
		if n := w.last(); n <= from {
			return fmt.Errorf("no write was acknowledged since number %d", from)
		}
		text, err := s.Do("GET", "n")
		if err != nil {
			return err
		}
		if n, _ := strconv.Atoi(fmt.Sprintf("%s", text)); n <= from {
			return fmt.Errorf("%s holds number %d, not one above %d", s.Addr, n, from)
		}
		return nil
	})
}

// An application with go-redis goes on by itself when its master dies, and when
// the next one does.
func TestGoRedisKeepsWriting(t *testing.T) {
	t.Parallel()
	s := play(t, stage{})
	w := startWriter(t, failoverClient(t, s.node))
	w.awaitWritesTo(t, s.Master)
	if errors, _ := w.takeStock(); errors > 0 {
		t.Errorf("%d errors while all was well", errors)
	}
	master := s.Master
	for _, h := range harms()[:2] {
		h.strike(master)
		promoted := s.switchFrom(master)
		w.awaitWritesTo(t, promoted)
		errors, gap := w.takeStock()
		t.Logf("master %s: %d writes failed, the longest gap between two that did not was %v (down-after is %v)",
			h.name, errors, gap.Round(time.Millisecond), downAfter)
		h.mend(master)
		s.agree(promoted, s.others(promoted)...)
		s.await("+failover-end", ofMaster(promoted))
		master = promoted
	}
	s.node.Must("SENTINEL", "FAILOVER", group)
	promoted := s.switchFrom(master)
	w.awaitWritesTo(t, promoted)
	errors, gap := w.takeStock()
	t.Logf("manual failover: %d writes failed, the longest gap was %v", errors, gap.Round(time.Millisecond))
	s.agree(promoted, s.others(promoted)...)
}

// Those that only listen, to the servers or to us, and never write, are taken
// along too.
func TestGoRedisKeepsListening(t *testing.T) {
	for _, h := range harms()[:2] {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, stage{})
			ctx := t.Context()
			news := failoverClient(t, s.node).Subscribe(ctx, "news")
			defer news.Close()
			awaitNews(t, s.Master, news.Channel())

			watcher := goredis.NewSentinelClient(&goredis.Options{Addr: s.node.Addr.String()})
			defer watcher.Close()
			switches := watcher.PSubscribe(ctx, "+switch-*")
			defer switches.Close()
			if _, err := switches.Receive(ctx); err != nil {
				t.Fatal(err)
			}

			h.strike(s.Master)
			promoted := s.switchFrom(s.Master)
			told, err := switches.ReceiveMessage(ctx)
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(told.Payload)
			if told.Channel != "+switch-master" || len(words) != 5 || words[3]+":"+words[4] != promoted.Addr.String() {
				t.Errorf("go-redis received %v, want the address %v", told, promoted.Addr)
			}
			h.mend(s.Master)
			awaitNews(t, promoted, news.Channel())
		})
	}
}

// awaitNews publishes at a server until the subscriber hears of it.
func awaitNews(t *testing.T, s *procs.Server, heard <-chan *goredis.Message) {
	t.Helper()
	text := "from " + s.Addr.String()
	procs.Eventually(t, patience, func() error {
		if _, err := s.Do("PUBLISH", "news", text); err != nil {
			return err
		}
		for {
			select {
			case m, open := <-heard:
				if !open {
					t.Fatal("the subscription ended")
				}
				if m.Payload == text {
					return nil
				}
			default:
				return fmt.Errorf("the news %q were not heard", text)
			}
		}
	})
}
