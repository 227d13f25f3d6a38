package chaos

import (
	"reflect"
	"testing"

	"redis-failover/tests/procs"
)

func TestPlanIsTheSeed(t *testing.T) {
	s := shape{faults: 300, nodes: 3, servers: 3, keepers: 3}
	first := plan(7, s)
	if len(first) != s.faults || !reflect.DeepEqual(first, plan(7, s)) {
		t.Errorf("the same seed gives %d faults, and others the second time", len(first))
	}
	if reflect.DeepEqual(first, plan(8, s)) {
		t.Error("another seed gives the same faults")
	}
	count := map[kind]int{}
	for _, f := range first {
		count[f.kind]++
	}
	for k := range kinds {
		if count[kind(k)] == 0 {
			t.Errorf("no %v among %d faults", kind(k), s.faults)
		}
	}
}

func TestPlanHitsAProcessOnce(t *testing.T) {
	for seed := range uint64(50) {
		var hit []fault
		for _, f := range plan(seed, shape{faults: 200, nodes: 5, servers: 3}) {
			if f.kind < freeze {
				continue
			}
			for _, other := range hit {
				same := f.machine == other.machine && f.kind < freezeMaster && other.kind < freezeMaster ||
					f.kind >= freezeMaster && other.kind >= freezeMaster
				if same && f.at < other.at+other.lasts {
					t.Errorf("seed %d: %v while %v", seed, f, other)
				}
			}
			hit = append(hit, f)
		}
	}
}

func TestFaultsOnWays(t *testing.T) {
	camps := []int{0, 1, 1, 0}
	tests := []struct {
		f   fault
		bad [][2]int
	}{
		{fault{kind: split, camps: camps}, [][2]int{{0, 1}, {0, 2}, {1, 0}, {1, 3}, {2, 0}, {2, 3}, {3, 1}, {3, 2}}},
		{fault{kind: mute, machine: 0, camps: camps}, [][2]int{{0, 1}, {0, 2}}},
		{fault{kind: deaf, machine: 0, camps: camps}, [][2]int{{1, 0}, {2, 0}}},
		{fault{kind: slow, machine: 0, camps: camps}, [][2]int{{0, 1}, {0, 2}, {1, 0}, {2, 0}}},
		{fault{kind: apart, machine: 0}, [][2]int{{clients, 0}, {0, clients}}},
		{fault{kind: kill, machine: 0}, nil},
	}
	for _, test := range tests {
		bad := map[[2]int]bool{}
		for _, way := range test.bad {
			bad[way] = true
		}
		for from := clients; from < len(camps); from++ {
			for to := clients; to < len(camps); to++ {
				if from != to && test.f.on(from, to) != bad[[2]int{from, to}] {
					t.Errorf("%v: the way from %d to %d is bad: %v", test.f.kind, from, to, test.f.on(from, to))
				}
			}
		}
	}
	got := worse(procs.Quality{Loss: 0.1, Delay: 1, Jitter: 2}, procs.Quality{Cut: true, Loss: 0.2, Delay: 3, Jitter: 4})
	if want := (procs.Quality{Cut: true, Loss: 0.2, Delay: 4, Jitter: 6}); got != want {
		t.Errorf("two faults on one way are %+v, want %+v", got, want)
	}
}
