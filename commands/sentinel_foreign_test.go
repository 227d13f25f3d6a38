package commands

import (
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

func TestForeign(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	if list, ok := b.do("SENTINEL", "FOREIGN", "m").(Array); !ok || len(list) != 0 {
		t.Errorf("before anything is seen: %v", list)
	}
	b.see("m")
	v := b.watcher.views["m"]
	v.Foreign = []failover.ForeignView{{
		Hello: failover.Hello{
			ID: state.MemberID(strings.Repeat("a1", 20)), Addr: addr("10.7.7.1:26379"), Epoch: 7,
			Name: "theirs", Master: addr("10.0.0.2:6379"), ConfigEpoch: 3,
		},
		LastHeard: 1500 * time.Millisecond,
	}}
	b.watcher.views["m"] = v
	list := b.do("SENTINEL", "FOREIGN", "m").(Array)
	if len(list) != 1 {
		t.Fatalf("got %v", list)
	}
	entry := list[0].(Map)
	if want := "runid ip port current-epoch master-name master-ip master-port config-epoch last-hello-message"; keys(entry) != want {
		t.Errorf("fields %s, want %s", keys(entry), want)
	}
	for name, want := range map[string]string{
		"ip": "10.7.7.1", "port": "26379", "current-epoch": "7", "master-name": "theirs",
		"master-ip": "10.0.0.2", "master-port": "6379", "config-epoch": "3", "last-hello-message": "1500",
	} {
		if got := get(t, entry, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got, want := get(t, b.do("SENTINEL", "EXPLAIN", "m").(Map), "other-authorities"), "a Sentinel at 10.7.7.1:26379, which takes 10.0.0.2:6379 for the master"; got != want {
		t.Errorf("SENTINEL EXPLAIN says %q, want %q", got, want)
	}
	if fault := b.do("SENTINEL", "FOREIGN", "nobody"); fault != errNoSuchMaster {
		t.Errorf("an unknown master gives %v", fault)
	}
}
