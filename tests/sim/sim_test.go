package sim

import (
	"cmp"
	"flag"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	oneSeed   = flag.Uint64("sim.seed", 0, "play the schedule of this seed only and, with -v, tell its story")
	firstSeed = flag.Uint64("sim.first", 1, "the first seed")
	failures  = flag.Int("sim.failures", 10, "stop after so many schedules have failed")
	schedules = flag.Int("sim.schedules", 0, "how many schedules to play (default: $SIM_SCHEDULES, or 10000; 500 with -short, 300 with -race)")
)

// TestMain trades memory for time: schedules make much garbage and keep little.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	m.Run()
}

// TestSchedules plays many schedules, each with faults of its own, and checks
// after every step what may never happen.
func TestSchedules(t *testing.T) {
	if *oneSeed != 0 {
		replay(t, *oneSeed)
		return
	}
	begin := time.Now()
	sum, failed := playAll(*firstSeed, count(t))
	for _, r := range failed {
		t.Errorf("seed %d: %v\nreplay it with: go test ./tests/sim -run TestSchedules -sim.seed=%d -v", r.Seed, r.Violation, r.Seed)
	}
	t.Logf("%d schedules in %s: %s of virtual time, %+v", count(t), time.Since(begin).Round(time.Millisecond), sum.Virtual.Round(time.Second), sum)
}

// TestReplay shows that a seed is the whole story.
func TestReplay(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		first, second, silent := Run(seed, true), Run(seed, true), Run(seed, false)
		if first.Story != second.Story {
			t.Errorf("seed %d tells two stories", seed)
		}
		if first.Stats != silent.Stats {
			t.Errorf("seed %d: telling the story changes it: %+v, silent %+v", seed, first.Stats, silent.Stats)
		}
	}
}

func replay(t *testing.T, seed uint64) {
	r := Run(seed, testing.Verbose())
	t.Logf("%s%+v", r.Story, r.Stats)
	if r.Violation != nil {
		t.Errorf("seed %d: %v", seed, r.Violation)
	}
}

// count is how many schedules are to be played.
func count(t *testing.T) int {
	n := *schedules
	if text := os.Getenv("SIM_SCHEDULES"); n == 0 && text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("SIM_SCHEDULES=%q: it must be a number above 0", text)
		}
	}
	switch {
	case n > 0:
		return n
	case raceDetector:
		return 300
	case testing.Short():
		return 500
	}
	return 10_000
}

// playAll plays the schedules of n seeds on all processors. The failed ones come
// in the order of their seeds.
func playAll(first uint64, n int) (Stats, []Result) {
	var next atomic.Uint64
	var mu sync.Mutex
	var sum Stats
	var failed []Result
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= uint64(n) {
					return
				}
				r := Run(first+i, false)
				mu.Lock()
				sum.add(r.Stats)
				if r.Violation != nil {
					failed = append(failed, r)
				}
				enough := len(failed) >= *failures
				mu.Unlock()
				if enough {
					return
				}
			}
		})
	}
	workers.Wait()
	slices.SortFunc(failed, func(a, b Result) int { return cmp.Compare(a.Seed, b.Seed) })
	return sum, failed
}
