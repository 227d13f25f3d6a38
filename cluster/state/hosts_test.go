package state

import (
	"reflect"
	"testing"
)

func named(host string) Addr { return Addr{Host: host, Port: 6379} }

// withNames is a document with the master m at redis-1, which stands for 10.0.0.1,
// and a replica at redis-2, which stands for 10.0.0.2.
func withNames(t *testing.T) *doc {
	d := modern(t)
	op := monitorM(1)
	op.Addr, op.IP = named("redis-1"), "10.0.0.1"
	d.wantEvents(d.must(op), "# +monitor master m 10.0.0.1 6379 quorum 1")
	out := d.must(OpObserve{Name: "m", Generation: d.master().Generation, RunID: "run-1", ReplID: "history-1",
		Replicas: []SeenReplica{{Addr: named("redis-2"), RunID: "run-2", IP: "10.0.0.2"}}})
	d.wantEvents(out, "* +slave slave 10.0.0.2:6379 10.0.0.2 6379 @ m 10.0.0.1 6379")
	return d
}

func (d *doc) wantIPs(want ...AddrIP) {
	d.t.Helper()
	if got := d.master().IPs; !reflect.DeepEqual(got, want) {
		d.t.Errorf("names %v, want %v", got, want)
	}
}

func TestResolve(t *testing.T) {
	d := withNames(t)
	d.wantIPs(AddrIP{named("redis-1"), "10.0.0.1"}, AddrIP{named("redis-2"), "10.0.0.2"})
	before := d.s
	out := d.must(OpResolve{Name: "m", Addr: named("redis-2"), IP: "10.0.0.9"})
	d.wantEvents(out, ". host-address master m 10.0.0.1 6379: the host of redis-2:6379 is at 10.0.0.9 now, and was at 10.0.0.2")
	d.wantIPs(AddrIP{named("redis-1"), "10.0.0.1"}, AddrIP{named("redis-2"), "10.0.0.9"})
	if out := d.must(OpResolve{Name: "m", Addr: named("redis-2"), IP: "10.0.0.9"}); !out.Unchanged || len(out.Events) > 0 {
		t.Errorf("the same again: %+v", out)
	}
	if m, _ := before.Master("m"); m.IP(named("redis-2")) != "10.0.0.2" {
		t.Error("the older document was changed")
	}
	for _, c := range []struct {
		op   OpResolve
		want Refusal
	}{
		{OpResolve{Name: "x", Addr: named("redis-2"), IP: "10.0.0.9"}, RefusedNoMaster},
		{OpResolve{Name: "m", Addr: named("redis-3"), IP: "10.0.0.9"}, RefusedStale},
		{OpResolve{Name: "m", Addr: named("redis-2"), IP: "redis-1"}, RefusedInvalid},
		{OpResolve{Name: "m", Addr: named("redis-2")}, RefusedInvalid},
	} {
		d.wantRefused(d.do(c.op), c.want)
	}
	d.must(OpObserve{Name: "m", Generation: d.master().Generation, Replicas: []SeenReplica{{Addr: addr(5)}}})
	d.wantRefused(d.do(OpResolve{Name: "m", Addr: addr(5), IP: "10.0.0.6"}), RefusedInvalid)
}

// TestObservedNames: a replica's name is learned once; what is known is not
// changed by whoever sees it otherwise.
func TestObservedNames(t *testing.T) {
	d := withNames(t)
	see := func(host, ip string) Outcome {
		t.Helper()
		return d.must(OpObserve{Name: "m", Generation: d.master().Generation, Replicas: []SeenReplica{{Addr: named(host), IP: ip}}})
	}
	if out := see("redis-2", "10.0.0.9"); !out.Unchanged {
		t.Errorf("another address of a known name: %+v", out)
	}
	out := see("redis-3", "")
	d.wantEvents(out, "* +slave slave redis-3:6379 redis-3 6379 @ m 10.0.0.1 6379")
	if out := see("redis-3", "::3"); out.Unchanged || len(out.Events) > 0 {
		t.Errorf("an address for a name that had none: %+v", out)
	}
	see("10.0.0.4", "10.0.0.5")
	see("redis-5", "redis-1")
	d.wantIPs(AddrIP{named("redis-1"), "10.0.0.1"}, AddrIP{named("redis-2"), "10.0.0.2"}, AddrIP{named("redis-3"), "::3"})
	d.must(OpReset{Names: []string{"m"}})
	d.wantIPs(AddrIP{named("redis-1"), "10.0.0.1"})
}

// TestShown: what is told is the IP address, or the name, and the same in events.
func TestShown(t *testing.T) {
	d := withNames(t)
	show := func(host string) string { return d.s.Shown(d.master(), named(host)).String() }
	if got := show("redis-2"); got != "10.0.0.2:6379" {
		t.Errorf("redis-2 is shown as %s", got)
	}
	if got := show("redis-3"); got != "redis-3:6379" {
		t.Errorf("a name that is not known is shown as %s", got)
	}
	if got := show("10.0.0.3"); got != "10.0.0.3:6379" {
		t.Errorf("an address is shown as %s", got)
	}
	d.must(OpConfig{Options: []Option{option(AnnounceHostnames, "yes")}})
	if got := show("redis-2"); got != "redis-2:6379" {
		t.Errorf("redis-2 is announced as %s", got)
	}
}

func TestSwitchOfNames(t *testing.T) {
	for announce, want := range map[string]string{
		"no": "# +switch-master m 10.0.0.1 6379 10.0.0.2 6379", "yes": "# +switch-master m redis-1 6379 redis-2 6379",
	} {
		d := withNames(t)
		d.must(OpConfig{Options: []Option{option(AnnounceHostnames, announce)}})
		c := d.must(OpBegin{Name: "m", Generation: d.master().Generation, Kind: Manual, Member: alice}).Claim
		d.must(OpSelect{Name: "m", Claim: c, Candidate: named("redis-2")})
		out := d.must(OpPromoted{Name: "m", Claim: c})
		if got := events(out.Events)[3]; got != want {
			t.Errorf("announce-hostnames %s: %s, want %s", announce, got, want)
		}
		if m := d.master(); m.Addr != named("redis-2") || m.Replicas[0].Addr != named("redis-1") {
			t.Errorf("the master is %s, the replicas are %v", m.Addr, m.Replicas)
		}
		d.wantIPs(AddrIP{named("redis-1"), "10.0.0.1"}, AddrIP{named("redis-2"), "10.0.0.2"})
	}
}

// TestNamesNeedASchema: members that do not know names are not sent any.
func TestNamesNeedASchema(t *testing.T) {
	d := newDoc(t)
	d.must(knowing(alice, 1))
	op := monitorM(1)
	op.Addr, op.IP = named("redis-1"), "10.0.0.1"
	d.wantRefused(d.do(op), RefusedSchema)
	op.IP = ""
	d.must(op)
	d.wantRefused(d.do(OpResolve{Name: "m", Addr: named("redis-1"), IP: "10.0.0.1"}), RefusedSchema)
	see := OpObserve{Name: "m", Generation: d.master().Generation, Replicas: []SeenReplica{{Addr: named("redis-2"), IP: "10.0.0.2"}}}
	d.wantRefused(d.do(see), RefusedSchema)
}
