package local

import (
	"context"
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	n := NewNumbers(100)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	take := func(known uint64) uint64 {
		t.Helper()
		got, err := n.Take(ctx, known)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := take(0)
	if first != 100 {
		t.Errorf("the first is %d", first)
	}
	for i := range uint64(Span - 1) {
		if got := take(0); got != 101+i {
			t.Fatalf("%d after %d", got, 100+i)
		}
	}
	ended, stop := context.WithCancel(ctx)
	stop()
	if got, err := n.Take(ended, 0); err == nil {
		t.Errorf("%d was given out, which is too far from %d", got, first)
	}
	waits := make(chan uint64)
	go func() { waits <- take(0) }()
	n.GiveBack(first)
	if got := <-waits; got != 100+Span {
		t.Errorf("when the oldest is back, %d comes", got)
	}
	for i := range uint64(Span) {
		n.GiveBack(101 + i)
	}
	if got := take(5000); got != 5001 {
		t.Errorf("above 5000 comes %d", got)
	}
}
