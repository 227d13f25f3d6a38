package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"redis-failover/cluster/state"
)

// TestPortions: together they are the export, each is below what a node takes, and
// an export without masters is still one.
func TestPortions(t *testing.T) {
	for _, masters := range []int{0, 1, portion, portion + 1, 10_000} {
		whole := state.Export{Format: state.ExportFormat, Epoch: 7, Globals: []state.ExportedOption{{Name: state.ResolveHostnames, Values: []string{"yes"}}}}
		for i := range masters {
			whole.Masters = append(whole.Masters, state.ExportedMaster{
				Name: fmt.Sprint("master-", i), Address: state.Addr{Host: "10.0.0.1", Port: 6379}, Quorum: 2,
				Replicas: []state.Addr{{Host: "10.0.0.2", Port: 6379}, {Host: "10.0.0.3", Port: 6379}},
				Options:  []state.ExportedOption{{Name: "down-after-milliseconds", Values: []string{"30000"}}, {Name: "auth-pass", Values: []string{"secret"}}},
			})
		}
		text, err := json.Marshal(whole)
		if err != nil {
			t.Fatal(err)
		}
		portions, err := portionsOf(text)
		if err != nil || len(portions) != max(1, (masters+portion-1)/portion) {
			t.Fatalf("%d masters make %d portions, %v", masters, len(portions), err)
		}
		together := whole
		together.Masters = nil
		for _, p := range portions {
			e, err := state.ReadExport(p)
			if err != nil || len(p) > 1<<19 || e.Epoch != whole.Epoch || !reflect.DeepEqual(e.Globals, whole.Globals) {
				t.Fatalf("a portion of %d bytes: %v, %+v", len(p), err, e.Globals)
			}
			together.Masters = append(together.Masters, e.Masters...)
		}
		if !reflect.DeepEqual(together, whole) {
			t.Errorf("%d masters came out as %d", masters, len(together.Masters))
		}
	}
	if _, err := portionsOf([]byte("x")); err == nil {
		t.Error("what is no export has portions")
	}
}
