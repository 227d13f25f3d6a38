package procs

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// short is the patience of the calls that are expected to get no answer.
const short = 300 * time.Millisecond

// silent returns nil if neither a new connection nor an established one gets
// anything from the server: no answer, and no error that tells of the cut.
func silent(s *Server, established redis.Conn) error {
	_, err := redis.Dial("tcp", s.Addr.String(), redis.DialConnectTimeout(short))
	if !os.IsTimeout(err) {
		return fmt.Errorf("dialling: %v, want a time-out", err)
	}
	if _, err := redis.DoWithTimeout(established, short, "INCR", "counter"); !os.IsTimeout(err) {
		return fmt.Errorf("a call on an established connection: %v, want a time-out", err)
	}
	return nil
}

func TestCut(t *testing.T) {
	g := Group(t, 1, Opts{Network: NewNetwork(t), Config: []string{"repl-timeout 2", "repl-ping-replica-period 1"}})
	master, replica := g.Master, g.Replicas[0]
	c := master.Connect()

	master.Host.Cut()
	if err := silent(master, c); err != nil {
		t.Errorf("cut: %v", err)
	}
	if got := replica.Must("PING"); got != "PONG" {
		t.Errorf("the other host is cut off too: %v", got)
	}
	Eventually(t, 20*time.Second, func() error {
		if replica.Follows(master.Addr) == nil {
			return fmt.Errorf("the replica still reaches the master")
		}
		return nil
	})

	master.Host.Heal()
	if got := master.Must("PING"); got != "PONG" {
		t.Errorf("healed: %v", got)
	}
	Eventually(t, 20*time.Second, func() error { return replica.Follows(master.Addr) })
}

func TestCutFrom(t *testing.T) {
	network := NewNetwork(t)
	g := Group(t, 1, Opts{Network: network})
	master, replica := g.Master, g.Replicas[0]
	c := master.Connect()

	master.Host.CutFrom(network.IP)
	if err := silent(master, c); err != nil {
		t.Errorf("cut from the test: %v", err)
	}
	// What was sent on the established connection must not have arrived, and
	// the two servers must still see each other.
	for range 3 {
		if err := replica.Follows(master.Addr); err != nil {
			t.Error(err)
		}
	}
	if got, err := redis.String(replica.Do("GET", "counter")); err != redis.ErrNil {
		t.Errorf("a command passed the cut: counter is %q, %v", got, err)
	}
	master.Host.Heal()
	if got := master.Must("PING"); got != "PONG" {
		t.Errorf("healed: %v", got)
	}

	master.Host.CutFrom(replica.Host.IP)
	if got := master.Must("PING"); got != "PONG" {
		t.Errorf("cut from the replica only, but the test: %v", got)
	}
}

// One way only: what the others send still arrives, what they are answered does
// not.
func TestMute(t *testing.T) {
	network := NewNetwork(t)
	s := Redis(t, Opts{Network: network})
	c, witness := s.Connect(), Redis(t, Opts{Network: network, ReplicaOf: s.Addr})
	Eventually(t, 20*time.Second, func() error { return witness.Follows(s.Addr) })

	s.Host.Mute(network.IP)
	if _, err := redis.DoWithTimeout(c, short, "INCR", "counter"); !os.IsTimeout(err) {
		t.Errorf("a call on an established connection: %v, want a time-out", err)
	}
	Eventually(t, 20*time.Second, func() error {
		if got, err := redis.Int(witness.Do("GET", "counter")); got != 1 {
			return fmt.Errorf("the command did not arrive: counter is %d, %v", got, err)
		}
		return nil
	})

	s.Host.Heal()
	if got := s.Must("PING"); got != "PONG" {
		t.Errorf("healed: %v", got)
	}
}

func TestHostIsShared(t *testing.T) {
	host := NewNetwork(t).Host()
	a, b := Redis(t, Opts{Host: host}), Redis(t, Opts{Host: host})
	if a.Addr.Host != host.IP || b.Addr.Host != host.IP || a.Addr == b.Addr {
		t.Errorf("two servers on the host %s are at %v and %v", host.IP, a.Addr, b.Addr)
	}
	pid := a.Pid()
	a.Restart()
	if a.Pid() == pid || a.Addr.Host != host.IP {
		t.Errorf("restarted at %v as %d", a.Addr, a.Pid())
	}
}

// leftovers lists what carries a name with that beginning.
func leftovers(t *testing.T, begin string) []string {
	t.Helper()
	var found []string
	for _, argv := range [][]string{{"ip", "-o", "link"}, {"ip", "netns"}, {"ip", "route"}} {
		out, err := output(argv...)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			if strings.Contains(line, begin) {
				found = append(found, strings.TrimSpace(line))
			}
		}
	}
	return found
}

func TestNetworkIsRemoved(t *testing.T) {
	var base, subnet string
	t.Run("with a server", func(t *testing.T) {
		n := NewNetwork(t)
		base, subnet = n.base, n.subnet
		Redis(t, Opts{Network: n})
		if len(leftovers(t, base)) == 0 || len(leftovers(t, subnet)) == 0 {
			t.Fatal("nothing carries the names of the network")
		}
	})
	if base == "" {
		Unavailable(t, "no network on this machine")
	}
	if left := append(leftovers(t, base), leftovers(t, subnet)...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestSweep(t *testing.T) {
	live := NewNetwork(t)
	live.Host()
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	pid := fmt.Sprint(dead.Process.Pid)
	base, subnet := "rf"+pid+"-0", "10.255.254.0/24"
	err := steps(
		[]string{"ip", "netns", "add", base + "hub"},
		[]string{"ip", "netns", "add", base + "h2"},
		[]string{"ip", "link", "add", base, "type", "veth", "peer", "name", "tests", "netns", base + "hub"},
		[]string{"ip", "route", "add", "blackhole", subnet, "proto", routeProtocol, "metric", pid},
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := sweep(); err != nil {
		t.Fatal(err)
	}
	if left := append(leftovers(t, base), leftovers(t, subnet)...); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if len(leftovers(t, live.base)) < 3 || len(leftovers(t, live.subnet)) == 0 {
		t.Errorf("a living network was swept away; left are %q", leftovers(t, live.base))
	}
}

func TestOrphan(t *testing.T) {
	own := fmt.Sprint(os.Getpid())
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	gone := fmt.Sprint(dead.Process.Pid)
	tests := []struct {
		name string
		want bool
	}{
		{"rf" + gone + "-0", true},
		{"rf" + gone + "-12hub", true},
		{"rf" + gone + "-0h17", true},
		{"rf" + own + "-0hub", false},
		{"rf" + gone, false},
		{"xrf" + gone + "-0", false},
		{"rf" + gone + "-0hubs", false},
		{"eth0", false},
		{"", false},
	}
	for _, test := range tests {
		if got := orphan(test.name); got != test.want {
			t.Errorf("orphan(%q) = %v, want %v", test.name, got, test.want)
		}
	}
}
