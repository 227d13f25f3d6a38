package monitor

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// factsOfNothing is what an INFO without any known line says.
func factsOfNothing() failover.Facts {
	return failover.Facts{SecondOffset: -1, LastIO: -time.Second, Priority: 100, Announced: true}
}

func sampleInfo(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParseInfoOfRealServers(t *testing.T) {
	master, replica := factsOfNothing(), factsOfNothing()
	master.RunID = "f4642f97a7f6ad3f839f9d3b0eef18d0c007c061"
	master.Role = failover.RoleMaster
	master.ReplID = "801454fe70aa68ab56ccd884ef7cc8d498e080b2"
	master.ReplID2 = "3f1e8a9b0c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f"
	master.SecondOffset = 1203
	master.Offset, master.HasOffset = 420345, true
	master.Replicas = []state.Addr{{Host: "127.0.0.1", Port: 17998}, {Host: "10.0.0.12", Port: 6379}}

	replica.RunID = "21caad03dc39e290ad787344c59a34583bcf976c"
	replica.Role = failover.RoleReplica
	replica.ReplID = "801454fe70aa68ab56ccd884ef7cc8d498e080b2"
	replica.MasterHost, replica.MasterPort = "127.0.0.1", 17999
	replica.LinkUp, replica.LastIO = true, 2*time.Second
	replica.Offset, replica.HasOffset = 420331, true

	// LedisDB has neither run ids nor histories, and words of its own for who
	// follows whom.
	ledisMaster, ledisReplica := factsOfNothing(), factsOfNothing()
	ledisMaster.Role = failover.RoleMaster
	ledisMaster.Replicas = []state.Addr{{Host: "127.0.0.1", Port: 21381}, {Host: "127.0.0.1", Port: 21382}}

	ledisReplica.Role = failover.RoleReplica
	ledisReplica.MasterHost, ledisReplica.MasterPort = "127.0.0.1", 21380
	ledisReplica.LinkUp = true
	ledisReplica.Offset, ledisReplica.HasOffset = 17, true

	for file, want := range map[string]failover.Facts{
		"info-master.txt": master, "info-replica.txt": replica,
		"info-ledisdb-master.txt": ledisMaster, "info-ledisdb-replica.txt": ledisReplica,
	} {
		lf := sampleInfo(t, file)
		for ends, text := range map[string]string{"LF": lf, "CRLF": strings.ReplaceAll(lf, "\n", "\r\n")} {
			if got := ParseInfo(text); !reflect.DeepEqual(got, want) {
				t.Errorf("%s with %s:\n got %+v\nwant %+v", file, ends, got, want)
			}
		}
	}
}

func TestParseInfoLines(t *testing.T) {
	id := strings.Repeat("a1", 20)
	type facts = failover.Facts
	tests := []struct {
		name, text string
		want       func(f *facts)
	}{
		{"nothing", "", func(f *facts) {}},
		{"no lines that count", "# Server\nredis_version:7.0.15\nno colon\n:\n\n", func(f *facts) {}},
		{"no line end", "role:master", func(f *facts) { f.Role = failover.RoleMaster }},
		{"unknown role", "role:sentinel\n", func(f *facts) {}},
		{"prefix of a key", "roles:master\nrun_ids:" + id, func(f *facts) {}},

		{"run id", "run_id:" + id, func(f *facts) { f.RunID = state.RunID(id) }},
		{"run id in capitals", "run_id:" + strings.ToUpper(id), func(f *facts) { f.RunID = state.RunID(strings.ToUpper(id)) }},
		{"short run id", "run_id:" + id[1:], func(f *facts) {}},
		{"long run id", "run_id:" + id + "0", func(f *facts) {}},
		{"run id not hex", "run_id:" + id[1:] + "g", func(f *facts) {}},
		{"run id not hex, control character", "run_id:" + id[1:] + "\x10", func(f *facts) {}},
		{"no history", "master_replid:" + noHistory + "\nmaster_replid2:" + noHistory, func(f *facts) {}},

		{"offset of a master", "role:master\nmaster_repl_offset:7\nslave_repl_offset:5", func(f *facts) {
			f.Role, f.Offset, f.HasOffset = failover.RoleMaster, 7, true
		}},
		{"offset of a replica", "role:slave\nmaster_repl_offset:7\nslave_repl_offset:5", func(f *facts) {
			f.Role, f.Offset, f.HasOffset = failover.RoleReplica, 5, true
		}},
		{"replica without offset", "role:slave\nmaster_repl_offset:7", func(f *facts) { f.Role = failover.RoleReplica }},
		{"offset zero", "role:slave\nslave_repl_offset:0", func(f *facts) {
			f.Role, f.HasOffset = failover.RoleReplica, true
		}},
		{"offset too large", "role:slave\nslave_repl_offset:9223372036854775808", func(f *facts) { f.Role = failover.RoleReplica }},
		{"offset not a number", "role:slave\nslave_repl_offset:12x", func(f *facts) { f.Role = failover.RoleReplica }},

		{"link down since", "role:slave\nmaster_link_status:down\nmaster_link_down_since_seconds:12", func(f *facts) {
			f.Role, f.LinkDown = failover.RoleReplica, 12*time.Second
		}},
		{"link never up", "role:slave\nmaster_link_down_since_seconds:-1\nmaster_last_io_seconds_ago:-1", func(f *facts) {
			f.Role, f.LinkDown = failover.RoleReplica, -time.Second
		}},
		{"absurd seconds", "role:slave\nmaster_link_down_since_seconds:9300000000\nmaster_last_io_seconds_ago:-2", func(f *facts) {
			f.Role = failover.RoleReplica
		}},
		{"syncing", "role:slave\nmaster_sync_in_progress:1", func(f *facts) { f.Role, f.Syncing = failover.RoleReplica, true }},
		{"priority 0", "slave_priority:0", func(f *facts) { f.Priority = 0 }},
		{"negative priority", "slave_priority:-1", func(f *facts) {}},
		{"huge priority", fmt.Sprintf("slave_priority:%d", math.MaxInt32+1), func(f *facts) {}},
		{"not announced", "replica_announced:0", func(f *facts) { f.Announced = false }},
		{"loading", "loading:1", func(f *facts) { f.Loading = true }},

		{"master by name", "role:slave\nmaster_host:redis-0.redis\nmaster_port:6379", func(f *facts) {
			f.Role, f.MasterHost, f.MasterPort = failover.RoleReplica, "redis-0.redis", 6379
		}},
		{"master by IPv6", "role:slave\nmaster_host:2001:db8::7\nmaster_port:6379", func(f *facts) {
			f.Role, f.MasterHost, f.MasterPort = failover.RoleReplica, "2001:db8::7", 6379
		}},
		{"master in one line", "role:slave\nslaveof:redis-0.redis:6379", func(f *facts) {
			f.Role, f.MasterHost, f.MasterPort = failover.RoleReplica, "redis-0.redis", 6379
		}},
		{"master in one line, by IPv6", "role:slave\nslaveof:[2001:db8::7]:6379", func(f *facts) {
			f.Role, f.MasterHost, f.MasterPort = failover.RoleReplica, "2001:db8::7", 6379
		}},
		{"no master in one line", "role:master\nslaveof:", func(f *facts) { f.Role = failover.RoleMaster }},
		{"impossible master in one line", "role:slave\nslaveof:h:65536", func(f *facts) { f.Role = failover.RoleReplica }},
		{"former master's line", "role:master\nslaveof:h:1", func(f *facts) { f.Role = failover.RoleMaster }},
		{"impossible master", "role:slave\nmaster_host:two words\nmaster_port:65536", func(f *facts) { f.Role = failover.RoleReplica }},
		{"former master's lines", "role:master\nmaster_host:h\nmaster_port:1\nmaster_link_status:up\nmaster_last_io_seconds_ago:3\n" +
			"master_sync_in_progress:1\nmaster_link_down_since_seconds:4", func(f *facts) { f.Role = failover.RoleMaster }},
		{"order of the lines", "slave_repl_offset:5\nmaster_host:h\nslave0:ip=r,port=1\nrole:slave", func(f *facts) {
			f.Role, f.MasterHost, f.Offset, f.HasOffset = failover.RoleReplica, "h", 5, true
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := factsOfNothing()
			tt.want(&want)
			if got := ParseInfo(tt.text); !reflect.DeepEqual(got, want) {
				t.Errorf("%q\n got %+v\nwant %+v", tt.text, got, want)
			}
		})
	}
}

func TestParseInfoReplicas(t *testing.T) {
	tests := []struct {
		line string
		want []state.Addr
	}{
		{"slave0:ip=10.0.0.1,port=6379,state=online,offset=1,lag=0", []state.Addr{{Host: "10.0.0.1", Port: 6379}}},
		{"slave12:port=6379,state=online,ip=10.0.0.1", []state.Addr{{Host: "10.0.0.1", Port: 6379}}},
		{"slave0:10.0.0.1,6379,online", []state.Addr{{Host: "10.0.0.1", Port: 6379}}},
		{"slave0:10.0.0.1,6379", []state.Addr{{Host: "10.0.0.1", Port: 6379}}},
		{"slave0:ip=2001:db8::7,port=6379,state=online", []state.Addr{{Host: "2001:db8::7", Port: 6379}}},
		{"slave0:::1,6379,online", []state.Addr{{Host: "::1", Port: 6379}}},
		{"slave0:ip=replica-1.example.net,port=1", []state.Addr{{Host: "replica-1.example.net", Port: 1}}},
		{"slave0:ip=a,port=65535\r\nslave1:ip=b,port=1", []state.Addr{{Host: "a", Port: 65535}, {Host: "b", Port: 1}}},
		{"slave0:ip=a,port=0,state=wait_bgsave", nil},
		{"slave0:ip=a,port=65536", nil},
		{"slave0:ip=a,port=-1", nil},
		{"slave0:ip=a", nil},
		{"slave0:port=1", nil},
		{"slave0:ip=,port=1", nil},
		{"slave0:ip=a b,port=1", nil},
		{"slave0:ip=a\x00b,port=1", nil},
		{"slave0:ip=a:b,port=1", nil},
		{"slave0:ip=[::1],port=1", nil},
		{"slave0:ip=" + strings.Repeat("a", 256) + ",port=1", nil},
		{"slave0:", nil},
		{"slave0:a", nil},
		{"slave_x:ip=a,port=1", nil},
		{"slaves:10.0.0.1:6379", []state.Addr{{Host: "10.0.0.1", Port: 6379}}},
		{"slaves:a:1,[2001:db8::7]:2,b:3", []state.Addr{{Host: "a", Port: 1}, {Host: "2001:db8::7", Port: 2}, {Host: "b", Port: 3}}},
		{"slaves:a:0,,b:1,c,:2", []state.Addr{{Host: "b", Port: 1}}},
		{"slaves:", nil},
		{"slaves:2", nil}, // a number of them, as connected_slaves is
		{"slave:ip=a,port=1", nil},
	}
	for _, tt := range tests {
		if got := ParseInfo("role:master\r\n" + tt.line + "\r\n").Replicas; !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.line, got, tt.want)
		}
	}
}

func TestParseInfoBoundsTheReplicas(t *testing.T) {
	for _, lines := range []string{strings.Repeat("slave0:ip=a,port=1\n", 5000), "slaves:" + strings.Repeat("a:1,", 5000)} {
		if got := len(ParseInfo("role:master\n" + lines).Replicas); got != maxListedReplicas {
			t.Errorf("got %d replicas from %.20q…, want the first %d", got, lines, maxListedReplicas)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add(sampleInfo(f, "info-master.txt"))
	f.Add(sampleInfo(f, "info-replica.txt"))
	f.Add(sampleInfo(f, "info-ledisdb-master.txt"))
	f.Add(sampleInfo(f, "info-ledisdb-replica.txt"))
	f.Add("role:slave\nmaster_host:h\nmaster_port:0\nslave_priority:-1\nslave_repl_offset:-9\nmaster_link_down_since_seconds:99999999999")
	f.Add("slave0:ip=a,port=1,ip=,port=0\nslave1:::1,1\nslave2:=,=\nslave3:,,,\r\n\r\r\n:::")
	f.Fuzz(func(t *testing.T, text string) {
		facts := ParseInfo(text)
		checkFacts(t, facts)
		if again := ParseInfo(text); !reflect.DeepEqual(facts, again) {
			t.Errorf("the same text gave %+v and %+v", facts, again)
		}
	})
}

// checkFacts fails if facts hold what no reply may put there.
func checkFacts(t *testing.T, f failover.Facts) {
	t.Helper()
	for _, a := range append(f.Replicas, state.Addr{Host: "-", Port: max(1, f.MasterPort)}) {
		if a.Port < 1 || a.Port > 65535 {
			t.Errorf("port out of range: %v", a)
		}
		if parsed, err := state.ParseAddr(a.String()); err != nil || parsed != a {
			t.Errorf("address %+v does not survive writing and reading: %+v, %v", a, parsed, err)
		}
	}
	if f.Priority < 0 {
		t.Errorf("negative priority %d", f.Priority)
	}
	if f.LinkDown < -time.Second || f.LastIO < -time.Second || f.Offset < -1 || f.SecondOffset < -1 {
		t.Errorf("below the least possible: %+v", f)
	}
	for _, id := range []string{string(f.RunID), string(f.ReplID), string(f.ReplID2)} {
		if id != "" && len(id) != idLen {
			t.Errorf("id %q", id)
		}
	}
}

func BenchmarkParseInfo(b *testing.B) {
	for _, name := range []string{"info-master.txt", "info-replica.txt"} {
		text := strings.ReplaceAll(sampleInfo(b, name), "\n", "\r\n")
		b.Run(strings.TrimSuffix(name, ".txt"), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				ParseInfo(text)
			}
		})
	}
}
