package commands

import (
	"reflect"
	"testing"
	"time"

	"redis-failover/monitor/failover"
	"redis-failover/monitor/scripts"
)

func TestDebugParameters(t *testing.T) {
	b := newBench(t)
	b.watcher.timing = failover.Timing{CheckInterval: time.Second, InfoPeriod: 10 * time.Second}
	b.scripts.times = scripts.SentinelTimes()
	shown := func() map[string]Reply {
		list := map[string]Reply{}
		for _, pair := range b.do("SENTINEL", "DEBUG").(Map) {
			list[pair.Key] = pair.Value
		}
		return list
	}
	before := shown()
	if len(before) != 13 || before["INFO-PERIOD"] != Bulk("10000") || before["SCRIPT-RETRY-DELAY"] != Bulk("30000") {
		t.Errorf("shown are %v", before)
	}

	// One wrong pair, and nothing is changed.
	for _, test := range []struct {
		words []string
		want  Reply
	}{
		{[]string{"ping-period", "7", "ask-period", "0"}, Error("ERR Invalid argument '0' for SENTINEL DEBUG 'ask-period'")},
		{[]string{"ping-period", "7", "Info-Period", "abc"}, Error("ERR Invalid argument 'abc' for SENTINEL DEBUG 'Info-Period'")},
		{[]string{"ping-period", "31536000001"}, Error("ERR Invalid argument '31536000001' for SENTINEL DEBUG 'ping-period'")},
		{[]string{"ping-period", "7", "Foo", "7"}, Error("ERR Unknown option or number of arguments for SENTINEL DEBUG 'Foo'")},
		{[]string{"ping-period", "7", "info-period"}, Error("ERR Unknown option or number of arguments for SENTINEL DEBUG 'info-period'")},
	} {
		if got := b.do(append([]string{"SENTINEL", "DEBUG"}, test.words...)...); got != test.want {
			t.Errorf("%q: %v, want %v", test.words, got, test.want)
		}
	}
	if after := shown(); !reflect.DeepEqual(after, before) {
		t.Errorf("refused changes left %v, want %v", after, before)
	}

	all := []string{"SENTINEL", "DEBUG"}
	for _, parameter := range debugParameters {
		all = append(all, parameter.name, "123")
	}
	if got := b.do(all...); got != OK {
		t.Fatal(got)
	}
	for name, value := range shown() {
		if value != Bulk("123") {
			t.Errorf("%s is %v", name, value)
		}
	}
	const period = 123 * time.Millisecond
	if got := (failover.Timing{CheckInterval: period, InfoPeriod: period, ReconfLimit: period, TiltTrigger: period, TiltPeriod: period}); b.watcher.timing != got {
		t.Errorf("the monitor goes by %+v", b.watcher.timing)
	}
	if b.scripts.times != (scripts.Times{MaxRuntime: period, RetryDelay: period}) {
		t.Errorf("scripts are run by %+v", b.scripts.times)
	}
	if got := b.do("SENTINEL", "MONITOR", "m", "10.0.0.1", "6379", "1"); got != OK {
		t.Fatal(got)
	}
	if m := b.master("m"); m.DownAfter != period || m.FailoverTimeout != period {
		t.Errorf("a new master has %+v", m.Settings)
	}
}
