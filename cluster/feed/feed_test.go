package feed

import (
	"context"
	"fmt"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

func TestFeed(t *testing.T) {
	doc := state.New()
	f := New(4, doc)
	add := func(n int) {
		var changes []cluster.Change
		for range n {
			doc, _ = state.Apply(doc, doc.Index+1, state.Mutation{Op: state.OpRemove{}})
			changes = append(changes, cluster.Change{Index: doc.Index, State: doc})
		}
		f.Publish(changes)
	}
	fetched := func(from state.Index) string {
		items, bell := f.fetch(nil, from)
		text := ""
		for _, c := range items {
			text += fmt.Sprintf("%d/%d/%t ", c.Index, c.State.Index, c.Reset)
		}
		if bell != nil {
			text += "wait"
		}
		return text
	}
	want := func(from state.Index, text string) {
		t.Helper()
		if got := fetched(from); got != text {
			t.Errorf("from %d: %q, not %q", from, got, text)
		}
	}
	want(0, "wait")
	add(3)
	want(0, "1/1/false 2/2/false 3/3/false ")
	want(3, "wait")
	add(1)
	want(0, "1/1/false 2/2/false 3/3/false 4/4/false ")
	add(1)
	want(0, "5/5/true ")
	want(1, "2/2/false 3/3/false 4/4/false 5/5/false ")
	want(9, "wait") // ahead of us: it will come
	add(10)
	want(4, "15/15/true ")
	want(11, "12/12/false 13/13/false 14/14/false 15/15/false ")

	reset, _ := state.Apply(doc, 40, state.Mutation{Op: state.OpRemove{}})
	doc = reset
	f.Reset(reset)
	want(15, "40/40/true ")
	want(40, "wait")
	add(2)
	want(40, "41/41/false 42/42/false ")
	want(15, "42/42/true ")
}

// TestFollow: a reader that waits is woken by a change, by a Reset and by Close,
// and reads to the end.
func TestFollow(t *testing.T) {
	doc := state.New()
	f := New(4, doc)
	items := make(chan cluster.Change)
	go func() {
		defer close(items)
		f.Follow(context.Background(), 0, func(c cluster.Change) bool { items <- c; return true })
	}()
	doc, _ = state.Apply(doc, 1, state.Mutation{Op: state.OpRemove{}})
	f.Publish([]cluster.Change{{Index: 1, State: doc}})
	if c := <-items; c.Index != 1 || c.Reset {
		t.Errorf("the first item is %+v", c)
	}
	doc, _ = state.Apply(doc, 9, state.Mutation{Op: state.OpRemove{}})
	f.Reset(doc)
	if c := <-items; c.Index != 9 || !c.Reset {
		t.Errorf("after a Reset the item is %+v", c)
	}
	doc, _ = state.Apply(doc, 10, state.Mutation{Op: state.OpRemove{}})
	f.Publish([]cluster.Change{{Index: 10, State: doc}})
	f.Close()
	f.Close()
	if c := <-items; c.Index != 10 {
		t.Errorf("what was published before Close came as %+v", c)
	}
	if c, more := <-items; more {
		t.Errorf("after Close comes %+v", c)
	}
}
