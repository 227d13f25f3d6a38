package sim

import (
	"strconv"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// fault is one thing that goes wrong, or that a person does.
type fault struct {
	weight int
	strike func(w *world)
}

// faults lists what may happen. Each fault heals by itself or at the end of the
// second part.
var faults = []fault{
	{14, func(w *world) { w.killServer(w.someMaster()) }},
	{8, func(w *world) { w.killServer(w.someServer()) }},
	{8, func(w *world) { w.freezeServer(w.someMaster()) }},
	{5, func(w *world) { w.freezeServer(w.someServer()) }},
	{3, (*world).makeSick},
	{8, (*world).cutWatch},
	{8, (*world).cutServer},
	{6, (*world).cutReplication},
	{8, (*world).cutNodes},
	{6, (*world).isolateNode},
	{4, (*world).split},
	{4, (*world).depose},
	{3, (*world).stormy},
	{8, func(w *world) { w.pauseNode(pick(w, w.nodes)) }},
	{8, func(w *world) { w.crashNode(pick(w, w.nodes)) }},
	{3, (*world).stepClock},
	{3, (*world).fillDisk},
	{9, (*world).failOver},
	{4, (*world).configure},
	{2, (*world).reset},
	{2, (*world).monitorAnew},
	{3, (*world).holdBack},
	{3, (*world).changePriority},
	{5, (*world).meddle},
}

// planFault lets the next fault strike after a while.
func (w *world) planFault() {
	w.after(w.between(w.plan.faultEvery/4, 7*w.plan.faultEvery/4), func() {
		if !w.chaos {
			return
		}
		w.stats.Faults++
		weights := make([]int, len(faults))
		for i, f := range faults {
			weights[i] = f.weight
		}
		weighted(w.rng, faults, weights).strike(w)
		w.planFault()
	})
}

// while does something that is undone after d, or when the second part ends.
func (w *world) while(d time.Duration, undo func()) {
	end := w.plan.warmUp + w.plan.chaos
	w.after(min(d, max(0, end-w.now)), undo)
}

// howLong draws the length of a fault: mostly a few down-afters.
func (w *world) howLong() time.Duration {
	return oneOf(w.rng, w.between(20*ms, 500*ms), w.between(200*ms, 3*time.Second), w.between(time.Second, 12*time.Second), w.between(5*time.Second, time.Minute))
}

func (w *world) someServer() *server { return pick(w, pick(w, w.groups).servers) }

// someMaster is what the document calls the master of some group.
func (w *world) someMaster() *server {
	g := pick(w, w.groups)
	if m, ok := w.log.newest().Master(g.name); ok {
		return w.byAddr[m.Addr]
	}
	return g.servers[0]
}

func (w *world) killServer(s *server) {
	if !s.running {
		return
	}
	s.kill(w.chance(0.3))
	if w.chance(0.8) {
		w.after(w.howLong(), func() { w.restart(s) })
	}
}

func (w *world) restart(s *server) {
	if !s.running {
		s.start(weighted(w.rng, []startMode{startWithData, startWithOlderData, startEmpty}, []int{6, 2, 2}))
	}
}

func (w *world) freezeServer(s *server) {
	if s.works() {
		s.freeze()
		w.while(w.howLong(), s.thaw)
	}
}

func (w *world) makeSick() {
	s := w.someServer()
	w.say("server %s answers PING with errors", s.name)
	s.sick = true
	w.changed()
	w.while(w.howLong(), func() {
		s.sick = false
		w.changed()
	})
}

// cutPair cuts the way between two places, in one direction or in both.
func (w *world) cutPair(a, b place, d time.Duration) {
	if a == b {
		return
	}
	there, back := 1, 1
	switch w.rng.IntN(4) {
	case 0:
		there = 0
	case 1:
		back = 0
	}
	w.say("cut: %s -> %s %d, back %d", w.nameOf(a), w.nameOf(b), there, back)
	w.net.cut(a, b, there)
	w.net.cut(b, a, back)
	w.changed()
	w.while(d, func() {
		w.say("healed: %s and %s", w.nameOf(a), w.nameOf(b))
		w.net.cut(a, b, -there)
		w.net.cut(b, a, -back)
		w.changed()
	})
}

// cutWatch takes one server out of one node's sight.
func (w *world) cutWatch() { w.cutPair(pick(w, w.nodes).place, w.someMaster().place, w.howLong()) }

// cutServer takes a server away from all, or from all nodes.
func (w *world) cutServer() {
	s, d := w.someServer(), w.howLong()
	if w.chance(0.5) {
		s = w.someMaster()
	}
	others := w.chance(0.5)
	for p := range len(w.nodes) + len(w.servers) {
		if p < len(w.nodes) || others {
			w.cutPair(place(p), s.place, d)
		}
	}
}

func (w *world) cutReplication() {
	g := pick(w, w.groups)
	w.cutPair(pick(w, g.servers).place, pick(w, g.servers).place, w.howLong())
}

func (w *world) cutNodes() { w.cutPair(pick(w, w.nodes).place, pick(w, w.nodes).place, w.howLong()) }

// isolateNode takes a node away from the other nodes, and perhaps from the
// servers.
func (w *world) isolateNode() {
	n, d := pick(w, w.nodes), w.howLong()
	servers := w.chance(0.5)
	for p := range len(w.nodes) + len(w.servers) {
		if p < len(w.nodes) || servers {
			w.cutPair(n.place, place(p), d)
		}
	}
}

// split makes two networks of one: each node and each server is in either.
func (w *world) split() {
	if len(w.nodes) == 1 {
		return
	}
	var sides [2][]place
	for p := range place(len(w.nodes) + len(w.servers)) {
		i := w.rng.IntN(2)
		sides[i] = append(sides[i], p)
	}
	by := func(by int) {
		for _, a := range sides[0] {
			for _, b := range sides[1] {
				w.net.cut(a, b, by)
				w.net.cut(b, a, by)
			}
		}
		w.changed()
	}
	w.say("split: places %v and %v", sides[0], sides[1])
	by(1)
	w.while(w.howLong(), func() {
		w.say("the split is over")
		by(-1)
	})
}

// depose makes the log look for another leader. What is on its way to the old one
// may or may not be ordered.
func (w *world) depose() {
	if len(w.nodes) > 1 && w.log.leader != nil {
		w.say("log: node %s leads no longer", w.log.leader.id)
		w.log.leader = nil
		w.changed()
	}
}

func (w *world) stormy() {
	if w.storm {
		return
	}
	w.say("the network is slow")
	w.storm = true
	w.changed()
	w.while(w.howLong(), func() {
		w.say("the network is well again")
		w.storm = false
		w.changed()
	})
}

func (w *world) pauseNode(n *node) {
	if !n.runs() {
		return
	}
	life := n.life
	n.freeze()
	w.while(w.howLong(), func() {
		if n.life == life {
			n.thaw()
		}
	})
}

func (w *world) crashNode(n *node) {
	if !n.up {
		return
	}
	n.crash()
	w.while(w.howLong(), func() {
		if !n.up {
			n.start()
		}
	})
}

func (w *world) stepClock() {
	n := pick(w, w.nodes)
	n.skew += oneOf(w.rng, time.Duration(-1), 1) * w.between(time.Second, time.Hour)
	n.say("wall clock steps to skew %s", n.skew)
}

// fillDisk makes the single node's log refuse changes for a while.
func (w *world) fillDisk() {
	if len(w.nodes) > 1 || w.log.full {
		return
	}
	w.say("the disk is full")
	w.log.full = true
	w.changed()
	w.while(w.howLong(), func() {
		w.say("the disk has room again")
		w.log.full = false
		w.changed()
	})
}

// failOver is SENTINEL FAILOVER.
func (w *world) failOver() {
	n := pick(w, w.nodes)
	if n.runs() {
		w.check.ask(n, pick(w, w.groups).name)
	}
}

// operator proposes what a person asked a node for.
func (w *world) operator(op state.Op, done func(error)) {
	n := pick(w, w.nodes)
	if !n.runs() {
		return
	}
	n.say("a person asks for %s %v", state.Kind(op), op)
	n.propose(op, func(_ state.Outcome, err error) { done(err) })
}

func ignore(error) {}

// configure is SENTINEL SET.
func (w *world) configure() {
	option := func(name string, value int) state.Option {
		return state.Option{Name: name, Values: []string{strconv.Itoa(value)}}
	}
	options := []state.Option{
		option("down-after-milliseconds", oneOf(w.rng, 200, 500, 1000, 5000)),
		option("quorum", 1+w.rng.IntN(w.plan.nodes)),
		option("failover-timeout", oneOf(w.rng, 1000, 3000, 10000)),
		option("parallel-syncs", 1+w.rng.IntN(3)),
		option("replica-witness-wait", oneOf(w.rng, 0, 1000, 10000)),
		{Name: "stop-after-failed-failover", Values: []string{oneOf(w.rng, "yes", "no")}},
		option("quorum", 0), // refused, with all that comes with it
	}
	op := state.OpSet{Name: pick(w, w.groups).name, Options: []state.Option{pick(w, options)}}
	if w.chance(0.3) {
		op.Options = append(op.Options, pick(w, options))
	}
	w.operator(op, ignore)
}

func (w *world) reset() { w.operator(state.OpReset{Names: []string{pick(w, w.groups).name}}, ignore) }

// holdBack is SENTINEL PAUSE; one without a length is ended by a person.
func (w *world) holdBack() {
	op := state.OpPause{Name: pick(w, w.groups).name, By: "a person", For: oneOf(w.rng, 0, 500*ms, 10*time.Second)}
	w.operator(op, ignore)
	if op.For == 0 {
		w.after(w.howLong(), func() { w.operator(state.OpResume{Name: op.Name, By: "a person"}, ignore) })
	}
}

// monitorAnew is REMOVE and then MONITOR of the same name.
func (w *world) monitorAnew() {
	g := pick(w, w.groups)
	m, ok := w.log.newest().Master(g.name)
	if !ok {
		return
	}
	again := func() {
		w.operator(state.OpMonitor{Name: g.name, Addr: m.Addr, Quorum: m.Quorum, Settings: m.Settings}, ignore)
	}
	w.operator(state.OpRemove{Name: g.name}, func(error) { w.after(w.howLong(), again) })
}

// changePriority is CONFIG SET replica-priority.
func (w *world) changePriority() {
	s := w.someServer()
	priority := weighted(w.rng, []int{0, 10, 100}, []int{1, 2, 4})
	if priority != s.priority {
		w.say("server %s has priority %d now", s.name, priority)
		s.priority, s.since.priority = priority, w.now
	}
}

// meddle is a person giving REPLICAOF to a server by hand.
func (w *world) meddle() {
	g := pick(w, w.groups)
	s, target := pick(w, g.servers), pick(w, g.servers).addr
	switch w.rng.IntN(6) {
	case 0:
		target = state.Addr{}
	case 1:
		target = w.servers[len(w.servers)-1].addr // the stranger
	}
	if !s.works() || target == s.addr {
		return
	}
	w.say("a person tells %s to follow %s", s.name, targetName(target))
	_ = s.slaveof(target, w.chance(0.5)) // a loading server refuses, as it would
}

// aim draws a fault for the moment after an entry of the log: where failovers
// break is between their steps.
func (w *world) aim(e entry) {
	if !w.chaos || e.outcome.Refused() || !w.chance(w.plan.aimed) {
		return
	}
	name, ok := stepOf(e.mutation.Op)
	m, exists := e.state.Master(name)
	if !ok || !exists || m.Failover == nil {
		return
	}
	holder := w.nodes[m.Failover.Holder[0]-'a']
	if w.chance(0.5) {
		w.wakeSleepers(holder)
		return
	}
	w.after(oneOf(w.rng, 0, w.between(0, 2*ms), w.between(0, 100*ms), w.between(0, time.Second)), func() {
		if !w.chaos {
			return
		}
		w.stats.Faults++
		switch w.rng.IntN(8) {
		case 0, 1:
			w.crashNode(holder)
		case 2:
			w.pauseNode(holder)
		case 3:
			w.cutFromLog(holder)
		case 4:
			w.killServer(w.candidate(m))
		case 5:
			w.freezeServer(w.candidate(m))
		case 6:
			w.cutPair(holder.place, w.candidate(m).place, w.howLong())
		case 7:
			w.restart(w.byAddr[m.Failover.From])
		}
	})
}

// aimAtOrder draws a fault for the moment between the decision on an order and
// its sending: the process is paused for a moment, and meanwhile the others go on,
// and people do what voids the order.
func (w *world) aimAtOrder(n *node, name string) {
	if !w.chaos || !w.chance(w.plan.aimed/2) {
		return
	}
	w.stats.Faults++
	w.after(0, func() {
		if !n.runs() {
			return
		}
		life := n.life
		n.freeze()
		w.while(oneOf(w.rng, w.between(20*ms, 900*ms), w.between(500*ms, 8*time.Second)), func() {
			if n.life == life {
				n.thaw()
			}
		})
		switch w.rng.IntN(4) {
		case 0:
			if other := w.nodes[(int(n.place)+1)%len(w.nodes)]; other.runs() {
				w.check.ask(other, name)
			}
		case 1:
			w.operator(state.OpReset{Names: []string{name}}, ignore)
		}
	})
}

// wakeSleepers lets paused processes go on at the worst moment: when what they
// have in hand has just become void.
func (w *world) wakeSleepers(holder *node) {
	for _, n := range w.nodes {
		if n != holder && n.paused {
			w.after(w.between(0, 5*ms)+w.plan.latency, n.thaw)
		}
	}
}

// cutFromLog takes a node away from all others, which it does not notice at
// once.
func (w *world) cutFromLog(n *node) {
	d := w.howLong()
	for _, other := range w.nodes {
		w.cutPair(n.place, other.place, d)
	}
}

// candidate is the server that is being promoted, or may be.
func (w *world) candidate(m *state.Master) *server {
	if !m.Failover.Candidate.IsZero() {
		return w.byAddr[m.Failover.Candidate]
	}
	if len(m.Replicas) > 0 {
		return w.byAddr[pick(w, m.Replicas).Addr]
	}
	return w.byAddr[m.Addr]
}

// stepOf returns the group of an op that is a step of a failover.
func stepOf(op state.Op) (string, bool) {
	switch op := op.(type) {
	case state.OpBegin:
		return op.Name, true
	case state.OpTakeOver:
		return op.Name, true
	case state.OpSelect:
		return op.Name, true
	case state.OpWait:
		return op.Name, true
	case state.OpPromoted:
		return op.Name, true
	case state.OpProgress:
		return op.Name, true
	}
	return "", false
}

// changed tells everybody that something in the world has changed. Whoever
// changes what others can notice calls it.
func (w *world) changed() {
	w.check.review()
	w.net.resume()
	for _, s := range w.servers {
		s.reviewLink()
	}
	w.log.review()
}

// heal ends all faults.
func (w *world) heal() {
	w.say("all is healed")
	w.storm, w.log.full = false, false
	for _, s := range w.servers {
		s.sick = false
		s.thaw()
	}
	for _, n := range w.nodes {
		if n.paused {
			n.thaw()
		}
		if !n.up {
			n.start()
		}
	}
	w.changed()
}

// role of a server as the story says it.
func (s *server) String() string {
	switch {
	case s.hostDown:
		return s.name + " (host down)"
	case !s.running:
		return s.name + " (dead)"
	case s.role == failover.RoleMaster:
		return s.name + " (master)"
	}
	return s.name + " (follows " + s.upstream.String() + ", " + [...]string{"link down", "syncing", "link up"}[s.link] + ")"
}
