package state

import (
	"errors"
	"reflect"
	"testing"
)

// modern is an empty document in which the second schema is in force.
func modern(t *testing.T) *doc {
	d := newDoc(t)
	d.must(OpMember{Member{ID: alice, RunID: "run", Addr: addr(100), Schema: SchemaVersion, Alive: true}})
	return d
}

func option(name, value string) Option { return Option{Name: name, Values: []string{value}} }

// global is a value with its "said" in one.
type global struct {
	value string
	said  bool
}

func (d *doc) wantGlobals(want map[string]global) {
	d.t.Helper()
	for _, name := range []string{ResolveHostnames, AnnounceHostnames, SentinelUser, SentinelPass} {
		w, ok := want[name]
		if !ok {
			w.value = globalRules[name].unsaid
		}
		if value, said := d.s.Global(name); value != w.value || said != w.said {
			d.t.Errorf("%s is %q, said: %t; want %+v", name, value, said, w)
		}
	}
}

func TestConfig(t *testing.T) {
	d := modern(t)
	d.wantGlobals(nil)
	if out := d.must(OpConfig{}); !out.Unchanged {
		t.Errorf("nothing to set: %+v", out)
	}
	out := d.must(OpConfig{Options: []Option{option(SentinelPass, "\x00\xff"), option(AnnounceHostnames, "YES")}})
	if out.Unchanged || len(out.Events) > 0 {
		t.Errorf("outcome %+v", out)
	}
	want := map[string]global{SentinelPass: {"\x00\xff", true}, AnnounceHostnames: {"yes", true}}
	d.wantGlobals(want)
	if d.s.ResolveHostnames() || !d.s.AnnounceHostnames() {
		t.Error("resolve-hostnames is no, announce-hostnames is yes")
	}
	back, err := DecodeState(encoded(t, d.s))
	if err != nil || !reflect.DeepEqual(back.globals, d.s.globals) {
		t.Errorf("they came back as %v, %v", back.globals, err)
	}

	if out := d.must(OpConfig{Options: []Option{option(AnnounceHostnames, "yes")}}); !out.Unchanged {
		t.Errorf("the same again: %+v", out)
	}
	// A file sets what was never set, and nothing else.
	d.must(OpConfig{Seed: true, Options: []Option{option(AnnounceHostnames, "no"), option(SentinelUser, "u"), option(SentinelPass, "")}})
	want[SentinelUser] = global{"u", true}
	d.wantGlobals(want)
	d.must(OpConfig{Options: []Option{option(SentinelUser, ""), option(AnnounceHostnames, "no"), option(AnnounceHostnames, "yes"), option(SentinelPass, "")}})
	d.must(OpConfig{Seed: true, Options: []Option{option(SentinelUser, "u")}})
	want[SentinelUser], want[SentinelPass] = global{"", true}, global{"", true}
	d.wantGlobals(want)
}

// TestConfigRefused: one bad setting, and nothing is changed.
func TestConfigRefused(t *testing.T) {
	good := option(AnnounceHostnames, "yes")
	for _, op := range []OpConfig{
		{Options: []Option{good, option(ResolveHostnames, "maybe")}},
		{Options: []Option{good, option("loglevel", "debug")}},
		{Options: []Option{good, option("", "")}},
		{Options: []Option{good, {Name: SentinelUser}}},
		{Options: []Option{good, {Name: SentinelUser, Values: []string{"a", "b"}}}},
		{Options: []Option{good}, Member: bob, Announce: addr(7)},
		{Options: []Option{good}, Member: alice},
	} {
		d := modern(t)
		d.wantRefused(d.do(op), RefusedInvalid)
		d.wantGlobals(nil)
	}
	d := newDoc(t)
	d.must(knowing(alice, 1))
	d.wantRefused(d.do(OpConfig{Options: []Option{good}}), RefusedSchema)
}

// TestConfigAnnounce: settings and a member's address change together, and
// clients are told of the move as of any other.
func TestConfigAnnounce(t *testing.T) {
	d := modern(t)
	d.must(OpMember{Member{ID: bob, RunID: "run", Addr: addr(101), Schema: SchemaVersion, Alive: true}})
	d.must(monitorM(1))
	out := d.must(OpConfig{Options: []Option{option(SentinelUser, "u")}, Member: alice, Announce: addr(7)})
	d.wantEvents(out, "* +sentinel-address-switch master m 10.0.0.1 6379 ip 10.0.0.7 port 6379 for "+string(alice))
	if m, _ := d.s.Member(alice); m.Addr != addr(7) {
		t.Errorf("the member is at %s", m.Addr)
	}
	if out := d.must(OpConfig{Member: alice, Announce: addr(7)}); !out.Unchanged || len(out.Events) > 0 {
		t.Errorf("the same again: %+v", out)
	}
}

func TestCheckGlobal(t *testing.T) {
	if err := CheckGlobal(option(ResolveHostnames, "No")); err != nil {
		t.Error(err)
	}
	if err, want := CheckGlobal(option(ResolveHostnames, "1")), (ErrInvalidValue{ResolveHostnames, "1"}); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if err, want := CheckGlobal(option("quorum", "1")), (ErrUnknownOption{"quorum"}); !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if !IsGlobal(SentinelPass) || IsGlobal("quorum") || !OptionSecret(SentinelPass) || OptionSecret(SentinelUser) {
		t.Error("the settings are not told apart")
	}
}
