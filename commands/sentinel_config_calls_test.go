package commands

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

const configVerbs = Error("ERR Only SENTINEL CONFIG GET <param> [<param> <param> ...] / SET <param> <value> [<param> <value> ...] are supported.")

// pairs makes a map of names and values in turn.
func pairs(words ...string) Map {
	m := Map{}
	for i := 0; i < len(words); i += 2 {
		m = append(m, Pair{words[i], Bulk(words[i+1])})
	}
	return m
}

func TestConfigGet(t *testing.T) {
	arity := Error("ERR wrong number of arguments for 'sentinel|config' command")
	runCalls(t, []call{
		{"SENTINEL CONFIG GET *", pairs("resolve-hostnames", "no", "announce-hostnames", "no", "announce-ip", "", "announce-port", "0",
			"sentinel-user", "", "sentinel-pass", "", "loglevel", "notice")},
		{"sentinel config get LOGLEVEL", pairs("loglevel", "notice")},
		{"SENTINEL CONFIG GET sent*", pairs("sentinel-user", "", "sentinel-pass", "")},
		{"SENTINEL CONFIG GET loglevel *HOSTnames log* loglevel", pairs("loglevel", "notice", "resolve-hostnames", "no", "announce-hostnames", "no")},
		{"SENTINEL CONFIG GET announce-[ip]?", pairs("announce-ip", "")},
		{"SENTINEL CONFIG GET foo", Map{}},
		{"SENTINEL CONFIG", arity}, {"SENTINEL CONFIG GET", arity}, {"SENTINEL CONFIG SET", arity},
		{"SENTINEL CONFIG SET loglevel", configVerbs}, {"SENTINEL CONFIG FOO bar", configVerbs}, {"SENTINEL CONFIG REWRITE x y", configVerbs},
	})
}

func TestConfigSet(t *testing.T) {
	b := newBench(t)
	b.apply(state.OpMember{Member: state.Member{ID: other, Addr: addr("127.0.0.1:26380"), Alive: true}})
	b.want(OK, "SENTINEL", "config", "set", "Resolve-Hostnames", "YES", "sentinel-pass", "p w", "sentinel-user", "u", "loglevel", "Debug", "announce-ip", "10.0.0.9", "announce-port", "7")
	b.want(pairs("resolve-hostnames", "yes", "announce-hostnames", "no", "announce-ip", "10.0.0.9", "announce-port", "7",
		"sentinel-user", "u", "sentinel-pass", "p w", "loglevel", "debug"), "SENTINEL", "CONFIG", "GET", "*")
	if m, _ := b.broker.now.Member(self); m.Addr != addr("10.0.0.9:7") {
		t.Errorf("the node is announced as %s", m.Addr)
	}
	b.want(OK, "SENTINEL", "CONFIG", "SET", "announce-ip", "", "sentinel-pass", "")
	if m, _ := b.broker.now.Member(self); m.Addr != addr("127.0.0.1:7") {
		t.Errorf("without announce-ip the node is announced as %s", m.Addr)
	}
	b.want(OK, "SENTINEL", "CONFIG", "SET", "announce-ip", "node-1.example")
	b.want(pairs("announce-ip", "node-1.example", "announce-port", "7", "sentinel-pass", ""), "SENTINEL", "CONFIG", "GET", "announce-ip", "announce-port", "sentinel-pass")
}

const other = state.MemberID("dddddddddddddddddddddddddddddddddddddddd")

// want runs a command and compares its reply.
func (b *bench) want(want Reply, words ...string) {
	b.t.Helper()
	if got := b.do(words...); !reflect.DeepEqual(got, want) {
		b.t.Errorf("%s: %v, want %v", strings.Join(words, " "), got, want)
	}
}

// TestConfigSetRefused: whatever is wrong, nothing is changed.
func TestConfigSetRefused(t *testing.T) {
	invalid := func(value, name string) Error {
		return Error(fmt.Sprintf("ERR Invalid value '%s' to SENTINEL CONFIG SET '%s'", value, name))
	}
	for _, c := range []struct {
		words string
		want  Reply
	}{
		{"foo bar", Error("ERR Invalid argument 'foo' to SENTINEL CONFIG SET")},
		{"loglevel debug Foo bar", Error("ERR Invalid argument 'Foo' to SENTINEL CONFIG SET")},
		{"loglevel debug quorum 2", Error("ERR Invalid argument 'quorum' to SENTINEL CONFIG SET")},
		{"loglevel debug LogLevel notice", Error("ERR Duplicate argument 'LogLevel' to SENTINEL CONFIG SET")},
		{"loglevel debug announce-ip", Error("ERR Missing argument 'announce-ip' value")},
		{"loglevel debug loglevel", Error("ERR Duplicate argument 'loglevel' to SENTINEL CONFIG SET")},
		{"announce-port 7 loglevel info", invalid("info", "loglevel")},
		{"loglevel debug announce-port 65536", invalid("65536", "announce-port")},
		{"loglevel debug announce-port -1", invalid("-1", "announce-port")},
		{"loglevel debug announce-port x", invalid("x", "announce-port")},
		{"loglevel debug announce-ip a,b", invalid("a,b", "announce-ip")},
		{"loglevel debug Resolve-Hostnames maybe", invalid("maybe", "Resolve-Hostnames")},
		{"sentinel-user u announce-hostnames 1", invalid("1", "announce-hostnames")},
		{"loglevel debug sentinel-pass a\nb", Error("ERR Invalid argument at index 6 for SENTINEL CONFIG: control characters are not allowed")},
		{"announce-ip 10.0.0.9\x7f loglevel debug", Error("ERR Invalid argument at index 4 for SENTINEL CONFIG: control characters are not allowed")},
	} {
		b := newBench(t)
		b.want(c.want, append([]string{"SENTINEL", "CONFIG", "SET"}, strings.Split(c.words, " ")...)...)
		b.wantDefaults()
	}
}

func (b *bench) wantDefaults() {
	b.t.Helper()
	b.want(pairs("resolve-hostnames", "no", "announce-hostnames", "no", "announce-ip", "", "announce-port", "0",
		"sentinel-user", "", "sentinel-pass", "", "loglevel", "notice"), "SENTINEL", "CONFIG", "GET", "*")
}

// TestConfigSetNeedsTheOthers: what holds for all is not taken without them, and
// then nothing else of the same call is; what concerns the log only is.
func TestConfigSetNeedsTheOthers(t *testing.T) {
	b := newBench(t)
	b.broker.fail = cluster.ErrNoQuorum
	for _, words := range []string{"loglevel debug sentinel-user u", "loglevel debug announce-ip 10.0.0.9", "announce-port 7 announce-hostnames yes loglevel debug"} {
		got := b.do(append([]string{"SENTINEL", "CONFIG", "SET"}, strings.Fields(words)...)...)
		if text, ok := got.(Error); !ok || !strings.HasPrefix(string(text), "NOQUORUM Nothing was changed") {
			t.Errorf("%s: %v", words, got)
		}
		b.wantDefaults()
	}
	b.want(OK, "SENTINEL", "CONFIG", "SET", "loglevel", "debug")

	b = newBench(t)
	b.apply(state.OpForget{Member: self})
	b.want(errNotAnnounced, "SENTINEL", "CONFIG", "SET", "announce-ip", "10.0.0.9")
	b.wantDefaults()
}

func TestMonitorByName(t *testing.T) {
	b := newBench(t)
	b.hosts["redis-1"] = []string{"10.0.0.1", "10.0.0.2"}
	b.want(errInvalidHost, "SENTINEL", "MONITOR", "m", "redis-1", "6379", "1")
	b.want(OK, "SENTINEL", "CONFIG", "SET", "resolve-hostnames", "yes")
	b.want(errInvalidHost, "SENTINEL", "MONITOR", "m", "redis-2", "6379", "1")
	b.want(errInvalidHost, "SENTINEL", "MONITOR", "m", "a,b", "6379", "1")
	b.want(errInvalidHost, "SENTINEL", "MONITOR", "m", "", "6379", "1")
	b.want(errPortRange, "SENTINEL", "MONITOR", "m", "redis-1", "0", "1")
	b.want(OK, "SENTINEL", "MONITOR", "m", "redis-1", "6379", "1")
	if m := b.master("m"); m.Addr != addr("redis-1:6379") || m.IP(m.Addr) != "10.0.0.1" {
		t.Errorf("monitored %s with %v", m.Addr, m.IPs)
	}
	delete(b.hosts, "redis-1") // what is known need not be resolved again
	b.want(OK, "SENTINEL", "MONITOR", "m", "redis-1", "6379", "1")
	b.want(errDuplicate, "SENTINEL", "MONITOR", "m", "10.0.0.1", "6379", "1")
}

// TestNamesAreShown: by address, or by name, as announce-hostnames says.
func TestNamesAreShown(t *testing.T) {
	b := newBench(t)
	b.apply(state.OpMember{Member: state.Member{ID: other, Addr: addr("node-2:26379"), Alive: true}})
	b.watcher.members[other] = failover.MemberView{Connected: true, IP: "10.0.1.2"}
	b.apply(state.OpMonitor{Name: "m", Addr: addr("redis-1:6379"), IP: "10.0.0.1", Quorum: 1, Settings: state.DefaultSettings()})
	m := b.master("m")
	b.apply(state.OpObserve{Name: "m", Generation: m.Generation, Replicas: []state.SeenReplica{{Addr: addr("redis-2:6380"), IP: "::2"}}})
	b.see("m")
	for announce, want := range map[string][]string{
		"no": {"10.0.0.1", "[::2]:6380", "::2", "address=10.0.0.1:6379", "10.0.1.2"}, "yes": {"redis-1", "redis-2:6380", "redis-2", "address=redis-1:6379", "node-2"},
	} {
		b.want(OK, "SENTINEL", "CONFIG", "SET", "announce-hostnames", announce)
		b.want(Array{Bulk(want[0]), Bulk("6379")}, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m")
		if got := b.do("SENTINEL", "MASTER", "m").(Map)[1]; got != (Pair{"ip", Bulk(want[0])}) {
			t.Errorf("announce-hostnames %s: the master has %v", announce, got)
		}
		replica := b.do("SENTINEL", "REPLICAS", "m").(Array)[0].(Map)
		if replica[0] != (Pair{"name", Bulk(want[1])}) || replica[1] != (Pair{"ip", Bulk(want[2])}) {
			t.Errorf("announce-hostnames %s: the replica has %v", announce, replica[:2])
		}
		if info := string(b.do("INFO", "sentinel").(Bulk)); !strings.Contains(info, want[3]+",") {
			t.Errorf("announce-hostnames %s: %s", announce, info)
		}
		if got := b.do("SENTINEL", "SENTINELS", "m").(Array)[0].(Map)[1]; got != (Pair{"ip", Bulk(want[4])}) {
			t.Errorf("announce-hostnames %s: the other node has %v", announce, got)
		}
	}
	view := b.watcher.views["m"]
	view.Master.SDown = true
	b.watcher.views["m"] = view
	for host, down := range map[string]int{"redis-1": 1, "10.0.0.1": 1, "redis-2": 0, "10.0.0.2": 0} {
		b.want(Array{Int(down), Bulk("*"), Int(0)}, "SENTINEL", "IS-MASTER-DOWN-BY-ADDR", host, "6379", "0", "*")
	}
}
