package state

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []string
		want   func(*Master) any
		is     any // nil: refused
	}{
		{"down-after-milliseconds", []string{"1"}, func(m *Master) any { return m.DownAfter }, time.Millisecond},
		{"DOWN-AFTER-MILLISECONDS", []string{"60000"}, func(m *Master) any { return m.DownAfter }, time.Minute},
		{"down-after-milliseconds", []string{"0"}, nil, nil},
		{"down-after-milliseconds", []string{"-1"}, nil, nil},
		{"down-after-milliseconds", []string{"1.5"}, nil, nil},
		{"down-after-milliseconds", []string{"x"}, nil, nil},
		{"down-after-milliseconds", []string{""}, nil, nil},
		{"down-after-milliseconds", []string{"1099511627776"}, func(m *Master) any { return m.DownAfter }, (1 << 40) * time.Millisecond},
		{"down-after-milliseconds", []string{"1099511627777"}, nil, nil},
		{"down-after-milliseconds", []string{"9223372036854775808"}, nil, nil},
		{"failover-timeout", []string{"5000"}, func(m *Master) any { return m.FailoverTimeout }, 5 * time.Second},
		{"failover-timeout", []string{"0"}, nil, nil},
		{"parallel-syncs", []string{"4"}, func(m *Master) any { return m.ParallelSyncs }, 4},
		{"parallel-syncs", []string{"0"}, nil, nil},
		{"parallel-syncs", []string{"2147483648"}, nil, nil},
		{"quorum", []string{"2147483647"}, func(m *Master) any { return m.Quorum }, 1<<31 - 1},
		{"quorum", []string{"0"}, nil, nil},
		{"master-reboot-down-after-period", []string{"0"}, func(m *Master) any { return m.RebootDownAfter }, time.Duration(0)},
		{"primary-reboot-down-after-period", []string{"7"}, func(m *Master) any { return m.RebootDownAfter }, 7 * time.Millisecond},
		{"master-reboot-down-after-period", []string{"-1"}, nil, nil},
		{"replica-witness-wait", []string{"0"}, func(m *Master) any { return m.WitnessWait }, time.Duration(0)},
		{"auth-user", []string{"u"}, func(m *Master) any { return m.AuthUser }, "u"},
		{"auth-user", []string{""}, func(m *Master) any { return m.AuthUser }, ""},
		{"auth-user", []string{"\xff"}, nil, nil},
		{"auth-pass", []string{"\xff"}, func(m *Master) any { return m.AuthPass }, Secret("\xff")},
		{"auth-pass", []string{""}, func(m *Master) any { return m.AuthPass }, Secret("")},
		{"notification-script", []string{"/n.sh"}, func(m *Master) any { return m.NotificationScript }, "/n.sh"},
		{"client-reconfig-script", []string{"/c.sh"}, func(m *Master) any { return m.ClientReconfigScript }, "/c.sh"},
		{"rename-command", []string{"config", "Guarded"}, func(m *Master) any { return m.Renames }, []Rename{{"CONFIG", "Guarded"}}},
		{"rename-command", []string{"", "x"}, nil, nil},
		{"rename-command", []string{"x", ""}, nil, nil},
		{"rename-command", []string{"x", "\xff"}, nil, nil},
		{"rename-command", []string{"x"}, nil, nil},
		{"quorum", []string{"1", "2"}, nil, nil},
		{"quorum", nil, nil, nil},
		{"no-such", []string{"1"}, nil, nil},
		{"", []string{"1"}, nil, nil},
	} {
		m := &Master{Settings: DefaultSettings(), Quorum: 1}
		before := *m
		err := m.Set(Option{Name: c.name, Values: c.values})
		if c.is == nil {
			if err == nil || !reflect.DeepEqual(*m, before) {
				t.Errorf("%s %q: %v, and the master is %+v", c.name, c.values, err, m)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(c.want(m), c.is) {
			t.Errorf("%s %q: %v, set to %v", c.name, c.values, err, c.want(m))
		}
	}
}

func TestOptionErrors(t *testing.T) {
	m := &Master{}
	invalid := ErrInvalidValue{}
	if err := m.Set(Option{Name: "quorum", Values: []string{"0"}}); !errors.As(err, &invalid) || invalid.Name != "quorum" || invalid.Value != "0" {
		t.Errorf("quorum 0: %v", err)
	}
	unknown := ErrUnknownOption{}
	if err := m.Set(Option{Name: "foo", Values: []string{"0"}}); !errors.As(err, &unknown) || unknown.Name != "foo" {
		t.Errorf("foo: %v", err)
	}
	if err := m.Set(Option{Name: "auth-pass", Values: []string{"tell", "nobody"}}); !errors.As(err, &unknown) || strings.Contains(err.Error(), "nobody") {
		t.Errorf("auth-pass with two values: %v", err)
	}
}

func TestRenames(t *testing.T) {
	m := &Master{}
	for _, pair := range [][2]string{{"slaveof", "s1"}, {"CONFIG", "c1"}, {"Slaveof", "s2"}, {"info", "i1"}, {"config", "CONFIG"}} {
		old := m.Renames
		kept := slices.Clone(old)
		if err := m.Set(Option{Name: "rename-command", Values: pair[:]}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(old, kept) {
			t.Fatal("the slice of an older document was written to")
		}
	}
	if want := []Rename{{"INFO", "i1"}, {"SLAVEOF", "s2"}}; !slices.Equal(m.Renames, want) {
		t.Errorf("renames %v", m.Renames)
	}
	if m.CommandName("SLAVEOF") != "s2" || m.CommandName("CONFIG") != "CONFIG" {
		t.Error("the names of commands are wrong")
	}
}

func TestOptionTable(t *testing.T) {
	names := OptionNames()
	if !slices.IsSorted(names) || len(names) != len(optionRules) {
		t.Errorf("names %v", names)
	}
	for _, name := range names {
		n, ok := OptionValues(strings.ToUpper(name))
		if !ok || n < 1 || n > 2 || OptionSecret(strings.ToUpper(name)) != (name == "auth-pass") {
			t.Errorf("%s takes %d values, %t", name, n, ok)
		}
	}
	if _, ok := OptionValues("foo"); ok || OptionSecret("foo") {
		t.Error("there is an option foo")
	}
}

func TestDiffering(t *testing.T) {
	values := map[string][]string{
		"down-after-milliseconds": {"1"}, "failover-timeout": {"1"}, "parallel-syncs": {"9"}, "quorum": {"9"},
		"master-reboot-down-after-period": {"9"}, "primary-reboot-down-after-period": {"9"}, "replica-witness-wait": {"9"},
		"stop-after-failed-failover": {"yes"}, "auth-user": {"u"}, "auth-pass": {"p"}, "notification-script": {"n"}, "client-reconfig-script": {"c"}, "rename-command": {"A", "b"},
	}
	for _, name := range OptionNames() {
		a, b := &Master{Settings: DefaultSettings(), Quorum: 1}, &Master{Settings: DefaultSettings(), Quorum: 1}
		if got := Differing(a, b); len(got) > 0 {
			t.Fatalf("equal masters differ in %v", got)
		}
		if err := b.Set(Option{Name: name, Values: values[name]}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := []string{strings.Replace(name, "primary-", "master-", 1)}
		if got := Differing(a, b); !slices.Equal(got, want) {
			t.Errorf("after %s they differ in %v", name, got)
		}
	}
}
