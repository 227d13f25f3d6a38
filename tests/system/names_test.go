package system

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// byName is a server's address with its host's name. That name stands for the
// address which all servers of these tests listen on.
func byName(s *procs.Server) state.Addr { return state.Addr{Host: "localhost", Port: s.Addr.Port} }

// playNames sets a scene in which everybody is known by name. It begins with
// nothing watched.
func playNames(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, RedisGroup: procs.Group(t, 2, procs.Opts{Config: []string{"replica-announce-ip localhost"}})}
	if s.Master.Addr.Host != "127.0.0.1" {
		t.Fatalf("the servers are at %s, and this test calls them localhost", s.Master.Addr.Host)
	}
	s.node = procs.Failover(t)
	s.events = procs.Subscribe(t, s.node.Server, "*")
	return s
}

// monitor begins to watch the group by name, and waits until the node has seen
// everybody well and shows all hosts as want.
func (s *scene) monitor(want string) {
	s.t.Helper()
	s.node.Must("SENTINEL", "MONITOR", group, "localhost", s.Master.Addr.Port, 1)
	s.node.Must("SENTINEL", "SET", group, "down-after-milliseconds", downAfter.Milliseconds())
	procs.Eventually(s.t, patience, func() error { return s.showsHosts(want, s.Master, s.Replicas...) })
}

// showsHosts returns nil if all servers are shown with that host and well, and
// there are no others.
func (s *scene) showsHosts(host string, master *procs.Server, replicas ...*procs.Server) error {
	if err := s.node.NamesMaster(group, state.Addr{Host: host, Port: master.Addr.Port}); err != nil {
		return err
	}
	m, err := masterEntry(s.node, group)
	if err != nil {
		return err
	}
	if m["ip"] != host || m["flags"] != "master" || m["num-slaves"] != fmt.Sprint(len(replicas)) {
		return fmt.Errorf("the master is shown at %s, with flags %q and %s replicas", m["ip"], m["flags"], m["num-slaves"])
	}
	rows, err := replicaEntries(s.node, group)
	if err != nil {
		return err
	}
	for _, r := range replicas {
		row := rows[state.Addr{Host: host, Port: r.Addr.Port}.String()]
		if row["ip"] != host || row["flags"] != "slave" || row["master-link-status"] != "ok" {
			return fmt.Errorf("replica %d is shown as %v", r.Addr.Port, row)
		}
	}
	return nil
}

func (s *scene) config(words ...any) {
	s.t.Helper()
	s.node.Must("SENTINEL", append([]any{"CONFIG", "SET"}, words...)...)
}

// What Sentinel's own test of host names asserts: they are shown, or what they
// stand for, as announce-hostnames says, and from one call to the next.
func TestHostNamesAreShown(t *testing.T) {
	t.Parallel()
	s := playNames(t)
	s.checkRefused("ERR Invalid IP address or hostname specified", "SENTINEL", "MONITOR", group, "localhost", s.Master.Addr.Port, 1)
	s.config("resolve-hostnames", "yes", "announce-hostnames", "yes")
	s.checkRefused("ERR Invalid IP address or hostname specified", "SENTINEL", "MONITOR", group, "no-such-host.invalid", s.Master.Addr.Port, 1)
	s.monitor("localhost")
	s.await("+monitor", state.MasterDetails(group, byName(s.Master))+" quorum 1")

	s.config("announce-hostnames", "no")
	if err := s.showsHosts("127.0.0.1", s.Master, s.Replicas...); err != nil {
		t.Errorf("right after announce-hostnames no: %v", err)
	}
	// Names that are known stay known, whatever the settings are later.
	s.config("resolve-hostnames", "no")
	for _, r := range s.Servers() {
		r.Must("CONFIG", "SET", "replica-announce-ip", "127.0.0.1")
	}
	s.Master.Kill()
	s.Master.Restart()
	s.agreeOnNames("127.0.0.1")
}

// agreeOnNames waits until a master is shown at host, says that it is one, and the
// others follow it, and everybody is shown once.
func (s *scene) agreeOnNames(host string) *procs.Server {
	s.t.Helper()
	var master *procs.Server
	procs.Eventually(s.t, patience, func() error {
		addr, err := s.node.MasterAddr(group)
		if err != nil {
			return err
		}
		for _, server := range s.Servers() {
			if server.Addr.Port == addr.Port {
				master = server
			}
		}
		if err := master.IsMaster(); err != nil {
			return err
		}
		return s.showsHosts(host, master, s.others(master)...)
	})
	return master
}

// A failover in which everybody has a name, and one in which the names are known
// and addresses are told: events, orders and answers speak the same language.
func TestFailoverOfNames(t *testing.T) {
	for announce, host := range map[string]string{"yes": "localhost", "no": "127.0.0.1"} {
		t.Run("announce-hostnames="+announce, func(t *testing.T) {
			t.Parallel()
			s := playNames(t)
			s.config("resolve-hostnames", "yes", "announce-hostnames", announce)
			s.monitor(host)
			s.Master.Kill()
			old := state.Addr{Host: host, Port: s.Master.Addr.Port}
			m := s.events.AwaitChannel(patience, state.EventSwitch)
			promoted := s.agreeAfter(m, old)
			replica := s.others(s.Master, promoted)[0]
			now := state.Addr{Host: host, Port: promoted.Addr.Port}
			procs.Eventually(t, patience, func() error { return replica.Follows(now) })
			s.await("+slave-reconf-done", state.ReplicaDetails(state.Addr{Host: host, Port: replica.Addr.Port}, group, now))

			s.Master.Restart()
			procs.Eventually(t, patience, func() error { return s.Master.Follows(now) })
			if master := s.agreeOnNames(host); master != promoted {
				t.Errorf("%s is the master, not %s", master.Addr, promoted.Addr)
			}
			s.refuteEvents("+fix-slave-config")
			if n := s.count(state.EventSwitch); n != 1 {
				t.Errorf("%d switches; events:\n%s", n, s.events)
			}
		})
	}
}

// agreeAfter returns the server that a +switch-master leads to, and checks the
// addresses in it.
func (s *scene) agreeAfter(m procs.Message, old state.Addr) *procs.Server {
	s.t.Helper()
	for _, r := range s.Replicas {
		want := fmt.Sprintf("%s %s %d %s %d", group, old.Host, old.Port, old.Host, r.Addr.Port)
		if m.Payload == want {
			return r
		}
	}
	s.t.Fatalf("+switch-master %s leads from %s to none of the replicas", m.Payload, old)
	return nil
}

// The configuration file may name hosts, and seeds what holds for all nodes; what
// was changed by command later wins, which is said once, by name.
func TestSettingsOfAllInTheFile(t *testing.T) {
	t.Parallel()
	master := procs.Redis(t, procs.Opts{})
	file := writeConf(t, []string{
		"sentinel resolve-hostnames yes", "sentinel announce-hostnames yes", "sentinel sentinel-pass " + secret,
		fmt.Sprintf("sentinel monitor %s localhost %d 1", group, master.Addr.Port),
	})
	node := procs.Failover(t, file)
	procs.Eventually(t, patience, func() error { return node.NamesMaster(group, byName(master)) })
	wantConfig(t, node, map[string]string{"resolve-hostnames": "yes", "announce-hostnames": "yes", "sentinel-user": "", "sentinel-pass": secret})

	node.Must("SENTINEL", "CONFIG", "SET", "announce-hostnames", "no", "sentinel-pass", "", "loglevel", "debug", "announce-port", 7)
	node.Restart()
	procs.Eventually(t, patience, func() error { return node.NamesMaster(group, master.Addr) })
	wantConfig(t, node, map[string]string{
		"announce-hostnames": "no", "sentinel-pass": "", // saved
		"loglevel": "notice", "announce-port": "0", // of the process that is gone
	})
	node.AwaitLog(patience, `differs="announce-hostnames sentinel-pass"`)
	(&scene{t: t, node: node, events: procs.Subscribe(t, node.Server, "*")}).checkSecrets()
}

func wantConfig(t *testing.T, node *procs.Node, want map[string]string) {
	t.Helper()
	got, err := redis.StringMap(node.Do("SENTINEL", "CONFIG", "GET", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %q, not %q", name, got[name], value)
		}
	}
}

// The five levels of Redis go round trip, and hold at once.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	node := procs.Failover(t)
	for _, level := range []string{"debug", "verbose", "notice", "warning", "nothing", "debug"} {
		node.Must("SENTINEL", "CONFIG", "SET", "loglevel", level)
		wantConfig(t, node, map[string]string{"loglevel": level})
	}
	node.Must("SENTINEL", "CONFIG", "SET", "loglevel", "warning")
	node.Must("SENTINEL", "MONITOR", "quiet", "127.0.0.1", 1, 1)
	// Its +sdown comes after all that is said of it at first.
	events := procs.Subscribe(t, node.Server, "+sdown")
	node.Must("SENTINEL", "SET", "quiet", "down-after-milliseconds", 1)
	events.AwaitChannel(patience, "+sdown")
	node.Must("SENTINEL", "CONFIG", "SET", "loglevel", "notice")
	node.Must("SENTINEL", "MONITOR", "loud", "127.0.0.1", 2, 1)
	node.AwaitLog(patience, "msg=watching master=loud")
	if log := node.Log(); strings.Contains(log, "msg=watching master=quiet") {
		t.Error("a line of the level notice was logged while the level was warning")
	}
}
