package procs

import (
	"fmt"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

func TestFabric(t *testing.T) {
	f := NewFabric(t)
	g := Group(t, 1, Opts{Network: f.Network, Config: []string{"repl-timeout 2", "repl-ping-replica-period 1"}})
	master, replica := g.Master, g.Replicas[0]
	c := master.Connect()
	there, back := Way{From: f.IP, To: master.Host.IP}, Way{From: master.Host.IP, To: f.IP}

	for _, way := range []Way{there, back} {
		f.Lay(map[Way]Quality{way: {Cut: true}})
		if err := silent(master, c); err != nil {
			t.Errorf("cut from %s to %s: %v", way.From, way.To, err)
		}
		if err := replica.Follows(master.Addr); err != nil {
			t.Errorf("the other ways are cut too: %v", err)
		}
		f.Lay(nil)
		Eventually(t, 20*time.Second, func() error { _, err := master.Do("PING"); return err })
		c = master.Connect()
	}

	const delay = 40 * time.Millisecond
	f.Lay(map[Way]Quality{there: {Delay: delay}, back: {Delay: delay, Jitter: delay}})
	begin := time.Now()
	if _, err := c.Do("PING"); err != nil {
		t.Errorf("with a delay: %v", err)
	}
	if took := time.Since(begin); took < 2*delay {
		t.Errorf("an answer came after %v, with %v each way", took, delay)
	}

	f.Lay(map[Way]Quality{there: {Loss: 0.1}, back: {Loss: 0.1}})
	for range 5 {
		Eventually(t, 30*time.Second, func() error { _, err := master.Do("PING"); return err })
	}
	f.Lay(map[Way]Quality{there: {Loss: 1}})
	if _, err := redis.Dial("tcp", master.Addr.String(), redis.DialConnectTimeout(short)); err == nil {
		t.Error("with everything lost, a connection comes about")
	}
}

func TestFabricIsRemoved(t *testing.T) {
	var base, subnet string
	t.Run("with a host", func(t *testing.T) {
		f := NewFabric(t)
		f.Host()
		base, subnet = f.base, f.subnet
		if left := leftovers(t, base); len(left) < 3 {
			t.Fatalf("only %q carry the name of the fabric", left)
		}
	})
	if base == "" {
		Unavailable(t, "no fabric on this machine")
	}
	if left := append(leftovers(t, base), leftovers(t, subnet)...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func BenchmarkFabric(b *testing.B) {
	f := NewFabric(b)
	c := Redis(b, Opts{Network: f.Network}).Connect()
	for b.Loop() {
		if _, err := c.Do("PING"); err != nil {
			b.Fatal(fmt.Errorf("PING: %w", err))
		}
	}
}
