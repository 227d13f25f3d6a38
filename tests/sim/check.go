package sim

import (
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// checker knows what may never happen. Its methods are called after everything
// that happens, and end the schedule when something is wrong. It judges by the
// models' truth and by its own books, never by what the core says of itself.
//
// The invariants, by the word that a violation is reported with:
//
//	one-promotion        one server per epoch is ordered to be a master
//	promotion-unproven   a switch is proposed for a server that is no master
//	unfit-promoted       priority 0, empty, foreign, loading: never chosen
//	better-ignored       a better replica that could be asked was not chosen
//	config-epoch         config epochs rise with every switch and never go back
//	older-address        no node answers with an older address than before
//	address-changed      only a switch changes a master's address
//	document             positions, epochs and event numbers only grow
//	event-number         event numbers rise by one, on every node
//	event-lost           a node that was away gets the events that it missed
//	configuration-lost   what was acknowledged to a person is in the document
//	begun-without-odown  an automatic failover needs the quorum of living members
//	begun-while-paused   no failover begins by itself, no repair is granted, in a pause
//	begun-too-soon       attempts keep their distance
//	spurious-failover    a master that was well for enough nodes is left alone
//	judged-too-soon      a master is judged by what was seen of it in this role
//	dead-counts          who is dead or cut off does not count as alive for long
//	dead-claims          who does not count as alive is granted no claim
//	slander              a node that was cut off does not hold the others for dead at once
//	dispute              members do not go on recording the death of one that lives
//	own-eyes             a node that sees a healthy master asks for no failover of it
//	stale-vote           a vote counts only in the generation and the life it was cast in
//	claim-twice          the claims of an epoch rise in number
//	past-claim           no order under a claim known to be over, or a former process's
//	repair-in-failover   no repair is ordered while a failover runs
//	unconfirmed-order    no order on a view that was not confirmed a moment ago
//	replay               the same log gives the same document; no document ever changes
//	view                 what a node shows of a group is the group of the document
//	wake, hot-loop       the core asks to be woken, later, and not all the time
//	unanswered           every request of a person is answered
//	no-convergence       after the last fault everything comes to rest
type checker struct {
	w *world

	// health[node][server] tells for how long the node could rely on the server.
	health [][]health
	// contact is the same for being able to talk to it at all.
	contact [][]health
	// members is what is known of each node as a member.
	members     []membersRecord
	checkedDead time.Duration
	// masterSince is since when a server has not been a healthy master, or 0.
	notMaster []time.Duration

	promoted map[state.Epoch]state.Addr
	claims   map[state.Claim]granted
	begun    map[state.Epoch]attempt
	latest   map[string]attempt // by group
	config   map[string]*state.Master
	// cast is the position of each vote, by group and member, and revived the
	// position at which a member came to life, or to life again.
	cast     map[string]map[state.MemberID]state.Index
	revived  map[state.MemberID]state.Index
	answers  map[uint64]*question
	requests uint64

	calmSince time.Duration
}

// attempt is one failover, as the log has it.
type attempt struct {
	epoch state.Epoch
	at    time.Duration
	// timeout is the failover-timeout then.
	timeout time.Duration
}

// granted is which process got a claim, and when.
type granted struct {
	life int
	at   time.Duration
}

// health is how well one node can see one server as a master.
type health struct {
	bad bool
	// until is the last moment at which it was bad.
	until time.Duration
}

// watchedRecord is what the checker keeps for each group of each process.
type watchedRecord struct {
	// since is when the process began to watch.
	since time.Duration
	// unconfirmed: the process was paused, and nothing was confirmed after it.
	unconfirmed bool
	// confirmedAt is the begin of the last commit or barrier that went well.
	confirmedAt time.Duration
	// generation is the group's and knownSince when this process learned of it.
	generation uint64
	knownSince time.Duration
	// patience is the least time within which a server may be called down.
	patience time.Duration
	// second and steps count the steps of the present second.
	second time.Duration
	steps  int
	// instant and repeats count the steps of one moment that nothing caused.
	instant time.Duration
	repeats int
}

func (r *watchedRecord) confirmed(begun time.Duration) {
	r.unconfirmed = false
	r.confirmedAt = max(r.confirmedAt, begun)
}

func newChecker(w *world) *checker {
	return &checker{
		w: w, promoted: map[state.Epoch]state.Addr{}, claims: map[state.Claim]granted{},
		begun: map[state.Epoch]attempt{}, latest: map[string]attempt{}, config: map[string]*state.Master{},
		cast: map[string]map[state.MemberID]state.Index{}, revived: map[state.MemberID]state.Index{}, answers: map[uint64]*question{},
	}
}

func (c *checker) build() {
	c.health = make([][]health, len(c.w.nodes))
	c.contact = make([][]health, len(c.w.nodes))
	for i := range c.health {
		c.health[i] = make([]health, len(c.w.servers))
		c.contact[i] = make([]health, len(c.w.servers))
	}
	c.notMaster = make([]time.Duration, len(c.w.servers))
	c.members = make([]membersRecord, len(c.w.nodes))
	for i := range c.members {
		c.members[i].heardBy = make([]spell, len(c.w.nodes))
	}
}

// review finds out who can see whom, whenever something has changed.
func (c *checker) review() {
	w := c.w
	for i, n := range w.nodes {
		for k, s := range w.servers {
			c.health[i][k].note(!c.sees(n, s), w.now)
			c.contact[i][k].note(!c.reaches(n, s), w.now)
		}
	}
	for k, s := range w.servers {
		if s.running && !s.frozen && s.role == failover.RoleMaster {
			c.notMaster[k] = 0
		} else if c.notMaster[k] == 0 {
			c.notMaster[k] = w.now
		}
	}
	c.noteOrigins()
	c.reviewMembers()
}

func (h *health) note(bad bool, now time.Duration) {
	if h.bad || bad {
		h.until = max(h.until, now)
	}
	h.bad = bad
}

// reaches reports whether a node and a server can talk.
func (c *checker) reaches(n *node, s *server) bool {
	return n.runs() && !c.w.storm && c.w.net.both(n.place, s.place) && s.works() && !s.hostDown && !s.sick
}

// sees reports whether nothing keeps a node from finding a server to be a
// healthy master and from saying so in the document.
func (c *checker) sees(n *node, s *server) bool {
	w := c.w
	reboot := s.group != nil && s.group.plan.settings.RebootDownAfter > 0 && s.isLoading()
	return c.reaches(n, s) && w.log.inTouch(n) && !reboot && s.role == failover.RoleMaster
}

// delayed notes that a packet between a node and a server came late.
func (c *checker) delayed(a, b place, until time.Duration) {
	nodes := place(len(c.w.nodes))
	if b < nodes {
		a, b = b, a
	}
	if a < nodes && b >= nodes {
		for _, h := range []*health{&c.health[a][b-nodes], &c.contact[a][b-nodes]} {
			h.until = max(h.until, until)
		}
	}
}

// wellFor is for how long a node could have seen a server to be a healthy
// master.
func (c *checker) wellFor(n *node, s *server) time.Duration {
	h := c.health[n.place][int(s.place)-len(c.w.nodes)]
	if h.bad {
		return 0
	}
	return c.w.now - h.until
}

// downSince is since when a server has not been a working master, now if it is.
func (c *checker) downSince(s *server) time.Duration {
	if since := c.notMaster[int(s.place)-len(c.w.nodes)]; since != 0 {
		return since
	}
	return c.w.now
}

// noteOrigins keeps which data sets are the groups'.
func (c *checker) noteOrigins() {
	for _, g := range c.w.groups {
		if m, ok := c.w.log.newest().Master(g.name); ok {
			if s := c.w.byAddr[m.Addr]; s.running && s.role == failover.RoleMaster {
				g.origins[s.origin] = true
			}
		}
	}
}

func (c *checker) begunAt(e state.Epoch) time.Duration { return c.begun[e].at }

// question is a person's SENTINEL FAILOVER.
type question struct {
	node *node
	life int
	over bool
}

// ask gives a node a person's request and expects an answer.
func (c *checker) ask(n *node, group string) {
	c.requests++
	request := c.requests
	q := &question{node: n, life: n.life}
	c.answers[request] = q
	n.say("a person asks for a failover of %s (request %d)", group, request)
	n.put(item{group: group, input: failover.Input{Kind: failover.Manual, Request: request}})
	c.expect(n, 3, func() {
		if !q.over {
			c.w.violated("unanswered", "node %s never answered request %d", n.id, request)
		}
	})
}

// expect checks something after a proposal must have ended, and again as long
// after that: the process may have been paused before and after it proposed.
func (c *checker) expect(n *node, rounds int, check func()) {
	if rounds == 0 {
		check()
		return
	}
	n.later(proposeTimeout+time.Second, func() { c.expect(n, rounds-1, check) })
}

// answered takes an answer in.
func (c *checker) answered(n *node, g *watched, a failover.Answer) {
	n.say("answers request %d: %v", a.Request, a.Err)
	q := c.answers[a.Request]
	if q == nil || q.over || q.node != n || q.life != n.life {
		c.w.violated("unanswered", "node %s answers request %d of %s twice, or one that was not put to it", n.id, a.Request, g.name)
	}
	q.over = true
}
