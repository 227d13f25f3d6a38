package commands

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"redis-failover/monitor/scripts"
)

func TestPendingScripts(t *testing.T) {
	b := newBench(t)
	b.scripts.pending = []scripts.Script{
		{Argv: []string{"/n.sh", "+odown", "master m 10.0.0.1 6379"}, Running: true, Pid: 77, Time: 1999 * time.Microsecond, Attempts: 1},
		{Argv: []string{"/c.sh", "m"}, Time: time.Minute, Attempts: 2},
	}
	want := Array{
		Map{{"argv", Array{Bulk("/n.sh"), Bulk("+odown"), Bulk("master m 10.0.0.1 6379")}}, {"flags", Bulk("running")}, {"pid", Bulk("77")},
			{"run-time", Bulk("1")}, {"retry-num", Bulk("1")}},
		Map{{"argv", Array{Bulk("/c.sh"), Bulk("m")}}, {"flags", Bulk("scheduled")}, {"pid", Bulk("0")}, {"run-delay", Bulk("60000")}, {"retry-num", Bulk("2")}},
	}
	if got := b.do("SENTINEL", "PENDING-SCRIPTS"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	info := string(b.do("INFO", "sentinel").(Bulk))
	if want := "\r\nsentinel_running_scripts:1\r\nsentinel_scripts_queue_length:2\r\n"; !strings.Contains(info, want) {
		t.Errorf("INFO does not contain %q:\n%s", want, info)
	}
}
