package compat

import (
	"slices"
	"strings"
	"testing"
)

// What Redis's own tests of Sentinel ask of one server without a failover (files
// 00-base, 13-info-command and 14-debug-command); asked of both, so that a
// mistake of this test shows.
func TestRedisSuite(t *testing.T) {
	p := newPair(t, "")
	for _, s := range []side{p.stock, p.ours} {
		t.Run(s.name, func(t *testing.T) {
			c := s.dial(t)
			ask := func(line string) value {
				t.Helper()
				c.send(split(t, line))
				return c.read(1)[0]
			}
			t.Run("commands", func(t *testing.T) { askCommands(t, ask) })
			t.Run("info", func(t *testing.T) { askInfo(t, ask) })
			t.Run("small ones", func(t *testing.T) { askSmallOnes(t, ask) })
		})
	}
}

func askCommands(t *testing.T, ask func(string) value) {
	var list []string
	for _, name := range ask("COMMAND LIST").list {
		list = append(list, name.text)
	}
	for _, name := range []string{"ping", "info", "subscribe", "client|list", "sentinel|masters"} {
		if !slices.Contains(list, name) || len(ask("COMMAND DOCS "+name).list) == 0 {
			t.Errorf("%s is not listed or not described", name)
		}
	}
	for _, name := range []string{"save", "bgrewriteaof", "blpop", "replicaof"} {
		if slices.Contains(list, name) || len(ask("COMMAND DOCS "+name).list) != 0 {
			t.Errorf("%s is listed or described", name)
		}
		if got := ask(name + " a b"); got.kind != '-' || !strings.HasPrefix(got.text, "ERR unknown command") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func askInfo(t *testing.T, ask func(string) value) {
	absent := []string{"used_memory", "rdb_last_bgsave", "master_repl_offset", "cluster_enabled"}
	for line, present := range map[string][]string{
		"INFO":              {"process_id:", "connected_clients:", "total_connections_received:", "used_cpu_user:", "sentinel_tilt:"},
		"INFO all":          {"process_id:", "connected_clients:", "used_cpu_user:", "sentinel_tilt:"},
		"INFO everything":   {"process_id:", "connected_clients:", "used_cpu_user:", "sentinel_tilt:"},
		"INFO default":      {"process_id:", "connected_clients:", "used_cpu_user:", "sentinel_tilt:"},
		"INFO cpu sentinel": {"used_cpu_user:", "sentinel_tilt:"},
		"INFO cpu all":      {"used_cpu_user:", "sentinel_tilt:", "process_id:"},
		"INFO cpu default":  {"used_cpu_user:", "sentinel_tilt:", "process_id:"},
		"INFO commandstats": nil,
	} {
		text := ask(line).text
		for _, field := range present {
			if !strings.Contains(text, "\n"+field) {
				t.Errorf("%s has no %s", line, field)
			}
		}
		for _, field := range absent {
			if strings.Contains(text, "\n"+field) {
				t.Errorf("%s has %s", line, field)
			}
		}
	}
	if text := ask("INFO cpu sentinel").text; strings.Contains(text, "process_id:") {
		t.Error("INFO cpu sentinel has what was not asked for")
	}
}

func askSmallOnes(t *testing.T, ask func(string) value) {
	if got := ask("SENTINEL HELP").list; len(got) == 0 || !strings.HasPrefix(got[0].text, "SENTINEL <subcommand> ") {
		t.Errorf("HELP begins with %v", got)
	}
	id := ask("SENTINEL MYID").text
	if len(id) != 40 || ask("SENTINEL MYID").text != id {
		t.Errorf("the id is %q, and then %s", id, ask("SENTINEL MYID"))
	}
	if got := ask("SENTINEL INFO-CACHE mymaster").list; len(got) != 2 || len(got[1].list) != 2 || len(got[1].list[0].list) != 2 ||
		!strings.Contains(got[1].list[0].list[1].text, "# Server") {
		t.Errorf("INFO-CACHE: %v", got)
	}
	for _, line := range []string{"SENTINEL MASTERS", "SENTINEL SLAVES mymaster", "SENTINEL REPLICAS mymaster"} {
		if got := ask(line).list; len(got) != 1 {
			t.Errorf("%s: %v", line, got)
		}
	}
	if got := ask("SENTINEL SIMULATE-FAILURE HELP").String(); got != `*["crash-after-election" "crash-after-promotion"]` {
		t.Errorf("SIMULATE-FAILURE HELP: %s", got)
	}
	if got := ask("CLIENT NO-TOUCH ON"); !strings.HasPrefix(got.String(), "-ERR unknown subcommand") {
		t.Errorf("CLIENT NO-TOUCH: %s", got)
	}
	before := ask("SENTINEL DEBUG").list
	if len(before) != 26 || before[0].text != "INFO-PERIOD" || ask("SENTINEL DEBUG info-period 8888").String() != "+OK" ||
		ask("SENTINEL DEBUG").list[1].text != "8888" {
		t.Errorf("DEBUG was %v, is %s", before, ask("SENTINEL DEBUG"))
	}
}

// A greeting that anybody may forge moves a Sentinel's master and makes it count
// one more peer. Ours answers in the same way, and nothing else happens.
func TestForgedGreeting(t *testing.T) {
	p := newPair(t, "")
	id := strings.Repeat("f", 40)
	forged := []string{"PUBLISH", "__sentinel__:hello", "127.0.0.1,1," + id + ",999,mymaster,127.0.0.9,1,999"}
	for _, s := range []side{p.stock, p.ours} {
		c := s.dial(t)
		ask := func(words ...string) string {
			t.Helper()
			c.send(words)
			return c.read(1)[0].String()
		}
		addr := ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
		if got := ask(forged...); got != ":1" {
			t.Errorf("%s: %s", s.name, got)
		}
		believes := s == p.stock
		if got := ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"); (got != addr) != believes {
			t.Errorf("%s: the master was %s, is %s", s.name, addr, got)
		}
		if got := ask("SENTINEL", "SENTINELS", "mymaster"); strings.Contains(got, id) != believes {
			t.Errorf("%s: the others are %s", s.name, got)
		}
		if got := ask("SENTINEL", "MASTER", "mymaster"); strings.Contains(got, `"config-epoch" "999"`) != believes {
			t.Errorf("%s: the master is %s", s.name, got)
		}
	}
}
