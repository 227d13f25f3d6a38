package server

import (
	"context"
	"sync/atomic"
	"time"
)

// pause holds back commands (CLIENT PAUSE). The zero value holds back none.
type pause struct{ present atomic.Pointer[interval] }

type interval struct {
	until time.Time
	over  chan struct{} // closed when it ended or was replaced
}

// begin pauses for d. A pause that ends later stays.
func (p *pause) begin(d time.Duration) {
	next := &interval{until: time.Now().Add(d), over: make(chan struct{})}
	for {
		old := p.present.Load()
		if old != nil && old.until.After(next.until) {
			return
		}
		if p.replace(old, next) {
			return
		}
	}
}

func (p *pause) end() {
	for old := p.present.Load(); old != nil && !p.replace(old, nil); old = p.present.Load() {
	}
}

func (p *pause) replace(old, next *interval) bool {
	if !p.present.CompareAndSwap(old, next) {
		return false
	}
	if old != nil {
		close(old.over)
	}
	return true
}

// wait returns when nothing is paused, or when ctx ends.
func (p *pause) wait(ctx context.Context) {
	for now := p.present.Load(); now != nil; now = p.present.Load() {
		timer := time.NewTimer(time.Until(now.until))
		select {
		case <-timer.C:
			p.replace(now, nil)
		case <-now.over:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}
