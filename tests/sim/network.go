package sim

import (
	"fmt"
	"time"
)

// place is where a packet can start or end: a node or a server.
type place int

// network knows which ways are cut. A cut is silent, as a pulled cable is: what
// was sent waits in the sender's kernel and arrives after the healing, unless
// the connection was given up meanwhile.
type network struct {
	w *world
	// cuts counts, for each direction, the faults that cut it.
	cuts    [][]int
	stalled []*stream
}

func newNetwork(w *world) *network { return &network{w: w} }

func (n *network) build(places int) {
	n.cuts = make([][]int, places)
	for i := range n.cuts {
		n.cuts[i] = make([]int, places)
	}
}

// open reports whether packets get from one place to another.
func (n *network) open(from, to place) bool { return n.cuts[from][to] == 0 }

// both reports whether packets get there and back.
func (n *network) both(a, b place) bool { return n.open(a, b) && n.open(b, a) }

// cut closes (by 1) or opens (by -1) one direction.
func (n *network) cut(from, to place, by int) { n.cuts[from][to] += by }

// resume lets what waited for a way go on. The kernels try again at growing
// intervals, so it takes a moment.
func (n *network) resume() {
	waiting := n.stalled
	n.stalled = nil
	for _, s := range waiting {
		if n.passes(s) {
			n.w.after(n.w.between(0, 300*ms), s.resume)
		} else {
			n.stalled = append(n.stalled, s)
		}
	}
}

func (n *network) passes(s *stream) bool { return n.open(s.from, s.to) && !n.hostDown(s.to) }

func (n *network) hostDown(p place) bool {
	i := int(p) - len(n.w.nodes)
	return i >= 0 && n.w.servers[i].hostDown
}

// delay draws how long a packet takes. Packets get lost in bad times; TCP then
// sends them again.
func (n *network) delay() time.Duration {
	w := n.w
	d := w.between(w.plan.latency/4, w.plan.latency)
	if w.storm {
		d += w.between(0, 400*ms)
	}
	if w.chaos && w.plan.spikes > 0 && w.chance(w.plan.spikes) {
		d += w.between(200*ms, 1500*ms)
	}
	return d
}

// stream is one direction of a TCP connection: what is sent arrives in order.
type stream struct {
	w        *world
	from, to place
	last     time.Duration // when the last packet sent will arrive
	waiting  []func()
	broken   bool // the sender's kernel has given the rest up
}

func (s *stream) send(arrive func()) {
	d := s.w.net.delay()
	at := max(s.w.now+d, s.last)
	s.last = at
	if at-s.w.now > s.w.plan.latency {
		s.w.check.delayed(s.from, s.to, at)
	}
	s.w.queue.push(at, func() { s.arrive(arrive) })
}

func (s *stream) arrive(packet func()) {
	switch {
	case s.broken:
	case len(s.waiting) > 0:
		s.waiting = append(s.waiting, packet)
	case !s.w.net.passes(s):
		s.waiting = append(s.waiting, packet)
		s.w.net.stalled = append(s.w.net.stalled, s)
	default:
		packet()
	}
}

func (s *stream) resume() {
	if !s.w.net.passes(s) {
		s.w.net.stalled = append(s.w.net.stalled, s)
		return
	}
	packets := s.waiting
	s.waiting = nil
	for _, packet := range packets {
		if !s.broken {
			packet()
		}
	}
}

// nameOf says what is at a place, for the story.
func (w *world) nameOf(p place) string {
	if int(p) < len(w.nodes) {
		return fmt.Sprintf("node %s", w.nodes[p].id)
	}
	return w.servers[int(p)-len(w.nodes)].name
}
