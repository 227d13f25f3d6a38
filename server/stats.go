package server

import (
	"sync"
	"sync/atomic"
	"time"
)

// stats counts what the server does. All its methods may be called from any
// goroutine.
type stats struct {
	connections, rejected atomic.Int64
	commands, errors      atomic.Int64
	bytesIn, bytesOut     atomic.Int64
	reads, writes         atomic.Int64
	slow, malformed       atomic.Int64
	maxInput, maxOutput   atomic.Int64

	mu    sync.Mutex
	since sample // when the rates were last computed
	rates sample
}

// sample is a moment's numbers, or the growth in a second.
type sample struct {
	at                 time.Time
	commands, in, outs int64
}

func newStats() *stats { return &stats{since: sample{at: time.Now()}} }

// command counts a command that came with so many bytes waiting behind it.
func (s *stats) command(waiting int) {
	s.commands.Add(1)
	raise(&s.maxInput, int64(waiting))
}

func (s *stats) input(n int) {
	s.reads.Add(1)
	s.bytesIn.Add(int64(n))
}

func (s *stats) output(n int) {
	s.writes.Add(1)
	s.bytesOut.Add(int64(n))
	raise(&s.maxOutput, int64(n))
}

func raise(highest *atomic.Int64, n int64) {
	for {
		old := highest.Load()
		if n <= old || highest.CompareAndSwap(old, n) {
			return
		}
	}
}

// perSecond returns the rates since it was last asked, or what it said then if
// that is less than a second ago.
func (s *stats) perSecond(now time.Time) sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	passed := now.Sub(s.since.at)
	if passed < time.Second {
		return s.rates
	}
	present := sample{now, s.commands.Load(), s.bytesIn.Load(), s.bytesOut.Load()}
	rate := func(now, before int64) int64 { return int64(float64(now-before) / passed.Seconds()) }
	s.rates = sample{
		commands: rate(present.commands, s.since.commands),
		in:       rate(present.in, s.since.in),
		outs:     rate(present.outs, s.since.outs),
	}
	s.since = present
	return s.rates
}
