package commands

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"redis-failover/cluster"
)

// TestMove takes masters from one group to another, and back.
func TestMove(t *testing.T) {
	from, to := newBench(t), newBench(t)
	for i := range 100 {
		from.monitor(fmt.Sprintf("m%03d", i))
	}
	from.do("SENTINEL", "SET", "m001", "auth-pass", "pw", "quorum", "2")
	from.do("SENTINEL", "PAUSE", "m002", "REASON", "disks")

	from.do("SENTINEL", "CONFIG", "SET", "sentinel-user", "there", "resolve-hostnames", "yes")
	to.do("SENTINEL", "CONFIG", "SET", "sentinel-user", "here")

	without := string(from.do("SENTINEL", "EXPORT").(Bulk))
	if got, want := from.do("SENTINEL", "IMPORT", without), (Map{{"added", Number(0)}, {"already-there", Number(100)}, {"passwords-missing", Array{}}}); !reflect.DeepEqual(got, want) {
		t.Errorf("importing what is there: %v", got)
	}
	if got, want := to.do("SENTINEL", "IMPORT", without, "paused"), (Map{{"added", Number(100)}, {"already-there", Number(0)}, {"passwords-missing", bulks([]string{"m001"})}}); !reflect.DeepEqual(got, want) {
		t.Errorf("importing: %v", got)
	}
	for _, m := range []string{"m000", "m002"} {
		if p := to.master(m).Pause; p == nil || (m == "m002") != (p.Why == "disks") {
			t.Errorf("%s is paused %v", m, p)
		}
	}
	if got := to.do("SENTINEL", "CONFIG", "GET", "sentinel-user"); !reflect.DeepEqual(got, Map{{"sentinel-user", Bulk("here")}}) {
		t.Errorf("what was set where they were imported is now %v", got)
	}
	if m := to.master("m001"); m.Quorum != 2 || m.AuthPass != "" || len(m.Replicas) != 2 {
		t.Errorf("imported %+v", m)
	}

	all := from.do("SENTINEL", "EXPORT", "secrets").(Bulk)
	third := newBench(t)
	third.do("SENTINEL", "IMPORT", string(all))
	if again := third.do("SENTINEL", "EXPORT", "SECRETS"); !reflect.DeepEqual(again, all) {
		t.Errorf("the third group exports something else: %s", again)
	}
}

// TestImportRefused: nothing is changed, and it is said why.
func TestImportRefused(t *testing.T) {
	from, to := newBench(t), newBench(t)
	for i := range 8 {
		name := fmt.Sprint("m", i)
		from.monitor(name)
		if i < 7 {
			to.monitor(name)
			to.do("SENTINEL", "SET", name, "quorum", "3")
		}
	}
	text := string(from.do("SENTINEL", "EXPORT").(Bulk))
	want := Error("ERR Nothing was changed: monitored here at another address or with another quorum: m0, m1, m2, m3, m4 and 2 more")
	if got := to.do("SENTINEL", "IMPORT", text); got != want {
		t.Errorf("answered %v", got)
	}
	if got := newBench(t).do("SENTINEL", "IMPORT", text, "CHECK"); got != OK {
		t.Errorf("checking answered %v", got)
	}
	for _, words := range [][]string{{"x"}, {text, "x"}, {text, "PAUSED", "x"}, {text, "CHECK"}, {strings.Replace(text, `"format": 1`, `"format": 9`, 1)}} {
		if got, ok := to.do(append([]string{"SENTINEL", "IMPORT"}, words...)...).(Error); !ok {
			t.Errorf("%.20q: answered %v", words, got)
		}
	}
	if _, there := to.broker.now.Master("m7"); there {
		t.Error("a part was imported")
	}
	if got := to.do("SENTINEL", "EXPORT", "x"); got != errSyntax {
		t.Errorf("answered %v", got)
	}
}

// TestImportScripts: an export makes the node run a program only where SENTINEL SET
// could.
func TestImportScripts(t *testing.T) {
	from := newBench(t)
	from.monitor("m")
	const denied = "deny-scripts-reconfig"
	tests := []struct {
		option, path, fault string
		allowed             bool
	}{
		{"notification-script", "/bin/sh", denied, false},
		{"client-reconfig-script", "/bin/sh", denied, false},
		{"notification-script", "/bin/sh", "", true},
		{"client-reconfig-script", "/nonexistent", "non existing", true},
	}
	for _, test := range tests {
		text := fmt.Sprintf(`{"format":1,"masters":[{"name":"m","address":"10.0.0.1:6379","quorum":1,"options":[{"Name":"parallel-syncs","Values":["2"]},`+
			`{"Name":%q,"Values":[%q]}]}]}`, strings.ToUpper(test.option), test.path)
		to := newBench(t)
		to.node.AllowScripts = test.allowed
		got, failed := to.do("SENTINEL", "IMPORT", text).(Error)
		if failed != (test.fault != "") || !strings.Contains(string(got), test.fault) || failed && !strings.Contains(string(got), test.option+" of master 'm'") {
			t.Errorf("%+v: answered %q", test, got)
		}
		if _, there := to.broker.now.Master("m"); there == failed {
			t.Errorf("%+v: imported: %v", test, there)
		}
	}
	// Masters without programs are imported anywhere.
	if got := newBench(t).do("SENTINEL", "IMPORT", string(from.do("SENTINEL", "EXPORT").(Bulk)), "CHECK"); got != OK {
		t.Errorf("without programs: %v", got)
	}
}

// TestExportIsConfirmed: what no majority confirms is exported only to who says
// that it may be old.
func TestExportIsConfirmed(t *testing.T) {
	b := newBench(t)
	b.monitor("m")
	confirmed := b.do("SENTINEL", "EXPORT")
	b.broker.fail = cluster.ErrNoQuorum
	if got, ok := b.do("SENTINEL", "EXPORT", "SECRETS").(Error); !ok || !strings.HasPrefix(string(got), "NOQUORUM ") {
		t.Errorf("without a majority it answers %v", got)
	}
	if got := b.do("SENTINEL", "EXPORT", "STALE"); !reflect.DeepEqual(got, confirmed) {
		t.Errorf("what the node knows is %v", got)
	}
}
