package state

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// exported is a document with everything that an export takes along, and much
// that it does not.
func exported(t *testing.T) *doc {
	d := withPauses(t)
	d.must(OpConfig{Options: []Option{{Name: ResolveHostnames, Values: []string{"yes"}}, {Name: SentinelPass, Values: []string{"\x00\xff"}}}})
	named := monitorM(3)
	named.Name, named.Addr, named.IP = "named", Addr{Host: "redis-1", Port: 6379}, "10.0.0.9"
	named.Replicas = []Addr{{Host: "redis-2", Port: 6379}}
	d.must(named)
	d.must(OpSet{Name: "m", Options: []Option{
		{Name: "auth-pass", Values: []string{"p\xffw"}}, {Name: "auth-user", Values: []string{"u"}}, {Name: "down-after-milliseconds", Values: []string{"1234"}},
		{Name: "rename-command", Values: []string{"CONFIG", "c"}}, {Name: "rename-command", Values: []string{"SLAVEOF", "s"}},
		{Name: "stop-after-failed-failover", Values: []string{"yes"}}, {Name: "replica-witness-wait", Values: []string{"0"}}, {Name: "quorum", Values: []string{"2"}},
	}})
	d.odown()
	c := d.must(OpBegin{Name: "m", Generation: d.master().Generation, Kind: Auto, Member: alice}).Claim
	d.must(OpSelect{Name: "m", Claim: c, Candidate: addr(2)})
	d.must(OpPromoted{Name: "m", Claim: c})
	d.must(OpPause{Name: "m", By: "ann", Why: "moving", For: time.Minute})
	return d
}

// into carries out an export on another document.
func into(t *testing.T, d *doc, e Export) {
	t.Helper()
	if len(e.Globals) > 0 {
		d.must(OpConfig{Options: e.Settings()})
	}
	for i := range e.Masters {
		op, err := e.Monitor(&e.Masters[i])
		if err != nil {
			t.Fatal(err)
		}
		d.must(op)
	}
}

// TestExportRoundTrip: what comes out of another document that read the export is
// the same export.
func TestExportRoundTrip(t *testing.T) {
	d := exported(t)
	e := d.s.Export(true)
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadExport(text)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(read, e) {
		t.Errorf("it was read as %+v, not as %+v", read, e)
	}
	other := newDoc(t)
	other.must(knowing(carol, SchemaVersion))
	into(t, other, read)
	if again := other.s.Export(true); !reflect.DeepEqual(again, e) {
		t.Errorf("the other document exports\n%+v, not\n%+v", again, e)
	}
	m := other.master()
	if m.Addr != addr(2) || m.ConfigEpoch != 1 || other.s.Epoch != 1 || m.AuthPass != "p\xffw" || m.Pause.For != time.Minute || len(m.Replicas) != 2 {
		t.Errorf("master %+v", m)
	}
	if differing := Differing(m, d.master()); len(differing) > 0 {
		t.Errorf("the settings %v differ", differing)
	}
}

// TestExportWithholds: without secrets there is none, and it says which are missing.
func TestExportWithholds(t *testing.T) {
	e := exported(t).s.Export(false)
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(e.Masters, func(x ExportedMaster) bool { return x.Name == "m" })
	if !e.Withheld || !slices.Equal(e.Masters[i].Withheld, []string{"auth-pass"}) || strings.Contains(string(text), `"secrets":`) {
		t.Errorf("exported %s", text)
	}
	if _, err := ReadExport(text); err != nil {
		t.Error(err)
	}
}

func TestReadExportErrors(t *testing.T) {
	const master = `{"name":"m","address":"10.0.0.1:6379","quorum":1,"options":[]}`
	with := func(masters string) string { return `{"format":1,"masters":[` + masters + `]}` }
	if _, err := ReadExport([]byte(with(master))); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                          "not an export",
		"[]":                        "not an export",
		with(master) + "x":          "something follows",
		`{"format":2}`:              "format 2, this build reads 1",
		`{"format":1,"of":1}`:       `unknown field "of"`,
		with(master + "," + master): "twice",
		with(strings.Replace(master, ":6379", "", 1)):                                                                      "10.0.0.1",
		with(strings.Replace(master, `10.0.0.1`, `a\u000bb`, 1)):                                                           "no host",
		with(strings.Replace(master, `[]`, `[],"replicas":["a=b:1"]`, 1)):                                                  "no host",
		with(strings.Replace(master, `[]`, `[],"ip":"a\nb"`, 1)):                                                           "no IP address",
		with(strings.Replace(master, `"quorum":1`, `"quorum":0`, 1)):                                                       "quorum",
		with(strings.Replace(master, `"m"`, `""`, 1)):                                                                      "name",
		with(strings.Replace(master, `[]`, `[{"name":"down-after-milliseconds","values":["0"]}]`, 1)):                      `"0"`,
		with(strings.Replace(master, `[]`, `[{"name":"?","values":["0"]}]`, 1)):                                            `"?"`,
		with(strings.Replace(master, `[]`, `[{"name":"quorum","values":["0"]}]`, 1)):                                       "quorum",
		with(strings.Replace(master, `[]`, `[],"paused":{"by":"ann","milliseconds":-9223372036854775808}`, 1)):             "a pause lasts",
		with(strings.Replace(master, `[]`, `[],"paused":{"by":"a\nb"}`, 1)):                                                "one line",
		strings.Replace(with(""), `"masters"`, `"globals":[{"name":"resolve-hostnames","values":["maybe"]}],"masters"`, 1): "maybe",
	} {
		if e, err := ReadExport([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s was read as %+v, %v; want an error with %q", text, e, err, want)
		}
	}
}
