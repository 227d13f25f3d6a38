package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// keys and get read a map as clients do.
func keys(m Map) string {
	names := make([]string, len(m))
	for i, p := range m {
		names[i] = p.Key
	}
	return strings.Join(names, " ")
}

func get(t *testing.T, m Map, key string) string {
	t.Helper()
	i := slices.IndexFunc(m, func(p Pair) bool { return p.Key == key })
	if i < 0 {
		t.Fatalf("no field %q in %s", key, keys(m))
	}
	return scalar(m[i].Value)
}

// scalar is the text of a value as clients get it.
func scalar(r Reply) string {
	if n, ok := r.(Number); ok {
		return strconv.FormatInt(int64(n), 10)
	}
	return string(r.(Bulk))
}

const (
	headKeys    = "name ip port runid flags link-pending-commands link-refcount "
	pingKeys    = "last-ping-sent last-ok-ping-reply last-ping-reply "
	roleKeys    = "down-after-milliseconds info-refresh role-reported role-reported-time "
	masterKeys  = "config-epoch num-slaves num-other-sentinels quorum failover-timeout parallel-syncs"
	replicaKeys = "master-link-down-time master-link-status master-host master-port slave-priority slave-repl-offset replica-announced"
)

// Some clients read the maps by position, so the order is part of the contract.
func TestFieldOrder(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	b.see("m")
	master := b.do("SENTINEL", "MASTER", "m").(Map)
	if got, want := keys(master), headKeys+pingKeys+roleKeys+masterKeys; got != want {
		t.Errorf("master:\n%s\n%s", got, want)
	}
	if master[16].Key != "num-other-sentinels" {
		t.Errorf("field 16 of a healthy master is %s", master[16].Key)
	}
	replicas := b.do("SENTINEL", "REPLICAS", "m").(Array)
	if got, want := keys(replicas[0].(Map)), headKeys+pingKeys+roleKeys+replicaKeys; got != want {
		t.Errorf("replica:\n%s\n%s", got, want)
	}
	b.apply(state.OpMember{Member: state.Member{ID: "zz", Addr: addr("10.1.1.1:26379"), Alive: true}})
	others := b.do("SENTINEL", "SENTINELS", "m").(Array)
	if got, want := keys(others[0].(Map)), headKeys+pingKeys+"down-after-milliseconds last-hello-message voted-leader voted-leader-epoch"; len(others) != 1 || got != want {
		t.Errorf("%d sentinels:\n%s\n%s", len(others), got, want)
	}

	b.node.AllowScripts = true
	b.do("SENTINEL", "SET", "m", "notification-script", "/bin/sh", "client-reconfig-script", "/bin/sh")
	view := b.watcher.views["m"]
	view.Master.SDown, view.Master.SDownFor = true, time.Second
	b.watcher.views["m"] = view
	m := b.master("m")
	b.apply(state.OpVote{Member: self, Votes: []state.Ballot{{Name: "m", Generation: m.Generation, Down: true}}})
	b.apply(state.OpBegin{Name: "m", Generation: m.Generation, Kind: state.Auto, Member: self})
	master = b.do("SENTINEL", "MASTER", "m").(Map)
	want := headKeys + "failover-state " + pingKeys + "s-down-time o-down-time " + roleKeys + masterKeys + " notification-script client-reconfig-script"
	if got := keys(master); got != want {
		t.Errorf("master that is failed over:\n%s\n%s", got, want)
	}
	if got := get(t, master, "flags"); got != "s_down,o_down,master,failover_in_progress" {
		t.Errorf("flags %s", got)
	}
	if got := get(t, master, "failover-state"); got != "select_slave" {
		t.Errorf("failover-state %s", got)
	}
}

func TestFieldValues(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	b.see("m")
	master := b.do("SENTINEL", "MASTERS").(Array)[0].(Map)
	for key, want := range map[string]string{
		"name": "m", "ip": "10.0.0.1", "port": "6379", "flags": "master", "last-ping-reply": "90", "last-ok-ping-reply": "100",
		"info-refresh": "500", "role-reported": "master", "role-reported-time": "60000", "num-slaves": "2",
		"num-other-sentinels": "0", "quorum": "1", "failover-timeout": "180000", "down-after-milliseconds": "30000", "config-epoch": "0",
	} {
		if got := get(t, master, key); got != want {
			t.Errorf("master: %s is %q, want %q", key, got, want)
		}
	}
	replica := b.do("SENTINEL", "SLAVES", "m").(Array)[1].(Map)
	for key, want := range map[string]string{
		"name": "10.0.0.3:6379", "flags": "slave", "master-link-status": "ok", "master-link-down-time": "0",
		"master-host": "10.0.0.1", "master-port": "6379", "slave-priority": "100", "slave-repl-offset": "42", "replica-announced": "1",
	} {
		if got := get(t, replica, key); got != want {
			t.Errorf("replica: %s is %q, want %q", key, got, want)
		}
	}
}

// Before the first look at a server there are the values that Sentinel shows
// before the first INFO.
func TestFieldsBeforeFirstSight(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	master := b.do("SENTINEL", "MASTER", "m").(Map)
	replica := b.do("SENTINEL", "REPLICAS", "m").(Array)[0].(Map)
	for _, test := range []struct {
		m         Map
		key, want string
	}{
		{master, "flags", "master,disconnected"}, {master, "runid", ""}, {master, "info-refresh", "0"}, {master, "role-reported", "master"},
		{replica, "flags", "slave,disconnected"}, {replica, "role-reported", "slave"}, {replica, "master-host", "?"},
		{replica, "master-port", "0"}, {replica, "slave-priority", "100"}, {replica, "master-link-status", "err"}, {replica, "replica-announced", "1"},
	} {
		if got := get(t, test.m, test.key); got != test.want {
			t.Errorf("%s is %q, want %q", test.key, got, test.want)
		}
	}
}

func TestUnannouncedReplicas(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	b.see("m")
	b.watcher.views["m"].Replicas[0].Announced = false
	if got := len(b.do("SENTINEL", "REPLICAS", "m").(Array)); got != 1 {
		t.Errorf("%d replicas are listed", got)
	}
	if got := get(t, b.do("SENTINEL", "MASTER", "m").(Map), "num-slaves"); got != "2" {
		t.Errorf("num-slaves is %s, it counts all", got)
	}
}

// From the commit of the switch on the new address is told, and the verdicts of
// before are not, whatever the watcher still sees.
func TestSwitchIsSeenAtOnce(t *testing.T) {
	b := newBench(t)
	m := b.monitor("m")
	b.see("m")
	view := b.watcher.views["m"]
	view.Master.SDown, view.Master.Linked, view.Replicas[0].Linked = true, false, true
	b.watcher.views["m"] = view

	claim := b.apply(state.OpBegin{Name: "m", Generation: m.Generation, Kind: state.Manual, Member: self}).Claim
	candidate := m.Replicas[0].Addr
	b.apply(state.OpSelect{Name: "m", Claim: claim, Candidate: candidate})
	if got := get(t, b.do("SENTINEL", "MASTER", "m").(Map), "flags"); got != "s_down,master,disconnected,failover_in_progress,force_failover" {
		t.Errorf("before the switch: flags %s", got)
	}
	b.apply(state.OpPromoted{Name: "m", Claim: claim, RunID: "dd"})

	if got := b.do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "m").(Array); got[0] != Bulk(candidate.Host) {
		t.Errorf("the address is %v", got)
	}
	master := b.do("SENTINEL", "MASTER", "m").(Map)
	if got := get(t, master, "flags"); got != "master,failover_in_progress,force_failover" {
		t.Errorf("after the switch: flags %s", got)
	}
	if got := get(t, master, "failover-state"); got != "reconf_slaves" {
		t.Errorf("failover-state %s", got)
	}
	b.apply(state.OpProgress{Name: "m", Claim: claim, Reconf: []state.Reconf{{Addr: addr("10.0.0.3:6379"), Status: state.ReconfSent}}})
	flags := map[string]string{}
	for _, r := range b.do("SENTINEL", "REPLICAS", "m").(Array) {
		flags[get(t, r.(Map), "name")] = get(t, r.(Map), "flags")
	}
	if flags["10.0.0.1:6379"] != "slave,disconnected" || flags["10.0.0.3:6379"] != "slave,reconf_sent" {
		t.Errorf("flags of the replicas: %v", flags)
	}
}

// What a member is shown as comes from what is agreed and from this node's own
// link to it.
func TestMemberFields(t *testing.T) {
	tests := []struct {
		name  string
		alive bool
		seen  *failover.MemberView
		want  string // flags link-pending-commands last-ping-sent last-ok-ping-reply last-ping-reply [s-down-time]
	}{
		{"healthy", true, &failover.MemberView{Heard: true, Connected: true, LastHeard: 300 * time.Millisecond}, "sentinel 0 0 300 300"},
		{"asked", true, &failover.MemberView{Heard: true, Connected: true, LastHeard: time.Second, LinkPending: true, PendingFor: 20 * time.Millisecond},
			"sentinel 1 20 1000 1000"},
		{"link lost", true, &failover.MemberView{Heard: true, LastHeard: time.Second}, "sentinel,disconnected 0 0 1000 1000"},
		{"silent", true, &failover.MemberView{Heard: true, LastHeard: 7 * time.Second, Silent: 7 * time.Second}, "s_down,sentinel,disconnected 0 0 7000 7000 2000"},
		{"silent and connected", true, &failover.MemberView{Heard: true, Connected: true, LastHeard: 5 * time.Second, Silent: 5 * time.Second}, "s_down,sentinel 0 0 5000 5000 0"},
		{"dead by agreement", false, &failover.MemberView{Heard: true, Connected: true, LastHeard: time.Second}, "s_down,sentinel 0 0 1000 1000 0"},
		{"not met yet", true, nil, "sentinel,disconnected 0 0 0 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.monitor("m")
			b.monitor("n")
			b.apply(state.OpMember{Member: state.Member{ID: "x", Addr: addr("10.1.1.1:26379"), Alive: test.alive}})
			if test.seen != nil {
				b.watcher.members["x"] = *test.seen
			}
			list := b.do("SENTINEL", "SENTINELS", "m").(Array)
			if len(list) != 1 {
				t.Fatalf("%d members are listed: %v", len(list), list)
			}
			m := list[0].(Map)
			var got []string
			for _, key := range strings.Fields("flags link-pending-commands last-ping-sent last-ok-ping-reply last-ping-reply") {
				got = append(got, get(t, m, key))
			}
			if strings.Contains(keys(m), "s-down-time") {
				got = append(got, get(t, m, "s-down-time"))
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			for key, want := range map[string]string{"name": "x", "runid": "x", "ip": "10.1.1.1", "port": "26379", "link-refcount": "2"} {
				if get(t, m, key) != want {
					t.Errorf("%s is %q, want %q", key, get(t, m, key), want)
				}
			}
		})
	}
}

func TestMemberSaysDown(t *testing.T) {
	b := newBench(t)
	m := b.monitor("m")
	b.apply(state.OpMember{Member: state.Member{ID: "x", Addr: addr("10.1.1.1:26379"), Alive: true}})
	b.watcher.members["x"] = failover.MemberView{Connected: true}
	b.apply(state.OpVote{Member: "x", Votes: []state.Ballot{{Name: "m", Generation: m.Generation, Down: true}}})
	listed := b.do("SENTINEL", "SENTINELS", "m").(Array)[0].(Map)
	if got := get(t, listed, "flags"); got != "sentinel,master_down" {
		t.Errorf("flags %s", got)
	}
}

// RESET empties what SENTINELS lists until each is heard again; on a node that
// has not looked at the group since, too.
func TestResetEmptiesLists(t *testing.T) {
	b := newBench(t)
	m := b.monitor("m")
	b.apply(state.OpMember{Member: state.Member{ID: "x", Addr: addr("10.1.1.1:26379"), Alive: true}})
	b.see("m")
	b.watcher.members["x"] = failover.MemberView{Heard: true, Connected: true, LastHeard: time.Second}
	listed := func(what string, want int) {
		t.Helper()
		if got := len(b.do("SENTINEL", "SENTINELS", "m").(Array)); got != want {
			t.Errorf("%s: SENTINELS lists %d, want %d", what, got, want)
		}
		if got := get(t, b.do("SENTINEL", "MASTER", "m").(Map), "num-other-sentinels"); got != strconv.Itoa(want) {
			t.Errorf("%s: num-other-sentinels is %s, want %d", what, got, want)
		}
		if got := string(b.do("INFO", "sentinel").(Bulk)); !strings.Contains(got, fmt.Sprintf("sentinels=%d\r\n", want+1)) {
			t.Errorf("%s: INFO says %s, want %d", what, got, want+1)
		}
	}
	listed("before", 1)
	b.do("SENTINEL", "RESET", "*")
	listed("at once", 0)
	if got := len(b.do("SENTINEL", "REPLICAS", "m").(Array)); got != 0 {
		t.Errorf("REPLICAS lists %d", got)
	}
	b.see("m")
	view := b.watcher.views["m"]
	view.Reset, view.ResetFor = true, time.Second
	b.watcher.views["m"] = view
	listed("not heard since", 0)
	b.watcher.members["x"] = failover.MemberView{Heard: true, Connected: true, LastHeard: time.Second - time.Millisecond}
	listed("heard again", 1)

	// A switch is no reset.
	b.broker.now, _ = state.Apply(b.broker.now, b.broker.now.Index+1, state.Mutation{ID: state.MutationID{Member: self, Seq: 1000}, Op: state.OpMonitor{
		Name: "n", Addr: m.Addr, Quorum: 1, Settings: state.DefaultSettings()}})
	b.watcher.views["n"] = failover.View{Generation: 1, Master: server(addr("10.0.0.9:1"), "master")}
	if got := len(b.do("SENTINEL", "SENTINELS", "n").(Array)); got != 1 {
		t.Errorf("SENTINELS lists %d while this node has not seen a switch, want 1", got)
	}
}

func TestInfo(t *testing.T) {
	b := newBench(t)
	b.monitor("a")
	b.monitor("b")
	b.see("a")
	b.see("b")
	down := b.watcher.views["b"]
	down.Master.SDown = true
	b.watcher.views["b"] = down
	text := func(args ...string) string { return string(b.do(append([]string{"INFO"}, args...)...).(Bulk)) }
	want := strings.Join([]string{
		"# Sentinel", "sentinel_masters:2", "sentinel_tilt:0", "sentinel_tilt_since_seconds:-1", "sentinel_running_scripts:0",
		"sentinel_scripts_queue_length:0", "sentinel_simulate_failure_flags:0",
		"master0:name=a,status=ok,address=10.0.0.1:6379,slaves=2,sentinels=1",
		"master1:name=b,status=sdown,address=10.0.0.1:6379,slaves=2,sentinels=1", "",
	}, "\r\n")
	if got := text("Sentinel", "foo"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := text("foo"); got != "" {
		t.Errorf("INFO foo: %q", got)
	}
	all := text()
	said := make(map[string]bool)
	for _, line := range strings.Split(strings.TrimSuffix(all, "\r\n"), "\r\n") {
		if name, _, ok := strings.Cut(line, ":"); ok && said[name] {
			t.Errorf("INFO says %s twice", name)
		} else {
			said[name] = true
		}
		if line != "" && !strings.HasPrefix(line, "# ") && !strings.Contains(line, ":") {
			t.Errorf("a line of INFO is %q", line)
		}
	}
	for _, args := range [][]string{{"all"}, {"everything"}, {"DEFAULT"}, {"cpu", "document", "sentinel", "stats", "clients", "server"}} {
		if got := strings.Count(text(args...), "# "); got != 6 {
			t.Errorf("INFO %v has %d sections", args, got)
		}
	}
	if i, j := strings.Index(all, "# Server"), strings.Index(all, "# Sentinel"); i != 0 || j < i {
		t.Error("the sections are in another order")
	}
	for _, absent := range []string{"used_memory", "rdb_last_bgsave", "master_repl_offset", "cluster_enabled"} {
		if strings.Contains(all, absent) {
			t.Errorf("INFO has %s", absent)
		}
	}
	for _, present := range []string{"redis_version:" + RedisVersion, "redis_mode:sentinel", "redis_failover_version:1.2.3", "tcp_port:26379",
		"config_file:/etc/s.conf", "run_id:bbbb", "used_cpu_user:", "maxclients:10000"} {
		if !strings.Contains(all, present) {
			t.Errorf("INFO lacks %s", present)
		}
	}
}
