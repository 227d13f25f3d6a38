package monitor

import (
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

var someID = strings.Repeat("a1", 20)

func TestParseHello(t *testing.T) {
	want := failover.Hello{
		Addr: state.Addr{Host: "10.0.0.9", Port: 26379}, ID: state.MemberID(someID), Epoch: 7,
		Name: "mymaster", Master: state.Addr{Host: "10.0.0.1", Port: 6379}, ConfigEpoch: 3,
	}
	got, ok := ParseHello("10.0.0.9,26379," + someID + ",7,mymaster,10.0.0.1,6379,3")
	if !ok || got != want {
		t.Errorf("got %+v, %t, want %+v", got, ok, want)
	}
	got, ok = ParseHello("::1,26379," + someID + ",7,mymaster,redis.example,6379,3")
	if !ok || got.Addr.Host != "::1" || got.Master.Host != "redis.example" {
		t.Errorf("IPv6 and a host name: got %+v, %t", got, ok)
	}
	for _, text := range []string{
		"", ",,,,,,,", "hello",
		"10.0.0.9,26379," + someID + ",7,mymaster,10.0.0.1,6379",
		"10.0.0.9,26379," + someID + ",7,mymaster,10.0.0.1,6379,3,4",
		"10.0.0.9,26379,x,7,mymaster,10.0.0.1,6379,3",
		"10.0.0.9,0," + someID + ",7,mymaster,10.0.0.1,6379,3",
		"10.0.0.9,65536," + someID + ",7,mymaster,10.0.0.1,6379,3",
		",26379," + someID + ",7,mymaster,10.0.0.1,6379,3",
		"10.0.0.9,26379," + someID + ",-7,mymaster,10.0.0.1,6379,3",
		"10.0.0.9,26379," + someID + ",7,mymaster,a b,6379,3",
		"10.0.0.9,26379," + someID + ",7,mymaster,10.0.0.1,6379,99999999999999999999",
		"10.0.0.9,26379," + someID + ",7," + strings.Repeat("m", maxName+1) + ",10.0.0.1,6379,3",
	} {
		if got, ok := ParseHello(text); ok {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

// What strangers publish is refused or bounded, and never ends the process.
func FuzzParseHello(f *testing.F) {
	f.Add("10.0.0.9,26379," + someID + ",7,mymaster,10.0.0.1,6379,3")
	f.Add(",,,,,,,")
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := ParseHello(text)
		if !ok {
			if h != (failover.Hello{}) {
				t.Fatalf("%q was refused with %+v", text, h)
			}
			return
		}
		if len(h.ID) != idLen || h.Addr.Port < 1 || h.Addr.Port > maxPort || h.Master.Port < 1 || h.Master.Port > maxPort ||
			len(h.Addr.Host) > maxHostLen || len(h.Master.Host) > maxHostLen || len(h.Name) > maxName {
			t.Fatalf("%q was read as %+v", text, h)
		}
	})
}
