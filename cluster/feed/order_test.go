package feed_test

import (
	"slices"
	"testing"

	"redis-failover/cluster/feed"
)

func TestOrder(t *testing.T) {
	var told []string
	say := func(word string) func() { return func() { told = append(told, word) } }
	o := feed.NewOrder()
	o.Seen(9, say("nobody reads yet"))
	o.Begin(10)
	o.Seen(10, say("under 10"))
	o.Seen(12, say("under 12"))
	o.Seen(11, say("seen later, under 11"))
	o.Agreed(11, say("agreed 11"))
	o.Seen(11, say("seen last, under 11"))
	o.Agreed(12, say("agreed 12"))
	o.Agreed(13, say("agreed 13"))
	o.Seen(13, say("under 13"))
	want := []string{
		"nobody reads yet", "under 10", "agreed 11", "agreed 12", "under 12",
		"seen later, under 11", "seen last, under 11", "agreed 13", "under 13",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
