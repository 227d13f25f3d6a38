package monitor

import (
	"container/heap"
	"context"
	"log/slog"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// group is what the loop keeps for one watched master.
type group struct {
	name  string
	watch *failover.Watch
	// agreed is the master as of the last Step.
	agreed *state.Master
	links  map[state.Addr]*link
	// linksID changes when the links are replaced.
	linksID uint64
	// ear is the subscription at the master, nil if there is none.
	ear *ear
	// unwatched are the replicas that are not watched because of their names, as
	// the last INFO had it; unwatchedSaid: that was logged.
	unwatched     string
	unwatchedSaid bool

	wake  failover.Moment
	place int // in the heap, -1 if not there
}

// wakeHeap orders groups by when they want to be woken.
type wakeHeap []*group

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wake < h[j].wake }
func (h wakeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *wakeHeap) Push(x any) {
	g := x.(*group)
	g.place = len(*h)
	*h = append(*h, g)
}
func (h *wakeHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	*h = old[:len(old)-1]
	g.place = -1
	return g
}

// loop is the one goroutine that owns the observations.
func (m *Monitor) loop(ctx context.Context) {
	defer m.stop()
	m.canCommit = m.broker.Health().Condition == cluster.Ready
	m.mu.Lock()
	for master := range m.broker.State().Masters() {
		m.step(master.Name, failover.Input{Kind: failover.Woken})
	}
	m.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var spare []item
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-m.inbox.ready:
		case <-timer.C:
		}
		m.mu.Lock()
		spare = m.turn(spare)
		next := m.sleep()
		m.mu.Unlock()
		m.turns.Add(1)
		timer.Reset(next)
	}
}

// turnTimers bounds the timers of one turn. Between turns, those who ask for a
// view are let in.
const turnTimers = 256

// turn handles what has come in and the timers that are due. What has come in
// goes first, before each timer: a server must not be judged while its answer
// lies unread, and no probe is sent before the answers to earlier ones are read.
// So a node that cannot keep up asks less often, and neither calls servers down
// that have answered nor lets answers pile up.
func (m *Monitor) turn(spare []item) []item {
	for timers := 0; ; timers++ {
		spare = m.takeIn(spare)
		if timers == turnTimers || len(m.heap) == 0 || m.heap[0].wake > m.now() {
			break
		}
		m.step(m.heap[0].name, failover.Input{Kind: failover.Woken})
	}
	m.sendVotes()
	m.publishTilt()
	return spare
}

// takeIn handles all that has come in, and returns the slice for re-use.
func (m *Monitor) takeIn(spare []item) []item {
	items := m.inbox.takeAll(spare)
	if pause := m.pauses.Tick(m.now()); pause > 0 {
		m.paused(pause)
	}
	for i := range items {
		m.handle(&items[i])
	}
	clear(items)
	return items
}

// sleep is how long the loop may wait; never longer than one heartbeat, so that
// a pause of the process is noticed.
func (m *Monitor) sleep() time.Duration {
	now := m.now()
	next := m.pauses.Due(now, now.Add(time.Hour))
	if len(m.heap) > 0 {
		next = min(next, m.heap[0].wake)
	}
	return max(0, next.Sub(now))
}

func (m *Monitor) handle(i *item) {
	switch {
	case i.everybody:
		m.wakeAll()
		return
	case i.group == "":
		m.healthChanged()
		return
	}
	if g := m.groups[i.group]; i.links != 0 && (g == nil || g.linksID != i.links) {
		return // from a connection that was replaced
	}
	m.step(i.group, i.input)
}

func (m *Monitor) healthChanged() {
	ready := m.broker.Health().Condition == cluster.Ready
	if ready == m.canCommit {
		return
	}
	m.canCommit = ready
	m.wakeAll()
}

// wakeAll has every group look at what it has under way.
func (m *Monitor) wakeAll() {
	for name := range m.groups {
		m.step(name, failover.Input{Kind: failover.Woken})
	}
}

// paused tells every group that this process did not run for a while. A full
// scan, but only after a pause.
func (m *Monitor) paused(pause time.Duration) {
	m.sayPaused(pause)
	m.tilt.enter(m.now(), pause, m.Timing())
	for name := range m.groups {
		m.step(name, failover.Input{Kind: failover.Paused, Pause: pause})
	}
}

const (
	// pauseLogEvery bounds how often pauses are spoken of: a starved process has
	// several a second.
	pauseLogEvery = 10 * time.Second
	// pauseWarning is how long a pause must be to be warned of.
	pauseWarning = time.Second
)

func (m *Monitor) sayPaused(pause time.Duration) {
	m.pausesUnsaid++
	if now := m.now(); m.pauseSaid == 0 || now.Sub(m.pauseSaid) >= pauseLogEvery {
		level := slog.LevelInfo
		if pause >= pauseWarning {
			level = slog.LevelWarn
		}
		m.log.Log(context.Background(), level, "this process did not run for a while; what was not answered meanwhile is asked again",
			slog.Duration("pause", pause.Round(time.Millisecond)), slog.Int("pauses", m.pausesUnsaid))
		m.pauseSaid, m.pausesUnsaid = now, 0
	}
}

// step runs the core for one group and carries out what it decides.
func (m *Monitor) step(name string, in failover.Input) {
	if pause := m.pauses.Tick(m.now()); pause > 0 {
		m.paused(pause) // in the middle of a turn
	}
	now := m.now()
	doc := m.broker.State()
	agreed, exists := doc.Master(name)
	g := m.groups[name]
	if g == nil {
		g = m.newGroup(name, agreed, now)
	}
	if exists && (g.agreed == nil || !sameAccess(g.agreed, agreed)) {
		m.dropLinks(g)
	}
	g.agreed = agreed
	if exists && in.Kind == failover.Info && in.Err == nil {
		in.Facts = m.named(g, doc, agreed, in.Facts)
	}
	env := failover.Env{Now: now, Self: m.broker.Self(), Doc: doc, CanCommit: m.canCommit, Timing: m.Timing()}
	out := failover.Step(env, g.watch, in)
	m.carryOut(g, doc.Index, out)
	if !exists {
		m.dropGroup(g)
		return
	}
	m.closeStrayLinks(g)
	m.wakeAt(g, out.Wake)
}

func (m *Monitor) newGroup(name string, agreed *state.Master, now failover.Moment) *group {
	var sinceAttempt time.Duration
	if agreed != nil && agreed.LastAttemptAt != 0 {
		sinceAttempt = time.Duration(wallNow()-agreed.LastAttemptAt) * time.Millisecond
	}
	g := &group{name: name, watch: failover.NewWatch(name, now, sinceAttempt), links: map[state.Addr]*link{}, place: -1}
	if agreed != nil {
		m.groups[name] = g
		m.log.Info("watching", "master", name, "address", agreed.Addr.String(), "quorum", agreed.Quorum,
			"down_after", agreed.DownAfter, "replicas", len(agreed.Replicas))
	}
	return g
}

func (m *Monitor) dropGroup(g *group) {
	if m.groups[g.name] == g {
		delete(m.groups, g.name)
		m.log.Info("no longer watching", "master", g.name)
	}
	m.dropLinks(g)
	if g.place >= 0 {
		heap.Remove(&m.heap, g.place)
	}
}

func (m *Monitor) wakeAt(g *group, t failover.Moment) {
	g.wake = t
	if g.place < 0 {
		heap.Push(&m.heap, g)
		return
	}
	heap.Fix(&m.heap, g.place)
}

// stop ends what the loop owns.
func (m *Monitor) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.groups {
		m.dropLinks(g)
	}
	m.hosts.close()
	close(m.inbox.closed)
}

// tilt is what is left of Sentinel's TILT mode: a word to operators that this
// process was paused. It stops nothing; the core starts the affected
// observations anew.
type tilt struct {
	since, until failover.Moment
	published    bool
}

// enter says that a pause was noticed. Shorter ones are logged and not called
// TILT.
func (t *tilt) enter(now failover.Moment, pause time.Duration, timing failover.Timing) {
	if pause < timing.TiltTrigger {
		return
	}
	t.since, t.until = now, now.Add(min(2*timing.CheckInterval, timing.TiltPeriod))
}

func (t *tilt) seconds(now failover.Moment) int {
	if now >= t.until {
		return -1
	}
	return int(now.Sub(t.since) / time.Second)
}

func (m *Monitor) publishTilt() {
	on := m.tilt.seconds(m.now()) >= 0
	if on == m.tilt.published {
		return
	}
	m.tilt.published = on
	name, payload := "+tilt", "#tilt mode entered"
	if !on {
		name, payload = "-tilt", "#tilt mode exited"
	}
	m.publishSeen(state.Event{Name: name, Level: state.Warning, Payload: payload}, m.broker.State().Index)
}
