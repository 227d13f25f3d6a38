package procs

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

func TestRedisLives(t *testing.T) {
	s := Redis(t, Opts{Config: []string{"replica-priority 7"}})
	if got, _ := redis.Strings(s.Do("CONFIG", "GET", "replica-priority")); len(got) != 2 || got[1] != "7" {
		t.Errorf("a line of Config has no effect: %q", got)
	}
	s.Must("CONFIG", "SET", "replica-priority", "8")
	s.Must("CONFIG", "REWRITE")
	addr, pid := s.Addr, s.Pid()

	s.Kill()
	s.Kill()
	if s.Running() {
		t.Error("it runs after Kill")
	}
	if _, err := s.Do("PING"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("PING of a killed server: %v, want a refused connection", err)
	}

	s.Restart()
	if s.Addr != addr || s.Pid() == pid {
		t.Errorf("restarted at %v as process %d; it was at %v as %d", s.Addr, s.Pid(), addr, pid)
	}
	if got, _ := redis.Strings(s.Do("CONFIG", "GET", "replica-priority")); len(got) != 2 || got[1] != "8" {
		t.Errorf("CONFIG REWRITE did not survive the restart: %q", got)
	}
	if err := s.IsMaster(); err != nil {
		t.Error(err)
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("exit code %d after SIGTERM", code)
	}
	if !strings.Contains(s.Log(), "User requested shutdown") {
		t.Errorf("the log lacks the shutdown:\n%s", s.Log())
	}
}

func TestFreeze(t *testing.T) {
	s := Redis(t, Opts{})
	s.Freeze()
	if _, err := s.Do("PING"); !os.IsTimeout(err) {
		t.Errorf("PING of a frozen server: %v, want a time-out", err)
	}
	if !s.Running() {
		t.Error("a frozen server counts as ended")
	}
	s.Thaw()
	if got := s.Must("PING"); got != "PONG" {
		t.Errorf("PING after Thaw: %v", got)
	}
	s.Freeze() // the cleanup has to cope with it
}

func TestGroup(t *testing.T) {
	tests := []struct {
		name string
		opts Opts
	}{
		{"plain", Opts{}},
		{"password", Opts{Password: `p "w' #1`}},
		{"ACL user", Opts{User: "app", Password: "secret"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := Group(t, 2, test.opts)
			for _, r := range g.Replicas {
				if err := r.Follows(g.Master.Addr); err != nil {
					t.Error(err)
				}
				if r.IsMaster() == nil {
					t.Errorf("the replica %v counts as a master", r.Addr)
				}
				if g.At(r.Addr) != r {
					t.Errorf("At(%v) is another server", r.Addr)
				}
			}
			if g.Master.Follows(g.Replicas[0].Addr) == nil {
				t.Error("the master counts as a replica")
			}
			if test.opts.Password == "" {
				return
			}
			c, err := redis.Dial("tcp", g.Master.Addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Do("PING"); err == nil || !strings.HasPrefix(err.Error(), "NOAUTH") {
				t.Errorf("PING without the password: %v, want NOAUTH", err)
			}
		})
	}
}

func TestReplicaComesBack(t *testing.T) {
	g := Group(t, 1, Opts{})
	r := g.Replicas[0]
	r.Kill()
	r.Restart()
	Eventually(t, 10*time.Second, func() error { return r.Follows(g.Master.Addr) })

	late := Redis(t, Opts{ReplicaOf: g.Master.Addr})
	Eventually(t, 10*time.Second, func() error { return late.Follows(g.Master.Addr) })
}

func TestStrangerIsNotTaken(t *testing.T) {
	s := Redis(t, Opts{})
	if err := s.ready(s.Pid()); err != nil {
		t.Errorf("not ready: %v", err)
	}
	if err := s.ready(s.Pid() + 1); err == nil || !strings.Contains(err.Error(), fmt.Sprint(s.Pid())) {
		t.Errorf("another process at the port counts as ready: %v", err)
	}
}

func TestSentinel(t *testing.T) {
	g := Group(t, 1, Opts{})
	s := Sentinel(t, SentinelOpts{Conf: fmt.Sprintf("sentinel monitor mymaster %s %d 1\n", g.Master.Addr.Host, g.Master.Addr.Port)})
	if err := s.NamesMaster("mymaster", g.Master.Addr); err != nil {
		t.Error(err)
	}
	if err := s.NamesMaster("mymaster", g.Replicas[0].Addr); err == nil {
		t.Error("a replica passes as the master")
	}
	if got, err := s.MasterAddr("nobody"); err != nil || !got.IsZero() {
		t.Errorf("address of an unknown master: %v, %v; want none", got, err)
	}
	s.Restart()
	if err := s.NamesMaster("mymaster", g.Master.Addr); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestSubscribe(t *testing.T) {
	s := Redis(t, Opts{})
	r := Subscribe(t, s, "+news", "s*")
	begin := time.Now()
	s.Must("PUBLISH", "+news", "first")
	s.Must("PUBLISH", "other", "unheard")
	s.Must("PUBLISH", "sport", "second")

	m := r.Await(5*time.Second, func(m Message) bool { return m.Payload == "second" })
	if m.Channel != "sport" || m.Pattern != "s*" {
		t.Errorf("got %+v", m)
	}
	if m.At.Before(begin) || m.At.After(time.Now()) {
		t.Errorf("received at %v, which is not between %v and now", m.At, begin)
	}
	if m := r.AwaitChannel(5*time.Second, "+news"); m.Payload != "first" || m.Pattern != "" {
		t.Errorf("got %+v", m)
	}
	if got := r.Messages(); len(got) != 2 {
		t.Errorf("received %d messages, want 2:\n%s", len(got), r)
	}
	if _, err := r.find(time.After(time.Millisecond), func(Message) bool { return false }); err == nil {
		t.Error("a message was found that never came")
	}

	if r.Err() != nil {
		t.Errorf("the connection ended: %v", r.Err())
	}
	s.Kill()
	if _, err := r.find(time.After(time.Minute), func(Message) bool { return false }); err == nil || r.Err() == nil {
		t.Errorf("the connection of a killed server stands: %v, %v", err, r.Err())
	}
}

func TestSentinels(t *testing.T) {
	g := Group(t, 1, Opts{})
	all := Sentinels(t, 3, SentinelOpts{
		Conf: fmt.Sprintf("sentinel monitor mymaster %s %d 2\n", g.Master.Addr.Host, g.Master.Addr.Port),
	})
	for _, s := range all {
		if err := s.Sees("other", g.Master.Addr, 1, 2); err == nil {
			t.Error("it sees a group that it was not told of")
		}
		Eventually(t, time.Minute, func() error { return s.Sees("mymaster", g.Master.Addr, 1, 2) })
	}
}
