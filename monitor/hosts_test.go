package monitor

import (
	"log/slog"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
	"redis-failover/tests/procs"
)

// phoneBook is a monitor without connections, with a document that has a master at
// redis-1 (10.0.0.1), and replicas at redis-2 (10.0.0.2) and 10.0.0.3.
type phoneBook struct {
	*Monitor
	t        *testing.T
	doc      *state.State
	group    *group
	resolver *resolver
	seq      uint64
}

func newPhoneBook(t *testing.T, resolve string) *phoneBook {
	b := &phoneBook{t: t, doc: state.New(), resolver: &resolver{}, group: &group{name: "m", links: map[state.Addr]*link{}}}
	b.Monitor = &Monitor{log: slog.New(slog.DiscardHandler), hosts: newHostBook(b.resolver.resolve)}
	t.Cleanup(b.hosts.close)
	b.apply(state.OpMember{Member: state.Member{ID: "a", Schema: state.SchemaVersion, Alive: true}})
	b.apply(state.OpConfig{Options: []state.Option{{Name: state.ResolveHostnames, Values: []string{resolve}}}})
	b.apply(state.OpMonitor{Name: "m", Addr: at("redis-1"), IP: "10.0.0.1", Quorum: 1, Settings: state.DefaultSettings()})
	b.apply(state.OpObserve{Name: "m", Generation: b.agreed().Generation, Replicas: []state.SeenReplica{
		{Addr: at("redis-2"), IP: "10.0.0.2"}, {Addr: at("10.0.0.3")}}})
	return b
}

func at(host string) state.Addr { return state.Addr{Host: host, Port: 6379} }

func (b *phoneBook) apply(op state.Op) {
	b.t.Helper()
	b.seq++
	var outcome state.Outcome
	b.doc, outcome = state.Apply(b.doc, b.doc.Index+1, state.Mutation{ID: state.MutationID{Member: "a", Seq: b.seq}, Op: op})
	if outcome.Refused() {
		b.t.Fatalf("%+v: %s", op, outcome.Detail)
	}
}

func (b *phoneBook) agreed() *state.Master {
	m, ok := b.doc.Master("m")
	if !ok {
		b.t.Fatal("no master")
	}
	return m
}

func (b *phoneBook) read(f failover.Facts) failover.Facts {
	return b.named(b.group, b.doc, b.agreed(), f)
}

// knows waits until the resolver's answer about a name is there.
func (b *phoneBook) knows(host string) {
	b.t.Helper()
	procs.Eventually(b.t, time.Minute, func() error {
		if len(b.hosts.addrs(host)) == 0 {
			return errNothingYet
		}
		return nil
	})
}

var errNothingYet = constError("the name is not resolved yet")

type constError string

func (e constError) Error() string { return string(e) }

// TestFollowedMaster: whatever a replica calls its master, it is recognised.
func TestFollowedMaster(t *testing.T) {
	b := newPhoneBook(t, "yes")
	b.resolver.set(0, nil, "10.0.0.1")
	b.knows("alias")
	for said, want := range map[string]string{
		"redis-1": "redis-1", "10.0.0.1": "redis-1", "alias": "redis-1", "10.0.0.2": "redis-2", "10.0.0.3": "10.0.0.3", "10.0.0.9": "10.0.0.9",
	} {
		f := b.read(failover.Facts{Role: failover.RoleReplica, MasterHost: said, MasterPort: 6379})
		wantSaid := said
		if want == said {
			wantSaid = ""
		}
		if f.MasterHost != want || f.MasterSaid != wantSaid {
			t.Errorf("%s is taken for %s (said %q), want %s", said, f.MasterHost, f.MasterSaid, want)
		}
		if f := b.read(failover.Facts{Role: failover.RoleReplica, MasterHost: said, MasterPort: 7}); f.MasterHost != said || f.MasterSaid != "" {
			t.Errorf("%s with another port is taken for %s", said, f.MasterHost)
		}
	}
	if f := b.read(failover.Facts{Role: failover.RoleReplica}); f.MasterHost != "" {
		t.Errorf("nothing said, and taken for %s", f.MasterHost)
	}
}

// TestListedReplicas: servers that are known keep their spelling; a new name comes
// with its address, once that is known.
func TestListedReplicas(t *testing.T) {
	b := newPhoneBook(t, "yes")
	b.resolver.set(time.Hour, nil)
	listed := []state.Addr{at("10.0.0.2"), at("redis-2"), at("10.0.0.3"), at("redis-5"), at("10.0.0.6")}
	f := b.read(failover.Facts{Role: failover.RoleMaster, Replicas: listed})
	if want := []state.Addr{at("redis-2"), at("10.0.0.3"), at("10.0.0.6")}; !reflect.DeepEqual(f.Replicas, want) || f.IPs != nil {
		t.Errorf("while a name is not resolved: %v with %v, want %v", f.Replicas, f.IPs, want)
	}
	b = newPhoneBook(t, "yes")
	b.resolver.set(0, nil, "10.0.0.5", "::5")
	b.knows("redis-5")
	f = b.read(failover.Facts{Role: failover.RoleMaster, Replicas: listed})
	if want := []state.Addr{at("redis-2"), at("10.0.0.3"), at("redis-5"), at("10.0.0.6")}; !reflect.DeepEqual(f.Replicas, want) {
		t.Errorf("listed %v, want %v", f.Replicas, want)
	}
	if want := []state.AddrIP{{Addr: at("redis-5"), IP: "10.0.0.5"}}; !reflect.DeepEqual(f.IPs, want) {
		t.Errorf("names %v, want %v", f.IPs, want)
	}
	if listed[0] != at("10.0.0.2") {
		t.Error("the reply itself was changed")
	}
}

// TestToldTarget: servers are told the address at which this node reaches the master,
// whatever its name stood for when the document last heard of it.
func TestToldTarget(t *testing.T) {
	b := newPhoneBook(t, "yes")
	b.group.agreed = b.agreed()
	told := func(a state.Addr, want string) {
		t.Helper()
		if got := b.group.told(b.doc, a); got.Host != want || got.Port != a.Port {
			t.Errorf("%s is told as %s, want %s", a, got, want)
		}
	}
	told(at("redis-1"), "10.0.0.1")
	conn, other := net.Pipe()
	t.Cleanup(func() { conn.Close(); other.Close() })
	l := newLink(linkConfig{Addr: at("redis-1"), Resolve: b.resolver.resolve}, func(Report) {})
	l.names.good("10.0.0.7")
	l.session = &session{link: l, conn: conn}
	b.group.links[at("redis-1")] = l
	told(at("redis-1"), "10.0.0.7")
	told(at("redis-2"), "10.0.0.2")
	told(at("10.0.0.3"), "10.0.0.3")
	told(state.Addr{}, "")
	b.apply(state.OpConfig{Options: []state.Option{{Name: state.AnnounceHostnames, Values: []string{"yes"}}}})
	told(at("redis-1"), "redis-1")
}

// TestNamesAreNotResolved: with resolve-hostnames no, names that servers make up are
// neither resolved nor watched, and known ones are recognised all the same.
func TestNamesAreNotResolved(t *testing.T) {
	b := newPhoneBook(t, "no")
	f := b.read(failover.Facts{Role: failover.RoleMaster, Replicas: []state.Addr{at("redis-2"), at("redis-5"), at("10.0.0.2")}})
	if want := []state.Addr{at("redis-2")}; !reflect.DeepEqual(f.Replicas, want) {
		t.Errorf("listed %v, want %v", f.Replicas, want)
	}
	if len(b.hosts.hosts) > 0 {
		t.Errorf("the resolver was asked for %v", b.hosts.hosts)
	}
}

// TestUnwatched: replicas that are not watched because of their names are spoken of,
// once; one that the resolver was just asked for is given a moment.
func TestUnwatched(t *testing.T) {
	listed := failover.Facts{Role: failover.RoleMaster, Replicas: []state.Addr{at("redis-5"), at("10.0.0.3")}}
	for resolve, want := range map[string][]bool{"no": {true, false, false}, "yes": {false, true, false}} {
		b := newPhoneBook(t, resolve)
		b.resolver.set(time.Hour, nil)
		var text strings.Builder
		b.Monitor.log = slog.New(slog.NewTextHandler(&text, nil))
		for i, said := range want {
			text.Reset()
			b.read(listed)
			if got := strings.Contains(text.String(), "redis-5:6379"); got != said {
				t.Errorf("resolve-hostnames %s, look %d: logged %q", resolve, i+1, text.String())
			}
		}
		b.read(failover.Facts{Role: failover.RoleMaster, Replicas: []state.Addr{at("10.0.0.9")}})
		b.read(listed)
		text.Reset()
		b.read(listed)
		if again := strings.Contains(text.String(), "redis-5:6379"); again != (resolve == "yes") {
			t.Errorf("resolve-hostnames %s, after all was well: logged %q", resolve, text.String())
		}
	}
}

// TestHostBookIsBounded: servers that list new names all the time fill no memory.
func TestHostBookIsBounded(t *testing.T) {
	b := newHostBook((&resolver{}).resolve)
	t.Cleanup(b.close)
	name := []byte("redis-0000")
	for i := range 2 * maxHosts {
		for k, n := len(name)-1, i; k >= len(name)-4; k, n = k-1, n/10 {
			name[k] = byte('0' + n%10)
		}
		b.addrs(string(name))
		if len(b.hosts) > maxHosts {
			t.Fatalf("%d names are remembered", len(b.hosts))
		}
	}
}
