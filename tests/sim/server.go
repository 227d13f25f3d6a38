package sim

import (
	"errors"
	"slices"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// errLoading is a server's answer to most commands while it loads its data.
var errLoading = errors.New("LOADING Redis is loading the dataset in memory")

// server models one Redis server, as far as it shows in PING, INFO and in what
// becomes of the writes: see replication.go for the other half.
type server struct {
	w     *world
	place place
	addr  state.Addr
	name  string
	group *group // nil for a stranger

	running bool
	// hostDown: the machine is gone, not only the process: nothing is refused.
	hostDown bool
	frozen   bool
	sick     bool // it answers PING with an error
	// life counts the processes, wakeLife the ends of being frozen.
	life     int
	held     []func()
	loading  time.Duration // until then
	sessions []*session
	runID    state.RunID
	priority int
	// since is when priority, role, data origin or link last changed.
	since facets

	replication
	// saved is whom it follows after a restart. A server whose configuration
	// file cannot be written forgets what it was told.
	saved   state.Addr
	forgets bool
}

// facets are the moments at which what a choice depends on last changed.
type facets struct{ priority, data, link, life, role time.Duration }

func newServer(w *world, addr state.Addr, name string, g *group) *server {
	s := &server{w: w, addr: addr, name: name, group: g, place: place(w.plan.nodes + len(w.servers))}
	s.priority = 100
	w.servers = append(w.servers, s)
	w.byAddr[addr] = s
	return s
}

// startMode says what a server finds on its disk.
type startMode int

const (
	startAsConfigured startMode = iota // for the first time
	startWithData
	startWithOlderData
	startEmpty
)

// start begins a new process.
func (s *server) start(mode startMode) {
	w := s.w
	s.running, s.hostDown, s.frozen, s.held = true, false, false, nil
	s.life++
	s.since.life = w.now
	s.runID = state.RunID(w.id())
	s.restore(mode)
	s.follow(s.saved)
	if mode != startAsConfigured && w.chance(0.5) {
		s.loading = w.now + w.between(10*ms, 3*time.Second)
	}
	w.say("server %s starts %s, %s at offset %d", s.name, [...]string{"", "with its data", "with older data", "empty"}[mode], s.role, s.offset())
	w.changed()
}

// kill ends the process; with host, the machine.
func (s *server) kill(host bool) {
	w := s.w
	w.say("server %s is killed (host: %t)", s.name, host)
	s.running, s.hostDown, s.held, s.loading = false, host, nil, 0
	s.life++
	s.since.life = w.now
	s.stopReplication()
	for _, c := range slices.Clone(s.sessions) {
		if !host {
			c.reset()
		}
	}
	s.sessions = nil
	w.changed()
}

// freeze stops the process; its kernel goes on to accept and to receive.
func (s *server) freeze() {
	s.w.say("server %s is frozen", s.name)
	s.frozen = true
	s.w.changed()
}

func (s *server) thaw() {
	if !s.frozen {
		return
	}
	s.w.say("server %s goes on", s.name)
	s.frozen = false
	s.w.changed()
	held := s.held
	s.held = nil
	for _, do := range held {
		do()
	}
}

// works reports whether the process runs and handles commands.
func (s *server) works() bool { return s.running && !s.frozen }

func (s *server) isLoading() bool { return s.w.now < s.loading }

// later plans do for this process; it waits while the process is frozen.
func (s *server) later(d time.Duration, do func()) {
	life := s.life
	s.w.after(d, func() { s.whenAwake(life, do) })
}

func (s *server) whenAwake(life int, do func()) {
	switch {
	case s.life != life || !s.running:
	case s.frozen:
		s.held = append(s.held, func() { s.whenAwake(life, do) })
	default:
		do()
	}
}

func (s *server) forget(c *session) {
	s.sessions = slices.DeleteFunc(s.sessions, func(o *session) bool { return o == c })
}

// receive handles what a node wrote. A dead process's kernel refuses it; a
// frozen one handles it when it goes on, whether or not somebody still waits.
func (s *server) receive(c *session, orders []*order, r request, sentAt failover.Moment) {
	if s.life != c.life || !s.running {
		c.reset()
		return
	}
	if len(orders) > 0 && s.w.chaos && s.w.chance(0.05) {
		s.hang(s.w.between(10*ms, 1500*ms)) // CONFIG REWRITE waits for the disk
	}
	s.whenAwake(s.life, func() { s.answer(c, orders, r, sentAt) })
}

// hang stops the process for a moment.
func (s *server) hang(d time.Duration) {
	if !s.frozen {
		s.freeze()
		life := s.life
		s.w.after(d, func() {
			if s.life == life {
				s.thaw()
			}
		})
	}
}

func (s *server) answer(c *session, orders []*order, r request, sentAt failover.Moment) {
	answer := reply{sentAt: sentAt, pong: r.ping, valid: !s.sick || s.isLoading(), loading: s.isLoading()}
	for _, o := range orders {
		answer.orders = append(answer.orders, s.slaveof(o.target, true))
	}
	if len(orders) > 0 {
		answer.infos = append(answer.infos, s.facts(false))
	}
	if r.info != failover.NoInfo {
		answer.infos = append(answer.infos, s.facts(r.info == failover.InfoAll))
		answer.full = r.info == failover.InfoAll
	}
	c.back.send(func() { c.link.node.run(func() { c.receive(answer) }) })
}

// slaveof is the command. With rewrite, CONFIG REWRITE comes with it.
func (s *server) slaveof(target state.Addr, rewrite bool) error {
	if s.isLoading() {
		return errLoading
	}
	s.follow(target)
	if rewrite && !s.forgets {
		s.saved = target
	}
	return nil
}

// facts is what INFO says.
func (s *server) facts(full bool) failover.Facts {
	f := failover.Facts{
		Role: s.role, ReplID: s.replID, ReplID2: s.replID2, SecondOffset: int64(s.second),
		LastIO: -time.Second, Priority: s.priority, Offset: s.offset(), HasOffset: true, Announced: true,
		Loading: full && s.isLoading(),
	}
	if full {
		f.RunID = s.runID
	}
	if s.role == failover.RoleMaster {
		f.Replicas = s.listed()
		return f
	}
	f.MasterHost, f.MasterPort = s.upstream.Host, s.upstream.Port
	f.LinkUp, f.Syncing = s.link == linkUp, s.link == linkSyncing
	if s.link == linkSyncing {
		f.Offset = 0
	}
	if !f.LinkUp {
		f.LinkDown = -time.Second
		if s.lostAt != 0 {
			f.LinkDown = (s.w.now - s.lostAt).Truncate(time.Second)
		}
	}
	return f
}

// listed are the replicas that a master shows, in the order they came.
func (s *server) listed() []state.Addr {
	var addrs []state.Addr
	for _, r := range s.attached {
		addrs = append(addrs, r.addr)
	}
	return addrs
}

// group is one master with its replicas as it was set up, and its clients.
type group struct {
	w       *world
	name    string
	plan    groupPlan
	servers []*server
	// origins are the data sets that were once the group's master's. What a
	// replica of another origin holds is foreign.
	origins map[int]bool
	// acknowledged are the writes that a client got an OK for.
	acknowledged []uint64
	client       *node // whom the clients ask
	believed     state.Addr
}

func (w *world) addGroup(i int) {
	g := &group{w: w, name: "m" + string(rune('0'+i)), plan: w.plan.groups[i], origins: map[int]bool{}}
	for k := range g.plan.servers {
		addr := state.Addr{Host: "10.0." + string(rune('0'+i)) + "." + string(rune('1'+k)), Port: 6379}
		s := newServer(w, addr, g.name+"/"+string(rune('1'+k)), g)
		s.forgets = w.chance(0.1)
		if k > 0 {
			s.saved = g.servers[0].addr
			if k > 1 && w.chance(0.05) {
				s.saved = g.servers[1].addr // a replica of a replica
			}
			s.priority = weighted(w.rng, []int{100, 50, 10, 0}, []int{80, 8, 8, 4})
		}
		g.servers = append(g.servers, s)
	}
	w.groups = append(w.groups, g)
}

// addStranger makes a server with data of its own that nobody watches.
func (w *world) addStranger() {
	newServer(w, state.Addr{Host: "10.9.9.9", Port: 6379}, "stranger", nil)
}

// write is one client writing where it believes the master is.
func (g *group) write() {
	w := g.w
	w.after(w.between(w.plan.writeEvery/2, w.plan.writeEvery), g.write)
	if g.client == nil || !g.client.runs() || w.chance(0.05) {
		g.client = pick(w, w.nodes)
	}
	if g.believed.IsZero() || w.chance(0.3) {
		g.ask()
	}
	s := w.byAddr[g.believed]
	if s == nil || !s.works() || s.hostDown || s.role != failover.RoleMaster || s.isLoading() {
		g.ask()
		return
	}
	w.writes++
	s.append(w.writes)
	g.acknowledged = append(g.acknowledged, w.writes)
}

// ask is SENTINEL GET-MASTER-ADDR-BY-NAME.
func (g *group) ask() {
	if !g.client.runs() {
		return
	}
	if m, ok := g.client.doc().Master(g.name); ok {
		g.believed = m.Addr
	}
}

// count finds out which acknowledged writes the groups have lost. That some are
// lost is in the nature of asynchronous replication.
func (w *world) count() {
	for _, g := range w.groups {
		m, ok := w.log.newest().Master(g.name)
		if !ok || !w.byAddr[m.Addr].running {
			continue
		}
		kept := w.byAddr[m.Addr].writes
		w.stats.Acknowledged += len(g.acknowledged)
		for _, id := range g.acknowledged {
			if _, found := slices.BinarySearch(kept, id); !found {
				w.stats.Lost++
			}
		}
	}
}

// sayLog puts a line of the core's log into the story.
func (n *node) sayLog(line failover.Line) {
	if !n.w.telling {
		return
	}
	var b strings.Builder
	for _, a := range line.Attrs {
		b.WriteByte(' ')
		b.WriteString(a.String())
	}
	n.say("log: %s%s", line.Text, b.String())
}
