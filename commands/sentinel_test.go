package commands

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

const nsm = Error("ERR No such master with that name")

func TestSentinelReplies(t *testing.T) {
	pair := Array{Bulk("10.0.0.1"), Bulk("6379")}
	runCalls(t, []call{
		{"SENTINEL GET-MASTER-ADDR-BY-NAME mymaster", pair},
		{"sentinel get-primary-addr-by-name mymaster", pair},
		{"SENTINEL GET-MASTER-ADDR-BY-NAME MyMaster", NullArray{}},
		{"SENTINEL MYID", Bulk(self)},
		{"SENTINEL FLUSHCONFIG", OK},
		{"SENTINEL PENDING-SCRIPTS", Array{}},
		{"SENTINEL SENTINELS mymaster", Array{}},
		{"SENTINEL MASTER x", nsm}, {"SENTINEL PRIMARY x", nsm}, {"SENTINEL REPLICAS x", nsm}, {"SENTINEL SLAVES x", nsm},
		{"SENTINEL SENTINELS x", nsm}, {"SENTINEL CKQUORUM x", nsm}, {"SENTINEL REMOVE x", nsm},
		{"SENTINEL INFO-CACHE x", Array{}},
		{"SENTINEL CKQUORUM mymaster", Simple("OK 1 usable Sentinels. Quorum and failover authorization can be reached")},
		{"SENTINEL IS-MASTER-DOWN-BY-ADDR 10.0.0.1 6379 0 *", Array{Int(0), Bulk("*"), Int(0)}},
		{"SENTINEL IS-MASTER-DOWN-BY-ADDR 10.0.0.9 6379 0 *", Array{Int(0), Bulk("*"), Int(0)}},
		{"SENTINEL IS-PRIMARY-DOWN-BY-ADDR 10.0.0.1 6379 0 abc", Array{Int(0), Bulk("*"), Int(0)}},
		{"SENTINEL IS-MASTER-DOWN-BY-ADDR 10.0.0.1 x 0 *", errNotInteger},
		{"SENTINEL IS-MASTER-DOWN-BY-ADDR 10.0.0.1 6379 x *", errNotInteger},
		{"ROLE", Array{Bulk("sentinel"), Array{Bulk("mymaster")}}},
		{"PUBLISH __sentinel__:hello x", Int(1)},
		{"PUBLISH __SENTINEL__:hello x", Error("ERR Only HELLO messages are accepted by Sentinel instances.")},
		{"SHUTDOWN foo", errSyntax}, {"SHUTDOWN SAVE NOSAVE", errSyntax}, {"SHUTDOWN ABORT NOW", errSyntax},
		{"SHUTDOWN ABORT", Error("ERR No shutdown in progress.")},
		{"SHUTDOWN NOSAVE FORCE", NoReply{}},
	})
}

func TestMonitorAndRemove(t *testing.T) {
	runCalls(t, []call{
		{"SENTINEL MONITOR new 127.0.0.1 6379 2", OK},
		{"SENTINEL MONITOR new 127.0.0.1 x x", Error("ERR Invalid quorum")},
		{"SENTINEL MONITOR new 127.0.0.1 x 0", Error("ERR Invalid port")},
		{"SENTINEL MONITOR new 127.0.0.1 99999 0", Error("ERR Quorum must be 1 or greater.")},
		{"SENTINEL MONITOR new host 99999 1", Error("ERR Invalid IP address or hostname specified")},
		{"SENTINEL MONITOR new fe80::1%eth0 1 1", Error("ERR Invalid IP address or hostname specified")},
		{"SENTINEL MONITOR new 127.0.0.1 99999 1", Error("ERR Invalid port number.")},
		{"SENTINEL MONITOR new 127.0.0.1 0 1", Error("ERR Invalid port number.")},
		{"SENTINEL MONITOR new 127.0.0.1 -1 1", Error("ERR Invalid port number.")},
		{"SENTINEL MONITOR new 127.0.0.1 1 99999999999", Error("ERR Invalid quorum")},
		{"SENTINEL MONITOR mymaster 10.0.0.1 6379 1", OK},
		{"SENTINEL MONITOR mymaster 10.0.0.1 6379 2", Error("ERR Duplicate master name.")},
		{"SENTINEL MONITOR mymaster 10.0.0.2 6379 1", Error("ERR Duplicate master name.")},
		{"SENTINEL MONITOR a\nb 127.0.0.1 1 1", Error("ERR Invalid argument at index 2 for SENTINEL MONITOR: control characters are not allowed")},
		{"SENTINEL MONITOR a 127.0.0.1\x7f 1 1", Error("ERR Invalid argument at index 3 for SENTINEL MONITOR: control characters are not allowed")},
		{`SENTINEL MONITOR "" 127.0.0.1 1 1`, Error("ERR a master needs a name")},
		{"SENTINEL REMOVE mymaster", OK},
	})
	b := newBench(t)
	b.do("SENTINEL", "MONITOR", "v6", "0:0:0:0:0:0:0:1", "6379", "2")
	if m := b.master("v6"); m.Addr != (state.Addr{Host: "::1", Port: 6379}) || m.Quorum != 2 || m.DownAfter != 30*time.Second {
		t.Errorf("monitored %+v", m)
	}
	b.do("SENTINEL", "REMOVE", "v6")
	if b.broker.now.Len() != 0 {
		t.Error("REMOVE left the master there")
	}
}

func TestSet(t *testing.T) {
	unknownOption := func(o string) Error {
		return Error("ERR Unknown option or number of arguments for SENTINEL SET '" + o + "'")
	}
	invalid := func(v, o string) Error {
		return Error("ERR Invalid argument '" + v + "' for SENTINEL SET '" + o + "'")
	}
	const denied = Error("ERR Reconfiguration of scripts path is denied for security reasons. Check the deny-scripts-reconfig " +
		"configuration directive in your Sentinel configuration")
	runCalls(t, []call{
		{"SENTINEL SET mymaster quorum 3", OK},
		{"SENTINEL SET mymaster QUOrum 3 parallel-syncs 2", OK},
		{"SENTINEL SET mymaster rename-command config guess", OK},
		{"SENTINEL SET mymaster primary-reboot-down-after-period 0", OK},
		{`SENTINEL SET mymaster auth-pass ""`, OK},
		{"SENTINEL SET x quorum 3", nsm},
		{"SENTINEL SET x foo 3", nsm},
		{"SENTINEL SET x quorum -1", nsm},
		{"SENTINEL SET mymaster Foo 3", unknownOption("Foo")},
		{"SENTINEL SET mymaster quorum 3 down-after-milliseconds", unknownOption("down-after-milliseconds")},
		{"SENTINEL SET mymaster rename-command config", unknownOption("rename-command")},
		{"SENTINEL SET mymaster QUOrum 0", invalid("0", "QUOrum")},
		{"SENTINEL SET mymaster quorum abc", invalid("abc", "quorum")},
		{"SENTINEL SET mymaster down-after-milliseconds 0", invalid("0", "down-after-milliseconds")},
		{"SENTINEL SET mymaster down-after-milliseconds 99999999999999999999", invalid("99999999999999999999", "down-after-milliseconds")},
		{"SENTINEL SET mymaster master-reboot-down-after-period -1", invalid("-1", "master-reboot-down-after-period")},
		{`SENTINEL SET mymaster rename-command "" x`, invalid("", "rename-command")},
		{`SENTINEL SET mymaster rename-command x ""`, invalid("", "rename-command")},
		{"SENTINEL SET mymaster notification-script /bin/true", denied},
		{"SENTINEL SET mymaster client-reconfig-script /bin/true", denied},
		{"SENTINEL SET mymaster auth-pass a\tb", Error("ERR Invalid argument at index 4 for SENTINEL SET: control characters are not allowed")},
		{"SENTINEL SET mymaster quorum", Error("ERR wrong number of arguments for 'sentinel|set' command")},
	})
}

// One wrong option takes back the right ones before it.
func TestSetIsAtomic(t *testing.T) {
	b := newBench(t)
	before := b.monitor("mymaster").Settings
	b.do("SENTINEL", "SET", "mymaster", "quorum", "3", "down-after-milliseconds", "100", "parallel-syncs", "0")
	if m := b.master("mymaster"); m.Quorum != 1 || !reflect.DeepEqual(m.Settings, before) {
		t.Errorf("a refused SET changed the settings: %+v", m)
	}
	b.do("SENTINEL", "SET", "mymaster", "quorum", "3", "down-after-milliseconds", "100", "auth-pass", "pw")
	if m := b.master("mymaster"); m.Quorum != 3 || m.DownAfter != 100*time.Millisecond || m.AuthPass != "pw" {
		t.Errorf("SET gave %+v", m)
	}
}

func TestScripts(t *testing.T) {
	tests := []struct {
		option, path string
		want         Reply
	}{
		{"notification-script", "/bin/sh", OK},
		{"client-reconfig-script", "/bin/sh", OK},
		{"notification-script", "", OK},
		{"notification-script", "/etc/passwd", errNotifyScript},
		{"client-reconfig-script", "/nonexistent", errReconfigScript},
		{"client-reconfig-script", "/bin", errReconfigScript},
	}
	for _, test := range tests {
		b := newBench(t)
		b.monitor("m")
		b.node.AllowScripts = true
		if got := b.do("SENTINEL", "SET", "m", test.option, test.path); got != test.want {
			t.Errorf("%s %q: got %v, want %v", test.option, test.path, got, test.want)
		}
	}
}

func TestReset(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"cache-1", "cache-2", "db"} {
		b.monitor(name)
	}
	for pattern, want := range map[string]int64{"cache*": 2, "CACHE*": 0, "*": 3, "[d]b": 1, "nope": 0} {
		if got := b.do("SENTINEL", "RESET", pattern); got != Int(want) {
			t.Errorf("RESET %s: %v, want %d", pattern, got, want)
		}
	}
	if m := b.master("db"); len(m.Replicas) != 0 {
		t.Errorf("the replicas were not forgotten: %+v", m.Replicas)
	}
	if b.broker.barriers == 0 {
		t.Error("the pattern was matched without asking for a current document")
	}
}

// Whatever the broker cannot do, the client is told what became of the change.
func TestBrokerErrors(t *testing.T) {
	tests := []struct {
		err   error
		code  string
		words []string
	}{
		{fmt.Errorf("raft: %w", cluster.ErrNoQuorum), "NOQUORUM", []string{"Nothing was changed", "majority"}},
		{fmt.Errorf("disk\nfull: %w", cluster.ErrNotLogged), "NOQUORUM", []string{"Nothing was changed", "trying again is safe", "disk"}},
		{cluster.ErrUnknown, "UNKNOWN", []string{"may still"}},
		{&cluster.UnknownError{Cause: cluster.ErrClosed}, "UNKNOWN", []string{"may still", "closed"}},
		{&cluster.UnknownError{Cause: cluster.ErrNoQuorum}, "UNKNOWN", []string{"may still"}},
		{fmt.Errorf("%w: %w", cluster.ErrClosed, cluster.ErrNotLogged), "NOQUORUM", []string{"Nothing was changed", "closed"}},
		{cluster.ErrClosed, "UNKNOWN", []string{"may still", "closed"}},
	}
	commands := [][]string{
		{"SENTINEL", "MONITOR", "new", "127.0.0.1", "1", "1"},
		{"SENTINEL", "SET", "mymaster", "quorum", "2"},
		{"SENTINEL", "REMOVE", "mymaster"},
		{"SENTINEL", "RESET", "*"},
		{"SENTINEL", "FAILOVER", "mymaster"},
	}
	for _, test := range tests {
		for _, words := range commands {
			b := newBench(t)
			b.monitor("mymaster")
			b.broker.fail, b.watcher.failover = test.err, test.err
			got, ok := b.do(words...).(Error)
			if !ok || !strings.HasPrefix(string(got), test.code+" ") {
				t.Errorf("%v with %v: %q", words, test.err, got)
			}
			for _, word := range test.words {
				if !strings.Contains(string(got), word) {
					t.Errorf("%v with %v: %q does not say %q", words, test.err, got, word)
				}
			}
		}
	}
}

// What needs no majority goes on without one.
func TestReadsWithoutQuorum(t *testing.T) {
	b := newBench(t)
	b.monitor("mymaster")
	b.broker.fail = cluster.ErrNoQuorum
	for _, line := range []string{
		"PING", "INFO", "ROLE", "SENTINEL MASTERS", "SENTINEL REPLICAS mymaster", "SENTINEL GET-MASTER-ADDR-BY-NAME mymaster",
		"SENTINEL SENTINELS mymaster", "SENTINEL FLUSHCONFIG", "SENTINEL IS-MASTER-DOWN-BY-ADDR 10.0.0.1 6379 0 *",
	} {
		if got, failed := b.do(strings.Split(line, " ")...).(Error); failed {
			t.Errorf("%s: %q", line, got)
		}
	}
}

func TestManualFailover(t *testing.T) {
	tests := []struct {
		err  error
		want Reply
	}{
		{nil, OK},
		{fmt.Errorf("x: %w", failover.ErrNoSuchMaster), nsm},
		{failover.ErrInProgress, Error("INPROG Failover already in progress")},
		{failover.ErrNoGoodReplica, Error("NOGOODSLAVE No suitable replica to promote")},
	}
	for _, test := range tests {
		b := newBench(t)
		b.watcher.failover = test.err
		if got := b.do("SENTINEL", "FAILOVER", "mymaster"); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
		if len(b.watcher.asked) != 1 || b.watcher.asked[0] != "mymaster" {
			t.Errorf("the watcher was asked for %q", b.watcher.asked)
		}
	}
}

// Nobody gets a failover of another kind than was asked for.
func TestFailoverOptions(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	for words, want := range map[string]Reply{
		"m x":             errFailoverOption,
		"m Coordinated":   errNotCoordinated,
		"nope x":          errNoSuchMaster,
		"m coordinated x": Error("ERR wrong number of arguments for 'sentinel|failover' command"),
	} {
		if got := b.do(append([]string{"SENTINEL", "FAILOVER"}, strings.Fields(words)...)...); got != want {
			t.Errorf("%s: %v, want %v", words, got, want)
		}
	}
	if len(b.watcher.asked) != 0 {
		t.Errorf("the watcher was asked for %q", b.watcher.asked)
	}
}

func TestCkquorum(t *testing.T) {
	const (
		noQuorum   = "Not enough available Sentinels to reach the specified quorum for this master"
		noMajority = "Not enough available Sentinels to reach the majority and authorize a failover"
	)
	tests := []struct {
		alive, dead int // beside this node
		quorum      string
		want        Reply
	}{
		{0, 0, "1", Simple("OK 1 usable Sentinels. Quorum and failover authorization can be reached")},
		{2, 0, "3", Simple("OK 3 usable Sentinels. Quorum and failover authorization can be reached")},
		{2, 0, "4", Error("NOQUORUM 3 usable Sentinels. " + noQuorum)},
		{0, 2, "1", Error("NOQUORUM 1 usable Sentinels. " + noMajority)},
		{0, 2, "2", Error("NOQUORUM 1 usable Sentinels. " + noQuorum + ". " + noMajority)},
		{1, 1, "2", Simple("OK 2 usable Sentinels. Quorum and failover authorization can be reached")},
	}
	for _, test := range tests {
		b := newBench(t)
		b.monitor("m")
		for i := range test.alive + test.dead {
			b.apply(state.OpMember{Member: state.Member{ID: state.MemberID(fmt.Sprint(i)), Alive: i < test.alive}})
		}
		b.do("SENTINEL", "SET", "m", "quorum", test.quorum)
		if got := b.do("SENTINEL", "CKQUORUM", "m"); got != test.want {
			t.Errorf("%d alive, %d dead, quorum %s: %v", test.alive, test.dead, test.quorum, got)
		}
	}
}

// Enough nodes are no use while the document takes no changes.
func TestCkquorumSuspended(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	b.broker.health = cluster.Health{Condition: cluster.Suspended, Reason: "the disk is full"}
	want := Error("NOQUORUM 1 usable Sentinels. The document cannot be changed now, which every failover has to: the disk is full")
	if got := b.do("SENTINEL", "CKQUORUM", "m"); got != want {
		t.Errorf("got %q", got)
	}
}

// Without a majority the members agree on nothing, so those count that this node
// hears, and the answer is Sentinel's.
func TestCkquorumWithoutMajority(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	for _, id := range []state.MemberID{"x", "y"} {
		b.apply(state.OpMember{Member: state.Member{ID: id, Alive: true}})
		b.watcher.members[id] = failover.MemberView{Heard: true, LastHeard: time.Minute, Silent: time.Minute}
	}
	b.broker.fail = fmt.Errorf("%w: 1 of 3 members can be reached", cluster.ErrNoQuorum)
	want := "NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the majority and authorize a failover"
	if got, _ := b.do("SENTINEL", "CKQUORUM", "m").(Error); !strings.HasPrefix(string(got), want) || !strings.HasSuffix(string(got), "1 of 3 members can be reached") {
		t.Errorf("got %q", got)
	}
	// For a moment all seem to be there.
	b.watcher.members = map[state.MemberID]failover.MemberView{}
	want = strings.Replace(want, "1 usable", "3 usable", 1)
	if got, _ := b.do("SENTINEL", "CKQUORUM", "m").(Error); !strings.HasPrefix(string(got), want) {
		t.Errorf("got %q", got)
	}
	// The document is as current as the engine says, whatever this node hears.
	b.watcher.members["x"] = failover.MemberView{LastHeard: time.Minute}
	b.broker.fail = nil
	if got, _ := b.do("SENTINEL", "CKQUORUM", "m").(Simple); !strings.HasPrefix(string(got), "OK 3 usable") {
		t.Errorf("got %q", got)
	}
}

// A majority is one of the engine's members: those that never started count, and
// those that left it do not.
func TestCkquorumCountsTheEngine(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	b.apply(state.OpMember{Member: state.Member{ID: "x", Alive: true}})
	b.apply(state.OpMember{Member: state.Member{ID: "gone"}})
	g := &group{peers: []cluster.Peer{{ID: self, Self: true}, {ID: "x"}, {Addr: "10.1.1.3:7000"}}}
	b.node.Members = g
	if got := b.do("SENTINEL", "CKQUORUM", "m"); got != Simple("OK 2 usable Sentinels. Quorum and failover authorization can be reached") {
		t.Errorf("got %v", got)
	}
	g.peers = append(g.peers, cluster.Peer{Addr: "10.1.1.4:7000"})
	if got, _ := b.do("SENTINEL", "CKQUORUM", "m").(Error); got != "NOQUORUM 2 usable Sentinels. Not enough available Sentinels to reach the majority and authorize a failover" {
		t.Errorf("got %q", got)
	}
}

func TestIsMasterDown(t *testing.T) {
	b := newBench(t)
	m := b.monitor("m")
	b.see("m")
	ask := func(runID string) Reply {
		return b.do("SENTINEL", "IS-MASTER-DOWN-BY-ADDR", m.Addr.Host, "6379", "0", runID)
	}
	view := b.watcher.views["m"]
	view.Master.SDown = true
	b.watcher.views["m"] = view
	if got := ask("*"); !reflect.DeepEqual(got, Array{Int(1), Bulk("*"), Int(0)}) {
		t.Errorf("down: %v", got)
	}
	b.watcher.tilt = 3
	if got := ask("*"); !reflect.DeepEqual(got, Array{Int(0), Bulk("*"), Int(0)}) {
		t.Errorf("down and in tilt: %v", got)
	}
	epoch := b.apply(state.OpBegin{Name: "m", Generation: m.Generation, Kind: state.Manual, Member: self}).Claim.Epoch
	if got := ask("somebody"); !reflect.DeepEqual(got, Array{Int(0), Bulk(self), Int(epoch)}) {
		t.Errorf("a vote asked for during a failover: %v", got)
	}
}

func TestInfoCache(t *testing.T) {
	b := newBench(t)
	b.monitor("a")
	b.monitor("b")
	b.see("a")
	known := Array{Int(500), Bulk("# Server")}
	none := Array{Int(0), Null{}}
	want := Array{Bulk("b"), Array{none, none, none}, Bulk("a"), Array{known, known, known}}
	if got := b.do("SENTINEL", "INFO-CACHE", "b", "nope", "a", "b"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}
