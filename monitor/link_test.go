package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
	"redis-failover/tests/procs"
)

func TestLinkPingAndInfo(t *testing.T) {
	server := procs.Redis(t, procs.Opts{})
	w := watch(t, server.Addr, nil)
	begin := time.Now()
	w.Send(Request{Ping: true, Info: InfoAll})
	w.expect(ReportUp)
	pong := w.expect(ReportPong)
	if !pong.Valid || pong.Text != "PONG" || pong.SentAt.Before(begin) || pong.At.Before(pong.SentAt) {
		t.Errorf("got %+v", pong)
	}
	info := w.expect(ReportInfo)
	if !info.Full || info.Err != nil || !strings.Contains(info.Text, "# Memory") || info.SentAt != pong.SentAt {
		t.Errorf("got %+v", info)
	}
	if f := info.Facts; f.Role != failover.RoleMaster || len(f.RunID) != 40 || f.ReplID == "" || !f.HasOffset {
		t.Errorf("got facts %+v", f)
	}
	section := w.info(InfoReplication)
	if section.Full || strings.Contains(section.Text, "# Memory") || section.Facts.RunID != "" || section.Facts.ReplID != info.Facts.ReplID {
		t.Errorf("got %+v", section)
	}
	if n := w.Pending(); n != 0 {
		t.Errorf("%d replies pending", n)
	}
	if list := clients(t, server); !strings.Contains(list, " name=redis-failover-test ") {
		t.Errorf("no client with our name in %s", list)
	}
}

func clients(t testing.TB, server *procs.Server) string {
	t.Helper()
	list, err := redis.String(server.Do("CLIENT", "LIST"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestLinkAuthentication(t *testing.T) {
	open := procs.Redis(t, procs.Opts{})
	locked := procs.Redis(t, procs.Opts{Password: "sesame street"})
	acl := procs.Redis(t, procs.Opts{User: "watcher", Password: "hunter2", Config: []string{
		"user weak on >hunter3 +ping +auth",
	}})
	tests := []struct {
		name       string
		server     *procs.Server
		user, pass string
		up         bool
		// auth is how the reported error begins, "" for none.
		auth string
	}{
		{"no password needed or given", open, "", "", true, ""},
		{"user alone gives nothing", open, "watcher", "", true, ""},
		{"password not needed", open, "", "hunter2", true, "ERR AUTH <password> called without any password configured"},
		{"password", locked, "", "sesame street", true, ""},
		{"password with the default user", locked, "default", "sesame street", true, ""},
		{"wrong password", locked, "", "open sesame", false, "WRONGPASS"},
		{"no password given", locked, "", "", false, "NOAUTH"},
		{"ACL user", acl, "watcher", "hunter2", true, ""},
		{"ACL user with a wrong password", acl, "watcher", "hunter3", false, "WRONGPASS"},
		{"ACL user without a name", acl, "", "hunter2", false, "WRONGPASS"},
		{"ACL user with few permissions", acl, "weak", "hunter3", true, "NOPERM"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := watch(t, tt.server.Addr, func(c *linkConfig) { c.User, c.Pass = tt.user, state.Secret(tt.pass) })
			w.Send(Request{Ping: true})
			up, auth := false, ""
			r := w.next()
			for ; r.Kind != ReportPong; r = w.next() {
				switch {
				case r.Kind == ReportUp && !up:
					up = true
				case r.Kind == ReportAuth && auth == "":
					auth = r.Err.Error()
				default:
					t.Errorf("unexpected report %+v", r)
				}
			}
			if up != tt.up || !strings.HasPrefix(auth, tt.auth) || (auth == "") != (tt.auth == "") {
				t.Errorf("up %v, error %q; want %v, %q", up, auth, tt.up, tt.auth)
			}
			if r.Valid != tt.up || (!tt.up && !strings.HasPrefix(r.Text, "NOAUTH")) {
				t.Errorf("got the pong %+v", r)
			}
			if w.ping(); w.Pending() != 0 {
				t.Errorf("%d replies pending", w.Pending())
			}
			w.quiet() // one complaint is enough
		})
	}
}

func TestLinkHidesThePassword(t *testing.T) {
	const pass = "s3cret"
	server := serveFake(t, func(command string) string {
		if strings.HasPrefix(command, "CLOSE") {
			return ""
		}
		words := strings.Fields(command)
		return fmt.Sprintf("-ERR unknown command '%s', with args beginning with: '%s' s3cr\r\n", words[0], strings.Join(words[1:], "' '"))
	})
	w := watch(t, server.addr, func(c *linkConfig) {
		c.User, c.Pass = "u", pass
		c.Rename = func(command string) string {
			if command == "SLAVEOF" {
				return "CLOSE"
			}
			return command
		}
	})
	w.Send(Request{Ping: true, Info: InfoAll})
	w.Order(Reconfigure{ID: 1, Valid: always})
	for kind := ReportKind(0); kind != ReportDown; {
		r := w.next()
		if text := fmt.Sprintf("%+v %v", r, r.Err); strings.Contains(text, "s3cr") {
			t.Errorf("the password shows in %s", text)
		}
		kind = r.Kind
	}
}

func TestLinkAnsweredOtherwise(t *testing.T) {
	tests := []struct {
		name, pong, info string
		up, valid        bool
	}{
		{"loading", "-LOADING Redis is loading the dataset in memory\r\n", "-LOADING x\r\n", true, true},
		{"replica without its master", "-MASTERDOWN Link with MASTER is down\r\n", bulk("role:slave\r\n"), true, true},
		{"loading as a status", "+LOADING\r\n", "-LOADING x\r\n", true, true},
		{"pong with more", "+PONG and so on\r\n", bulk(""), true, true},
		{"disk trouble", "-MISCONF Redis is configured to save RDB snapshots\r\n", bulk("role:master\r\n"), true, false},
		{"busy script", "-BUSY Redis is busy running a script\r\n", "-BUSY x\r\n", true, false},
		{"a bulk string", "$4\r\nPONG\r\n", "+role:master\r\n", true, false},
		{"a null", "$-1\r\n", "$-1\r\n", true, false},
		{"an array", "*1\r\n+PONG\r\n", "*1\r\n+role:master\r\n", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serveFake(t, func(command string) string {
				switch command {
				case "PING":
					return tt.pong
				case "INFO":
					return tt.info
				}
				return "+OK\r\n"
			})
			w := watch(t, server.addr, nil)
			w.Send(Request{Ping: true, Info: InfoAll})
			w.expect(ReportUp)
			if r := w.expect(ReportPong); r.Valid != tt.valid {
				t.Errorf("got %+v, want valid %v", r, tt.valid)
			}
			if r := w.expect(ReportInfo); (r.Err == nil) != strings.HasPrefix(tt.info, "$") && tt.info != "$-1\r\n" {
				t.Errorf("%q gave %+v", tt.info, r)
			}
		})
	}
}

func TestLinkEndsWithABadServer(t *testing.T) {
	tests := []struct {
		name, reply, want string
		up                bool
	}{
		{"huge INFO", "$4194305\r\n", errReplyTooBig.Error(), true},
		{"another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", `not a RESP2 reply, it begins with 'H'`, true},
		{"one reply too many", bulk("role:master") + "+OK\r\n", "what nobody had asked for", true},
		{"closed", "", "closed by the server", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serveFake(t, func(command string) string {
				if command == "INFO" {
					return tt.reply
				}
				return "+OK\r\n"
			})
			w := watch(t, server.addr, nil)
			w.Send(Request{Info: InfoAll})
			for r := w.next(); ; r = w.next() {
				if r.Kind == ReportDown {
					if !strings.Contains(r.Err.Error(), tt.want) || r.Refused {
						t.Errorf("got %v (refused %v), want %q", r.Err, r.Refused, tt.want)
					}
					return
				}
			}
		})
	}
}

func TestLinkTurnedAway(t *testing.T) {
	for _, text := range []string{"DENIED Redis is running in protected mode", "ERR max number of clients reached"} {
		said := false
		server := serveFake(t, func(string) string {
			if said {
				return "" // closes
			}
			said = true
			return "-" + text + "\r\n"
		})
		w := watch(t, server.addr, nil)
		w.Send(Request{Ping: true})
		if r := w.expect(ReportAuth); r.Err.Error() != text {
			t.Errorf("got %v", r.Err)
		}
		if r := w.expect(ReportDown); !strings.Contains(r.Err.Error(), text) {
			t.Errorf("got %v, want to read why", r.Err)
		}
	}
}

func TestLinkNoticesAKillAtOnce(t *testing.T) {
	server := procs.Redis(t, procs.Opts{})
	w := watch(t, server.Addr, nil)
	w.ping()
	server.Kill()
	if r := w.expect(ReportDown); r.Err == nil || r.Refused {
		t.Errorf("got %+v", r)
	}
	w.Send(Request{Ping: true})
	if r := w.expect(ReportDown); !r.Refused {
		t.Errorf("got %+v, want a refused connection", r)
	}
	w.Order(Reconfigure{ID: 3, Valid: always})
	if r := w.expect(ReportOrdered); r.ID != 3 || r.Err == nil || !strings.HasPrefix(r.Err.Error(), "order not sent") {
		t.Errorf("got %+v", r)
	}
	w.expect(ReportDown)
	server.Restart()
	if r := w.ping(); !r.Valid {
		t.Errorf("got %+v", r)
	}
}

func TestLinkToAFrozenServer(t *testing.T) {
	server := procs.Redis(t, procs.Opts{})
	w := watch(t, server.Addr, nil)
	w.ping()
	server.Freeze()
	for n := 1; n <= maxPending; n++ {
		w.Send(Request{Ping: true})
		procs.Eventually(t, patience, func() error { return pendingIs(w, n) })
	}
	w.Send(Request{Ping: true, Info: InfoAll})
	procs.Holds(t, 50*time.Millisecond, func() error { return pendingIs(w, maxPending) })
	w.quiet()

	server.Thaw()
	for range maxPending {
		w.expect(ReportPong)
	}
	procs.Eventually(t, patience, func() error { return pendingIs(w, 0) })
	w.quiet()
}

func pendingIs(w *witness, want int) error {
	if n := w.Pending(); n != want {
		return fmt.Errorf("%d replies pending, want %d", n, want)
	}
	return nil
}

func TestLinkDroppedWhileTheServerIsFrozen(t *testing.T) {
	server := procs.Redis(t, procs.Opts{})
	w := watch(t, server.Addr, nil)
	w.ping()
	server.Freeze()
	w.Order(Reconfigure{ID: 8, Target: state.Addr{Host: "127.0.0.1", Port: 1}, Valid: always})
	procs.Eventually(t, patience, func() error { return pendingIs(w, len(transaction)) })
	w.Drop()
	if r := w.expect(ReportOrdered); r.ID != 8 || !errors.Is(r.Err, ErrDroppedLink) || !strings.Contains(r.Err.Error(), "unknown") {
		t.Errorf("got %+v", r)
	}
	if r := w.expect(ReportDown); !errors.Is(r.Err, ErrDroppedLink) {
		t.Errorf("got %+v", r)
	}
	if n := w.Pending(); n != 0 {
		t.Errorf("%d replies pending without a connection", n)
	}
	// The kernel of a frozen server accepts, but nobody is up behind it.
	w.Send(Request{Ping: true})
	procs.Eventually(t, patience, func() error { return pendingIs(w, 2) })
	w.quiet()
	server.Thaw()
	w.expect(ReportUp)
	w.expect(ReportPong)
}

func TestLinkWriteDeadline(t *testing.T) {
	// A pipe without a reader takes nothing.
	ours, theirs := net.Pipe()
	defer theirs.Close()
	w := watch(t, state.Addr{Host: "10.0.0.1", Port: 6379}, func(c *linkConfig) {
		c.Dial = func(context.Context, string) (net.Conn, error) { return ours, nil }
		c.WriteTimeout = 10 * time.Millisecond
	})
	w.Send(Request{Ping: true})
	if r := w.expect(ReportDown); r.Err == nil || !strings.Contains(r.Err.Error(), "write") || r.Refused {
		t.Errorf("got %+v", r)
	}
	w.quiet()
}

func TestLinkOrders(t *testing.T) {
	master, other := procs.Redis(t, procs.Opts{}), procs.Redis(t, procs.Opts{})
	w := watch(t, other.Addr, nil)
	w.Order(Reconfigure{ID: 1, Target: master.Addr, Valid: always, Probe: true})
	w.expect(ReportUp)
	if r := w.expect(ReportOrdered); r.ID != 1 || r.Err != nil {
		t.Fatalf("got %+v", r)
	}
	r := w.expect(ReportInfo)
	if f := r.Facts; f.Role != failover.RoleReplica || (state.Addr{Host: f.MasterHost, Port: f.MasterPort}) != master.Addr || r.Full {
		t.Errorf("got %+v right behind the order", r)
	}
	procs.Eventually(t, patience, func() error { return other.Follows(master.Addr) })

	w.Order(Reconfigure{ID: 2, Valid: always, Probe: true})
	if r := w.expect(ReportOrdered); r.ID != 2 || r.Err != nil {
		t.Fatalf("got %+v", r)
	}
	if r := w.expect(ReportInfo); r.Facts.Role != failover.RoleMaster {
		t.Errorf("got %+v right behind the order", r)
	}
	w.Order(Reconfigure{ID: 3, Target: master.Addr, Valid: func() bool { return false }, Probe: true})
	if r := w.expect(ReportOrdered); r.ID != 3 || !errors.Is(r.Err, ErrDropped) {
		t.Errorf("got %+v", r)
	}
	if r := w.info(InfoReplication); r.Facts.Role != failover.RoleMaster {
		t.Errorf("the order was dropped, and yet: %+v", r.Facts)
	}
	other.Restart() // CONFIG REWRITE has kept the last order
	if err := other.IsMaster(); err != nil {
		t.Error(err)
	}
}

func TestLinkOrderCutsClientsAndNotUs(t *testing.T) {
	server := procs.Redis(t, procs.Opts{})
	client, err := server.Dial()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Do("PING"); err != nil {
		t.Fatal(err)
	}
	w := watch(t, server.Addr, nil)
	w.ping()
	w.Order(Reconfigure{ID: 1, Valid: always})
	if r := w.expect(ReportOrdered); r.Err != nil {
		t.Fatal(r.Err)
	}
	if _, err := client.Do("PING"); err == nil {
		t.Error("a client's connection has survived the order")
	}
	if r := w.ping(); !r.Valid {
		t.Errorf("got %+v", r)
	}
	w.quiet()
}

func TestLinkRenamedCommands(t *testing.T) {
	master := procs.Redis(t, procs.Opts{})
	names := map[string]string{
		"AUTH": "AUTH-1", "CLIENT": "client-2", "MULTI": "m3", "SLAVEOF": "xyz", "CONFIG": "c5", "EXEC": "e6", "PING": "p7",
	}
	config := []string{"requirepass sesame", "masterauth none"}
	for command, as := range names {
		config = append(config, fmt.Sprintf("rename-command %s %s", command, as))
	}
	server := procs.Redis(t, procs.Opts{Config: config})
	w := watch(t, server.Addr, func(c *linkConfig) {
		c.Pass = "sesame"
		c.Rename = func(command string) string {
			if as, ok := names[command]; ok {
				return as
			}
			return command
		}
	})
	if r := w.ping(); !r.Valid {
		t.Errorf("got %+v", r)
	}
	w.Order(Reconfigure{ID: 1, Target: master.Addr, Valid: always, Probe: true})
	if r := w.expect(ReportOrdered); r.Err != nil {
		t.Fatal(r.Err)
	}
	if r := w.expect(ReportInfo); r.Facts.Role != failover.RoleReplica {
		t.Errorf("got %+v", r.Facts)
	}
}

func TestLinkRenamedByTheServerOnly(t *testing.T) {
	server := procs.Redis(t, procs.Opts{Config: []string{`rename-command CONFIG ""`}})
	w := watch(t, server.Addr, nil)
	w.Order(Reconfigure{ID: 1, Target: state.Addr{Host: "127.0.0.1", Port: 1}, Valid: always})
	w.expect(ReportUp)
	if r := w.expect(ReportOrdered); r.Err != nil {
		t.Errorf("got %v, want a plain SLAVEOF to do", r.Err)
	}
	if r := w.info(InfoReplication); r.Facts.Role != failover.RoleReplica {
		t.Errorf("got %+v", r.Facts)
	}
}

// countingConn counts the writes to a connection.
type countingConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

func TestLinkWritesOnceForTheHandshakeAndAllThatWaits(t *testing.T) {
	server := serveFake(t, asRedis)
	var writes atomic.Int32
	release := make(chan struct{})
	w := watch(t, server.addr, func(c *linkConfig) {
		c.User, c.Pass = "u", "p"
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			<-release
			conn, err := dialTCP(ctx, addr)
			return countingConn{conn, &writes}, err
		}
	})
	w.Send(Request{Ping: true})
	w.Send(Request{Info: InfoReplication})
	w.Order(Reconfigure{ID: 1, Valid: always})
	w.Send(Request{Info: InfoAll})
	w.Send(Request{Info: InfoReplication})
	close(release)
	w.expect(ReportUp)
	w.expect(ReportOrdered)
	w.expect(ReportPong)
	if r := w.expect(ReportInfo); !r.Full {
		t.Errorf("got %+v, want the larger of the two", r)
	}
	want := "AUTH u p|CLIENT SETNAME redis-failover-test|MULTI|SLAVEOF NO ONE|CONFIG REWRITE|" +
		"CLIENT KILL TYPE normal|CLIENT KILL TYPE pubsub|EXEC|PING|INFO"
	if said := strings.Join(server.said(), "|"); said != want {
		t.Errorf("sent %s, want %s", said, want)
	}
	if n := writes.Load(); n != 1 {
		t.Errorf("%d writes, want 1", n)
	}
}

func TestLinkCloseDuringEverything(t *testing.T) {
	server := serveFake(t, asRedis)
	before := runtime.NumGoroutine()
	for range 200 {
		w := watch(t, server.addr, nil)
		var group sync.WaitGroup
		for _, do := range []func(){
			func() { w.Send(Request{Ping: true, Info: InfoAll}) },
			func() { w.Order(Reconfigure{ID: 1, Valid: always, Probe: true}) },
			w.Drop,
			func() { w.Pending() },
			func() { w.Send(Request{Info: InfoReplication}) },
			w.Close,
		} {
			group.Go(do)
		}
		group.Wait()
		w.Send(Request{Ping: true})
		w.Order(Reconfigure{ID: 2, Valid: always})
		w.Drop()
		w.Close()
	}
	procs.Eventually(t, patience, func() error {
		if n := runtime.NumGoroutine(); n > before {
			return fmt.Errorf("%d goroutines, %d before", n, before)
		}
		return nil
	})
}

// TestLinkOrdersAreAllReported drops and sends at random moments: each order has
// to get exactly one report, and each connection one end.
func TestLinkOrdersAreAllReported(t *testing.T) {
	server := serveFake(t, asRedis)
	w := watch(t, server.addr, nil)
	const orders = 2000
	var group sync.WaitGroup
	group.Go(func() {
		for id := range uint64(orders) {
			w.Order(Reconfigure{ID: id, Valid: func() bool { return id%7 != 0 }})
			runtime.Gosched()
		}
	})
	group.Go(func() {
		for range orders / 4 {
			w.Send(Request{Ping: true})
			w.Drop()
			runtime.Gosched()
		}
	})
	seen := map[uint64]int{}
	up := false
	for len(seen) < orders {
		switch r := w.next(); r.Kind {
		case ReportOrdered:
			if seen[r.ID]++; seen[r.ID] > 1 {
				t.Fatalf("order %d was reported twice", r.ID)
			}
		case ReportUp:
			if up {
				t.Fatal("a connection came up before the end of the one before")
			}
			up = true
		case ReportDown:
			up = false
		}
	}
	group.Wait()
}

func TestLinkReportsAnOrderBeforeTheEndOfItsConnection(t *testing.T) {
	server := serveFake(t, asRedis)
	w := watch(t, server.addr, nil)
	w.ping()
	asked, release := make(chan struct{}), make(chan struct{})
	w.Order(Reconfigure{ID: 1, Valid: func() bool {
		close(asked)
		<-release
		return true
	}})
	<-asked
	w.Drop()
	w.Send(Request{Ping: true})
	procs.Holds(t, 20*time.Millisecond, func() error { return pendingIs(w, 0) })
	w.quiet()
	close(release)
	if r := w.expect(ReportOrdered); r.ID != 1 || !errors.Is(r.Err, ErrDroppedLink) || !strings.HasPrefix(r.Err.Error(), "order not sent") {
		t.Errorf("got %+v", r)
	}
	w.expect(ReportDown)
	w.expect(ReportUp)
	w.expect(ReportPong)
	for _, command := range server.said() {
		if command == "MULTI" {
			t.Error("the order of the dropped connection was sent")
		}
	}
}

// BenchmarkPing measures a probe and its report.
func BenchmarkPing(b *testing.B) {
	w := watch(b, procs.Redis(b, procs.Opts{}).Addr, nil)
	w.ping()
	b.ReportAllocs()
	for b.Loop() {
		w.Send(Request{Ping: true})
		<-w.reports
	}
}

// BenchmarkIdleLink measures what a connected link that waits costs.
func BenchmarkIdleLink(b *testing.B) {
	const links = 1000
	server := procs.Redis(b, procs.Opts{})
	var up sync.WaitGroup
	all := make([]*link, links)
	connect := func(i int) {
		up.Add(1)
		all[i] = newLink(linkConfig{
			Addr: server.Addr, Name: "redis-failover-test", Rename: func(c string) string { return c },
			Dial: dialTCP, Resolve: net.DefaultResolver.LookupHost, ConnectTimeout: patience, WriteTimeout: patience,
		}, func(r Report) {
			switch r.Kind {
			case ReportInfo:
				up.Done()
			case ReportDown:
				b.Error(r.Err)
			}
		})
		all[i].Send(Request{Ping: true, Info: InfoAll})
	}
	for b.Loop() {
		before := inUse()
		for i := range all {
			connect(i)
		}
		up.Wait()
		after := inUse()
		b.ReportMetric(float64(after.heap-before.heap)/links, "heap-B/link")
		b.ReportMetric(float64(after.stacks-before.stacks)/links, "stack-B/link")
		b.ReportMetric(float64(runtime.NumGoroutine())/links, "goroutines/link")
		for _, l := range all {
			l.Close()
		}
	}
}

type memory struct{ heap, stacks int64 }

// inUse is what is left after a collection.
func inUse() memory {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{int64(m.HeapAlloc), int64(m.StackInuse)}
}
