package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTable runs random changes on a table and on a plain map, and keeps old
// tables to see that they stay as they were.
func TestTable(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var tab table[int]
		plain := map[string]int{}
		type version struct {
			tab   table[int]
			plain map[string]int
		}
		var old []version
		keys := []int{10, 1000, 100_000}[rng.IntN(3)]
		for i := range 2000 {
			key := fmt.Sprintf("k%06d", rng.IntN(keys))
			if rng.IntN(3) == 0 {
				tab = tab.without(key)
				delete(plain, key)
			} else {
				tab = tab.with(key, i)
				plain[key] = i
			}
			if v, ok := tab.get(key); ok != contains(plain, key) || v != plain[key] {
				t.Fatalf("seed %d: %s is %d, %t", seed, key, v, ok)
			}
			if i%200 == 0 {
				old = append(old, version{tab, maps.Clone(plain)})
				sameAsMap(t, tab, plain)
			}
		}
		for _, v := range old {
			sameAsMap(t, v.tab, v.plain)
		}
		for key := range plain {
			tab = tab.without(key)
		}
		sameAsMap(t, tab, nil)
	}
}

func contains(m map[string]int, key string) bool { _, ok := m[key]; return ok }

func sameAsMap(t *testing.T, tab table[int], plain map[string]int) {
	t.Helper()
	if tab.len() != len(plain) {
		t.Fatalf("%d entries, not %d", tab.len(), len(plain))
	}
	var keys []string
	for k, v := range tab.all() {
		keys = append(keys, k)
		if plain[k] != v {
			t.Fatalf("%s is %d, not %d", k, v, plain[k])
		}
	}
	if want := slices.Sorted(maps.Keys(plain)); !slices.Equal(keys, want) {
		t.Fatalf("keys %v, not %v", keys, want)
	}
	for _, rows := range tab.chunks {
		if len(rows) == 0 || len(rows) > chunkSize {
			t.Fatalf("a chunk of %d", len(rows))
		}
	}
	text, err := json.Marshal(tab)
	var back table[int]
	if err != nil || json.Unmarshal(text, &back) != nil || !maps.Equal(maps.Collect(back.all()), plain) && len(plain) > 0 {
		t.Fatalf("the codec makes %s of it, %v", text, err)
	}
}

func TestTableStops(t *testing.T) {
	var tab table[int]
	for i := range 300 {
		tab = tab.with(fmt.Sprintf("%03d", i), i)
	}
	n := 0
	for range tab.all() {
		if n++; n == 200 {
			break
		}
	}
	if n != 200 {
		t.Errorf("%d entries before the break", n)
	}
	if _, ok := tab.get("nowhere"); ok || tab.without("nowhere").len() != 300 {
		t.Error("a key that is not there was found")
	}
}
