package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestFaultText(t *testing.T) {
	for _, tc := range []struct {
		fault Fault
		want  string
	}{
		{Fault{At: Pos{File: "a.conf", Line: 3}, Subject: "port x", Problem: "No number.", Remedy: "Give one."},
			"a.conf:3: 'port x': No number. Give one."},
		{Fault{At: Pos{File: "a.conf"}, Problem: "There is no such file."}, "a.conf: There is no such file."},
		{Fault{At: Pos{Name: "-addr"}, Subject: "-addr x", Problem: "No address."}, "'-addr x': No address."},
	} {
		if got := tc.fault.Error(); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

func TestCollectorSortsByFileAndLine(t *testing.T) {
	var c Collector
	for _, at := range []Pos{{File: "b", Line: 2}, {File: "a", Line: 10}, {File: "b", Line: 1}, {Name: "-addr"}, {File: "a", Line: 9}} {
		c.Add(Fault{At: at, Problem: at.String()})
	}
	var got []string
	for _, f := range c.List() {
		got = append(got, f.Problem)
	}
	if want := "-addr a:9 a:10 b:1 b:2"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	var one Fault
	if err := c.Err(); !errors.As(fmt.Errorf("wrapped: %w", err), &one) || one.At.Name != "-addr" {
		t.Errorf("errors.As found %v", one)
	}
}

func TestCollectorIsBounded(t *testing.T) {
	var c Collector
	if c.Err() != nil {
		t.Fatal("an empty collector has an error")
	}
	for i := range 3 * limit {
		c.Add(Fault{At: Pos{File: "f", Line: i + 1}})
	}
	l := c.List()
	if len(l) != limit+1 || !c.Full() || l[limit].Remedy != "Is it the right file?" {
		t.Errorf("%d faults, last %q", len(l), l[len(l)-1].Problem)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"port", "bind", "requirepass", "failover-timeout", "down-after-milliseconds", "raft_addr", "raft_data_dir"}
	for typed, want := range map[string]string{
		"prot":                    "port",
		"PORT":                    "port",
		"requirepas":              "requirepass",
		"failover-timout":         "failover-timeout",
		"failover_timeout":        "failover-timeout",
		"down-after":              "down-after-milliseconds",
		"raft-adr":                "raft_addr",
		"xyzzy":                   "",
		"":                        "",
		strings.Repeat("p", 1000): "",
	} {
		if got := Nearest(typed, known); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", typed, got, want)
		}
	}
	if got := DidYouMean("xyzzy", known, "See the manual."); got != "See the manual." {
		t.Errorf("DidYouMean = %q", got)
	}
}

func TestShow(t *testing.T) {
	for text, want := range map[string]string{
		"plain 'text' \"x\" \\": "plain 'text' \"x\" \\",
		"tab\there\x00":         `tab\there\x00`,
		"é\xff\u202e":           `é\xff\u202e`,
	} {
		if got := Show(text); got != want {
			t.Errorf("Show(%q) = %s, want %s", text, got, want)
		}
	}
	if got := Show(strings.Repeat("x", 1<<20)); got != strings.Repeat("x", maxShown)+"…" {
		t.Errorf("long text is shown as %d bytes", len(got))
	}
}
