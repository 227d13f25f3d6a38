package state

import "testing"

func TestAddr(t *testing.T) {
	for text, want := range map[string]Addr{
		"10.0.0.1:6379":     {"10.0.0.1", 6379},
		"redis.example:1":   {"redis.example", 1},
		"[::1]:65535":       {"::1", 65535},
		"[fe80::1%eth0]:26": {"fe80::1%eth0", 26},
	} {
		a, err := ParseAddr(text)
		if err != nil || a != want || a.String() != text {
			t.Errorf("%s: %+v (%s), %v", text, a, a, err)
		}
		marshalled, _ := a.MarshalText()
		var back Addr
		if err := back.UnmarshalText(marshalled); err != nil || back != a {
			t.Errorf("%s came back as %+v, %v", text, back, err)
		}
	}
	for _, text := range []string{"", ":", "host", "host:", ":6379", "host:0", "host:65536", "host:-1", "host:x", "::1:6379", "a b:1", "a,b:1", "a\nb:1", "[::1]"} {
		if a, err := ParseAddr(text); err == nil || a != (Addr{}) {
			t.Errorf("%q was read as %+v, %v", text, a, err)
		}
	}
	var zero Addr
	if text, err := zero.MarshalText(); err != nil || len(text) != 0 || !zero.IsZero() {
		t.Errorf("no address is written as %q, %v", text, err)
	}
	set := addr(1)
	if err := set.UnmarshalText(nil); err != nil || !set.IsZero() {
		t.Errorf("nothing is read as %+v, %v", set, err)
	}
	if addr(1).Compare(addr(2)) >= 0 || addr(1).Compare(addr(1)) != 0 || (Addr{"a", 2}).Compare(Addr{"a", 10}) >= 0 {
		t.Error("addresses are out of order")
	}
}

func TestDetails(t *testing.T) {
	v6 := Addr{"::1", 6379}
	if got, want := MasterDetails("m", v6), "master m ::1 6379"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	if got, want := ReplicaDetails(v6, "m", addr(1)), "slave [::1]:6379 ::1 6379 @ m 10.0.0.1 6379"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
