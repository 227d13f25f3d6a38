package commands

import (
	"strings"
	"testing"
)

// FuzzDispatch says anything to a node with one master. Whatever it is, there
// is a reply, and the document stays one that Sentinel's replies can be made of.
func FuzzDispatch(f *testing.F) {
	table, err := NewTable(All()...)
	if err != nil {
		f.Fatal(err)
	}
	for _, cmd := range table.flat() {
		f.Add(strings.ReplaceAll(cmd.FullName(), "|", "\x00") + strings.Repeat("\x00mymaster", max(0, abs(cmd.Arity)-2)))
	}
	for _, line := range []string{
		"SENTINEL MONITOR a 127.0.0.1 1 1", "SENTINEL SET mymaster quorum 2 rename-command a b", "SENTINEL RESET [a-", "CLIENT KILL ID 8 SKIPME no",
		"CLIENT TRACKING on BCAST PREFIX a PREFIX b", "HELLO 3 AUTH a b SETNAME c", "CLIENT LIST ID 7 8", "COMMAND DOCS sentinel|set",
		"SENTINEL IS-MASTER-DOWN-BY-ADDR 10.0.0.1 6379 0 x", "COMMAND LIST FILTERBY PATTERN *[", "CLIENT PAUSE 1 all", "INFO all cpu",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		b := newBench(t)
		b.monitor("mymaster")
		b.see("mymaster")
		if reply := b.do(strings.Split(line, "\x00")...); reply == nil {
			t.Error("no reply at all")
		}
		b.session.Update(func(c *Client) { c.Authenticated, c.Protocol = true, 3 })
		for _, line := range []string{"SENTINEL MASTERS", "INFO", "CLIENT LIST", "ROLE"} {
			if refused, ok := b.do(strings.Split(line, " ")...).(Error); ok {
				t.Errorf("%s afterwards: %s", line, refused)
			}
		}
	})
}

func abs(n int) int { return max(n, -n) }
