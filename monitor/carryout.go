package monitor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

const (
	// proposeTimeout is how long a proposal may take before its outcome counts
	// as unknown. Only a broker in trouble needs more than milliseconds.
	proposeTimeout = 5 * time.Second
	connectTimeout = 5 * time.Second
	writeTimeout   = time.Second
)

// carryOut does what the core decided under the document of an index, in the
// order events, answers, orders, proposals.
func (m *Monitor) carryOut(g *group, under state.Index, out failover.Output) {
	for _, line := range out.Log {
		m.log.LogAttrs(context.Background(), line.Level, line.Text, line.Attrs...)
	}
	for _, e := range out.Events {
		m.publishSeen(e, under)
	}
	for _, a := range out.Answers {
		if answer, ok := m.waiting.Load(a.Request); ok {
			answer.(chan error) <- a.Err
		}
	}
	for _, o := range out.Orders {
		m.order(g, o)
	}
	for _, p := range out.Proposals {
		m.propose(g.name, p)
	}
	if out.Barrier {
		m.barrier(g.name)
	}
}

// logEvent writes an event as Sentinel does: its name and its payload.
func (m *Monitor) logEvent(e state.Event) {
	level := slog.LevelInfo
	switch e.Level {
	case state.Verbose:
		level = slog.LevelDebug
	case state.Warning:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("payload", e.Payload)}
	if e.Seq != 0 {
		attrs = append(attrs, slog.Uint64("event", e.Seq))
	}
	m.log.LogAttrs(context.Background(), level, e.Name, attrs...)
}

// order hands an order to the server's link; no method of a link blocks.
func (m *Monitor) order(g *group, o failover.Order) {
	if o.Kind == failover.Listen {
		m.listen(g, o.Addr)
		return
	}
	l := m.linkTo(g, o.Addr)
	switch o.Kind {
	case failover.Probe:
		l.Send(Request{Ping: o.Ping, Info: Section(o.Info)})
	case failover.Drop:
		l.Drop()
	case failover.KillScript:
		l.Send(Request{KillScript: true})
	case failover.Reconfigure:
		m.nextOrder++
		fence := o.Fence
		right := slog.Group("claim", "epoch", uint64(fence.Claim.Epoch), "number", fence.Claim.Number)
		if fence.Repair != 0 {
			right = slog.Uint64("repair", fence.Repair)
		}
		target := g.told(m.broker.State(), o.Target)
		m.log.Info("ordering", "master", g.name, "server", o.Addr.String(), "follow", followed(target), right)
		l.Order(Reconfigure{
			ID: m.nextOrder, Target: target, Probe: true,
			Valid: func() bool { return fence.Holds(m.now(), m.broker.State()) },
		})
	}
}

func followed(target state.Addr) string {
	if target.IsZero() {
		return "nobody (be a master)"
	}
	return target.String()
}

// told is how a server is told whom to follow. Where this node reaches the server of
// a name is where it saw it to be a master; the document may say later that the name
// stands for that, and the former address be another server's by now.
func (g *group) told(doc *state.State, target state.Addr) state.Addr {
	shown := doc.Shown(g.agreed, target)
	if ip := g.connectedTo(target); ip != "" && shown != target {
		shown.Host = ip
	}
	return shown
}

func (m *Monitor) linkTo(g *group, a state.Addr) *link {
	if l, ok := g.links[a]; ok {
		return l
	}
	if g.linksID == 0 {
		m.nextOrder++
		g.linksID = m.nextOrder
	}
	name, id := g.name, g.linksID
	l := newLink(m.access(g, a, "cmd"), func(r Report) { m.report(name, id, r) })
	g.links[a] = l
	return l
}

// access is how to connect to a server of a group; use is how Sentinel calls
// what the connection is for.
func (m *Monitor) access(g *group, a state.Addr, use string) linkConfig {
	settings := g.agreed.Settings
	return linkConfig{
		Addr: a, IP: g.agreed.IP(a), User: settings.AuthUser, Pass: settings.AuthPass,
		Rename:         settings.CommandName,
		Name:           "sentinel-" + shortID(m.broker.Self()) + "-" + use,
		Dial:           m.dial,
		Resolve:        m.resolve,
		ConnectTimeout: connectTimeout,
		WriteTimeout:   writeTimeout,
	}
}

// listen subscribes at a group's master, and no longer anywhere else.
func (m *Monitor) listen(g *group, a state.Addr) {
	if g.ear != nil {
		g.ear.close()
	}
	name := g.name
	put := func(in failover.Input) {
		in.Addr, in.At = a, m.now()
		m.inbox.put(item{group: name, input: in})
	}
	g.ear = openEar(m.access(g, a, "pubsub"),
		func(text string) {
			if hello, ok := ParseHello(text); ok {
				put(failover.Input{Kind: failover.Greeted, Hello: hello})
			}
		},
		func(err error) {
			m.log.Debug("not listening for Sentinels", "master", name, "server", a.String(), "error", err)
			put(failover.Input{Kind: failover.Deafened, Refused: errors.Is(err, errNotAllowed)})
		})
}

// shortID is how Sentinel shows itself to the servers: 8 hex digits.
func shortID(id state.MemberID) string { return string(id[:min(8, len(id))]) }

// report turns what a link saw into an input of the core.
func (m *Monitor) report(name string, links uint64, r Report) {
	in := failover.Input{Addr: r.Addr, At: m.moment(r.At), SentAt: m.moment(r.SentAt), Err: r.Err, IP: r.IP}
	switch r.Kind {
	case ReportUp:
		in.Kind = failover.Linked
		m.complaints.Delete(complaint{name, r.Addr})
	case ReportDown:
		in.Kind, in.Refused = failover.Unlinked, r.Refused
		if errors.Is(r.Err, ErrDroppedLink) {
			in.Err = nil // our own doing explains nothing
		}
	case ReportPong:
		m.probed(r.At.Sub(r.SentAt), r.Valid)
		in.Kind, in.Valid, in.Loading, in.Text = failover.Pong, r.Valid, isLoading(r.Text), r.Text
	case ReportInfo:
		in.Kind, in.Full, in.Facts, in.Text = failover.Info, r.Full, r.Facts, r.Text
	case ReportOrdered:
		var refusal redis.Error
		in.Kind, in.Refused = failover.Ordered, errors.As(r.Err, &refusal)
		if r.Text != "" {
			m.log.Warn("the server follows the order, but refused a part of it: its clients may not have been dropped, or its configuration not been rewritten",
				"master", name, "server", r.Addr.String(), "error", r.Text)
		}
		if r.Err == nil {
			m.failAt(CrashAfterOrder)
		}
	case ReportAuth:
		m.complain(name, r)
		return
	default:
		return
	}
	m.inbox.put(item{group: name, links: links, input: in})
}

// complaint is a server that does not let us in.
type complaint struct {
	group  string
	server state.Addr
}

// complain logs that a server does not let us in: once, not at each of the many
// attempts that follow.
func (m *Monitor) complain(name string, r Report) {
	text := r.Err.Error()
	if last, known := m.complaints.Swap(complaint{name, r.Addr}, text); known && last == text {
		return
	}
	m.log.Warn("the server does not let us in; see auth-user and auth-pass", "master", name, "server", r.Addr.String(), "error", text)
}

func isLoading(text string) bool { return len(text) >= 7 && text[:7] == "LOADING" }

func (m *Monitor) dropLinks(g *group) {
	for a, l := range g.links {
		l.Close()
		m.complaints.Delete(complaint{g.name, a})
	}
	clear(g.links)
	g.linksID = 0
	if g.ear != nil {
		// The core opens it anew, with the new credentials if that is why.
		m.inbox.put(item{group: g.name, input: failover.Input{Kind: failover.Deafened, Addr: g.ear.cfg.Addr}})
		g.ear.close()
		g.ear = nil
	}
}

// closeStrayLinks closes links to servers that the document no longer has.
func (m *Monitor) closeStrayLinks(g *group) {
	if len(g.links) <= len(g.agreed.Replicas)+1 {
		return
	}
	for a, l := range g.links {
		if _, known := g.agreed.Replica(a); !known && a != g.agreed.Addr {
			l.Close()
			delete(g.links, a)
		}
	}
}

// sameAccess reports whether links made for one version of a master still do.
func sameAccess(a, b *state.Master) bool {
	return a == b || a.AuthUser == b.AuthUser && a.AuthPass == b.AuthPass && slices.Equal(a.Renames, b.Renames)
}

// propose puts a mutation to the broker; the core hears how it ended. Votes are
// collected, because a lost rack or a partition makes thousands of them at
// once.
func (m *Monitor) propose(name string, p failover.Proposal) {
	if vote, ok := p.Op.(state.OpVote); ok {
		m.votes.add(name, p.Key, vote)
		return
	}
	m.proposeFor(p.Op, []voter{{name, p.Key}})
}

// voter is a group that waits for the outcome of a proposal.
type voter struct{ group, key string }

func (m *Monitor) proposeFor(op state.Op, voters []voter) {
	mutation := state.Mutation{At: wallNow(), Op: op}
	m.work.Go(func() {
		ctx, cancel := context.WithTimeout(m.working, proposeTimeout)
		defer cancel()
		outcome, _, err := m.broker.Propose(ctx, mutation)
		if err != nil && m.working.Err() == nil {
			m.log.Warn("a proposal failed", "operation", state.Kind(op), "error", err)
		}
		if err == nil && !outcome.Refused() {
			m.failAfter(op)
		}
		for _, v := range voters {
			m.inbox.put(item{group: v.group, input: failover.Input{Kind: failover.Proposed, Key: v.key, Outcome: outcome, Err: err}})
		}
	})
}

// voteBatch holds the votes of one turn.
type voteBatch struct {
	op     state.OpVote
	voters []voter
}

func (b *voteBatch) add(name, key string, vote state.OpVote) {
	b.op.Member = vote.Member
	b.op.Votes = append(b.op.Votes, vote.Votes...)
	b.voters = append(b.voters, voter{name, key})
}

func (m *Monitor) sendVotes() {
	if len(m.votes.voters) == 0 {
		return
	}
	m.proposeFor(m.votes.op, m.votes.voters)
	m.votes = voteBatch{}
}

func (m *Monitor) barrier(name string) {
	begun := m.now()
	m.work.Go(func() {
		ctx, cancel := context.WithTimeout(m.working, proposeTimeout)
		defer cancel()
		_, err := m.broker.Barrier(ctx)
		m.inbox.put(item{group: name, input: failover.Input{Kind: failover.Confirmed, SentAt: begun, Err: err}})
	})
}
