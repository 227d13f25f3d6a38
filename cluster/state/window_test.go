package state

import (
	"math/rand/v2"
	"testing"
)

// TestWindow checks the sliding window against a set that forgets nothing.
func TestWindow(t *testing.T) {
	const reach = windowReach
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var w window
		seen := map[uint64]bool{}
		base := []uint64{0, 1 << 20, 1<<64 - 1 - 2_000_000}[rng.IntN(3)]
		top := uint64(0)
		for range 5000 {
			seq := base + 1 + uint64(rng.IntN(200))
			switch rng.IntN(50) {
			case 0:
				base += uint64(rng.IntN(3 * reach)) // jumps over more than the window
			case 1:
				seq = base - min(base, uint64(rng.IntN(2*reach))) // comes late
			default:
				base += uint64(rng.IntN(2))
			}
			tooOld := seq == 0 || top >= reach && seq <= top-reach
			want := !tooOld && !seen[seq]
			if got := w.add(seq); got != want {
				t.Fatalf("seed %d: add(%d) with top %d: %t, want %t", seed, seq, top, got, want)
			}
			if !tooOld {
				seen[seq] = true
				top = max(top, seq)
			}
			if w.Top != top {
				t.Fatalf("seed %d: top is %d, not %d", seed, w.Top, top)
			}
		}
	}
}

func TestWindowEdges(t *testing.T) {
	const reach = windowReach
	for _, c := range []struct {
		add  []uint64
		last bool
	}{
		{[]uint64{0}, false},
		{[]uint64{1}, true},
		{[]uint64{1, 1}, false},
		{[]uint64{1<<64 - 1}, true},
		{[]uint64{1<<64 - 1, 1<<64 - 1}, false},
		{[]uint64{1<<64 - 1, 1<<64 - 2}, true},
		{[]uint64{reach, 1}, true},
		{[]uint64{reach + 1, 1}, false},
		{[]uint64{5, 5 + reach, 6}, true},
		{[]uint64{5, 5 + reach, 5}, false},
		{[]uint64{63, 64, 63}, false},
		{[]uint64{1, 1 + 64, 1 + 128, 1 + 64}, false},
	} {
		var w window
		got := false
		for _, seq := range c.add {
			got = w.add(seq)
		}
		if got != c.last {
			t.Errorf("the last of %d is new: %t", c.add, got)
		}
	}
}
