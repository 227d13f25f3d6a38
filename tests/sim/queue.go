package sim

import "time"

// event is something that happens at a moment of virtual time.
type event struct {
	at  time.Duration
	seq uint64 // order of planning, for events of the same moment
	run func()
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

// queue is a binary heap of events, the next one first. (container/heap would
// box each event.)
type queue struct {
	events []event
	seq    uint64
}

func (q *queue) push(at time.Duration, run func()) {
	q.seq++
	q.events = append(q.events, event{at, q.seq, run})
	for i := len(q.events) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.events[i].before(q.events[parent]) {
			return
		}
		q.events[i], q.events[parent] = q.events[parent], q.events[i]
		i = parent
	}
}

func (q *queue) pop() event {
	next := q.events[0]
	last := len(q.events) - 1
	q.events[0] = q.events[last]
	q.events[last] = event{} // let go of the closure
	q.events = q.events[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if q.events[child].before(q.events[least]) {
				least = child
			}
		}
		if least == i {
			return next
		}
		q.events[i], q.events[least] = q.events[least], q.events[i]
		i = least
	}
}
