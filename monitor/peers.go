package monitor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// peers asks the other members whether they are there, as Sentinels do of each
// other, and proposes what failover.Peers concludes.
type peers struct {
	m *Monitor

	mu     sync.Mutex
	watch  *failover.Peers
	pauses failover.PauseDetector
	links  map[state.MemberID]*peerLink
	// down are the members that clients were told to be down.
	down map[state.MemberID]bool
}

func newPeers(m *Monitor) *peers {
	return &peers{m: m, watch: failover.NewPeers(), links: map[state.MemberID]*peerLink{}, down: map[state.MemberID]bool{}}
}

// peerTurn lies between two looks at what was heard: often enough to notice a
// pause of this process.
const peerTurn = 100 * time.Millisecond

// run watches the other members until ctx ends. One timer serves all of them:
// there are a handful.
func (p *peers) run(ctx context.Context) {
	ticker := time.NewTicker(peerTurn)
	defer ticker.Stop()
	var work sync.WaitGroup
	defer work.Wait()
	for ctx.Err() == nil {
		p.turn(ctx, &work)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func (p *peers) turn(ctx context.Context, work *sync.WaitGroup) {
	doc := p.m.broker.State()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.m.now()
	if pause := p.pauses.Tick(now); pause > 0 {
		p.watch.Paused(now, pause)
	}
	p.followMembers(ctx, doc, work)
	out := p.watch.Step(failover.Env{
		Now: now, Self: p.m.broker.Self(), Doc: doc,
		CanCommit: p.m.broker.Health().Condition == cluster.Ready, Timing: p.m.Timing(),
	})
	for _, line := range out.Log {
		p.m.log.LogAttrs(ctx, line.Level, line.Text, line.Attrs...)
	}
	for _, proposal := range out.Proposals {
		work.Go(func() { p.propose(ctx, proposal) })
	}
	p.tellDown(doc, now)
}

// tellDown publishes which members went down or came back, for each master as
// Sentinels do.
func (p *peers) tellDown(doc *state.State, now failover.Moment) {
	for id := range p.down {
		if _, known := doc.Member(id); !known {
			delete(p.down, id)
		}
	}
	for member := range doc.Members() {
		view, known := p.watch.View(member.ID, now)
		down := view.Down(member)
		if !known || member.Addr.IsZero() || down == p.down[member.ID] {
			continue
		}
		p.down[member.ID] = down
		name := state.EventSDown
		if !down {
			name = state.EventSDownEnd
		}
		for m := range doc.Masters() {
			p.m.publishSeen(state.Event{
				Name: name, Level: state.Warning, Master: m.Name,
				Payload: state.SentinelDetails(member, m.Name, doc.Shown(m, m.Addr)),
			}, doc.Index)
		}
	}
}

func (p *peers) propose(ctx context.Context, proposal failover.Proposal) {
	ctx, cancel := context.WithTimeout(ctx, proposeTimeout)
	defer cancel()
	_, _, err := p.m.broker.Propose(ctx, state.Mutation{At: wallNow(), Op: proposal.Op})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch.Proposed(state.MemberID(proposal.Key), p.m.now(), err)
}

// followMembers keeps one link to each other member, which shows the credentials
// that are in force. Those without an address cannot be asked.
func (p *peers) followMembers(ctx context.Context, doc *state.State, work *sync.WaitGroup) {
	access := p.m.peerAccess(doc)
	for id, link := range p.links {
		if member, ok := doc.Member(id); !ok || member.Addr != link.addr || link.access != access {
			link.stop()
			delete(p.links, id)
		}
	}
	for member := range doc.Members() {
		if member.ID == p.m.broker.Self() || p.links[member.ID] != nil || member.Addr.IsZero() {
			continue
		}
		asking, stop := context.WithCancel(ctx)
		link := &peerLink{
			id: member.ID, addr: member.Addr, stop: stop,
			access: access, dial: p.m.dial, name: "sentinel-" + shortID(p.m.broker.Self()) + "-cmd",
			timeout: peerTimeout, names: newNames(member.Addr.Host, p.m.resolve),
		}
		p.links[member.ID] = link
		work.Go(func() { p.ask(asking, link) })
	}
}

// peerAccess is what is shown to the other members under a document.
func (m *Monitor) peerAccess(doc *state.State) peerAccess {
	access := m.ownAccess
	if user, said := doc.Global(state.SentinelUser); said {
		access.User = user
	}
	if pass, said := doc.Global(state.SentinelPass); said {
		access.Pass = state.Secret(pass)
	}
	if access.Pass == "" {
		return peerAccess{Pass: m.ownPass}
	}
	return access
}

// ask asks one member until ctx ends.
func (p *peers) ask(ctx context.Context, link *peerLink) {
	defer link.names.close()
	defer link.hangUp()
	for {
		began := time.Now()
		p.asking(link)
		err := link.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		p.answered(link, err)
		period := peerPeriod
		if member, ok := p.m.broker.State().Member(link.id); err != nil && ok && member.Alive {
			period = peerDoubt
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(began.Add(period))):
		}
	}
}

// asking notes that a question is under way.
func (p *peers) asking(link *peerLink) {
	p.mu.Lock()
	defer p.mu.Unlock()
	link.askedAt = p.m.now()
}

// troubleEvery bounds how often the trouble with one member is spoken of when it
// changes its face.
const troubleEvery = 10 * time.Second

// answered files an answer, or why there is none; that is logged once, and again
// when there is another reason.
func (p *peers) answered(link *peerLink, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	who := []any{"member", string(link.id), "address", link.addr.String()}
	link.askedAt = 0
	if link.connected = err == nil; link.connected {
		if p.links[link.id] == link {
			p.watch.Heard(link.id, p.m.now())
		}
		if link.trouble != "" {
			p.m.log.Info("a member answers again", who...)
		}
		link.trouble = ""
		return
	}
	text, now := briefly(err), p.m.now()
	if isAbsent(err) && p.links[link.id] == link {
		p.watch.Refused(link.id, now)
	}
	if link.trouble == "" || link.trouble != text && now.Sub(link.troubleSaid) >= troubleEvery {
		link.troubleSaid = now
		p.m.log.Log(context.Background(), slog.LevelWarn, "a member does not answer", append(who, "error", text)...)
	}
	link.trouble = text
}

// view is what is known of a member; false for this node itself and for whoever
// is no member.
func (p *peers) view(id state.MemberID) (failover.MemberView, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.m.now()
	view, ok := p.watch.View(id, now)
	if link := p.links[id]; ok && link != nil {
		view.Connected, view.Trouble, view.IP = link.connected, link.trouble, link.names.reached()
		if link.askedAt != 0 {
			view.LinkPending, view.PendingFor = true, now.Sub(link.askedAt)
		}
	}
	return view, ok
}
