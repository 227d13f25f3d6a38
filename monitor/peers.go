package monitor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

const (
	// peerPeriod lies between two questions to a member.
	peerPeriod = 500 * time.Millisecond
	// peerTimeout is how long one question, connecting included, may take.
	peerTimeout = 2 * time.Second
)

// peers asks the other members whether they are there, as Sentinels do of each
// other, and proposes what failover.Peers concludes. A member is asked for its
// id, so that a stranger at its address does not pass for it.
type peers struct {
	m *Monitor

	mu       sync.Mutex
	watch    *failover.Peers
	pauses   failover.PauseDetector
	asking   map[state.MemberID]*peerLink
	lastDown map[state.MemberID]string // the error last logged
}

// peerLink is the goroutine that asks one member.
type peerLink struct {
	addr   state.Addr
	cancel context.CancelFunc
}

func newPeers(m *Monitor) *peers {
	return &peers{m: m, watch: failover.NewPeers(), asking: map[state.MemberID]*peerLink{}, lastDown: map[state.MemberID]string{}}
}

// run asks until ctx ends. One timer serves all members: there are a handful.
func (p *peers) run(ctx context.Context) {
	ticker := time.NewTicker(peerPeriod / 5) // often enough to notice a pause
	defer ticker.Stop()
	var links sync.WaitGroup
	defer links.Wait()
	for ctx.Err() == nil {
		p.turn(ctx, &links)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

func (p *peers) turn(ctx context.Context, links *sync.WaitGroup) {
	doc := p.m.broker.State()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.m.now()
	if p.pauses.Tick(now) > 0 {
		p.watch.Paused(now)
	}
	p.followMembers(ctx, doc, links)
	out := p.watch.Step(failover.Env{
		Now: now, Self: p.m.broker.Self(), Doc: doc,
		CanCommit: p.m.broker.Health().Condition == cluster.Ready, Timing: p.m.timing,
	})
	for _, line := range out.Log {
		p.m.log.LogAttrs(ctx, line.Level, line.Text, line.Attrs...)
	}
	for _, proposal := range out.Proposals {
		links.Go(func() { p.propose(proposal) })
	}
}

func (p *peers) propose(proposal failover.Proposal) {
	ctx, cancel := context.WithTimeout(context.Background(), proposeTimeout)
	defer cancel()
	_, _, err := p.m.broker.Propose(ctx, state.Mutation{At: wallNow(), Op: proposal.Op})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch.Proposed(state.MemberID(proposal.Key), p.m.now(), err)
}

// followMembers keeps one asking goroutine for each other member.
func (p *peers) followMembers(ctx context.Context, doc *state.State, links *sync.WaitGroup) {
	for id, link := range p.asking {
		if member, ok := doc.Member(id); !ok || member.Addr != link.addr {
			link.cancel()
			delete(p.asking, id)
		}
	}
	for member := range doc.Members() {
		if member.ID == p.m.broker.Self() || p.asking[member.ID] != nil || member.Addr.IsZero() {
			continue
		}
		asking, cancel := context.WithCancel(ctx)
		p.asking[member.ID] = &peerLink{addr: member.Addr, cancel: cancel}
		links.Go(func() { p.ask(asking, member) })
	}
}

// ask asks one member until ctx ends, over one connection while it lasts.
func (p *peers) ask(ctx context.Context, member state.Member) {
	var conn redis.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for {
		var err error
		if conn == nil {
			conn, err = p.dial(ctx, member.Addr)
		}
		if err == nil {
			err = identify(conn, member.ID)
		}
		p.heard(member, err)
		if err != nil && conn != nil {
			_ = conn.Close()
			conn = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(peerPeriod):
		}
	}
}

func (p *peers) dial(ctx context.Context, a state.Addr) (redis.Conn, error) {
	options := []redis.DialOption{
		redis.DialContextFunc((&net.Dialer{Timeout: peerTimeout}).DialContext),
		redis.DialReadTimeout(peerTimeout), redis.DialWriteTimeout(peerTimeout),
	}
	if access := p.m.peerAccess; access.Pass != "" {
		options = append(options, redis.DialPassword(string(access.Pass)))
		if access.User != "" {
			options = append(options, redis.DialUsername(access.User))
		}
	}
	conn, err := redis.DialContext(ctx, "tcp", a.String(), options...)
	if err != nil {
		return nil, err
	}
	_, err = conn.Do("CLIENT", "SETNAME", "sentinel-"+shortID(p.m.broker.Self())+"-cmd")
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// errStranger: another node answers at a member's address.
var errStranger = errors.New("another node answers there")

func identify(conn redis.Conn, want state.MemberID) error {
	id, err := redis.String(conn.Do("SENTINEL", "MYID"))
	if err != nil {
		return err
	}
	if state.MemberID(id) != want {
		return fmt.Errorf("%w: %s", errStranger, id)
	}
	return nil
}

// heard files an answer, or logs why there is none, once for each reason.
func (p *peers) heard(member state.Member, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.watch.Heard(member.ID, p.m.now())
		if p.lastDown[member.ID] != "" {
			p.m.log.Info("a member answers again", "member", string(member.ID), "address", member.Addr.String())
		}
		delete(p.lastDown, member.ID)
		return
	}
	if text := err.Error(); p.lastDown[member.ID] != text && !errors.Is(err, context.Canceled) {
		p.lastDown[member.ID] = text
		p.m.log.Log(context.Background(), slog.LevelWarn, "a member does not answer", "member", string(member.ID),
			"address", member.Addr.String(), "error", text)
	}
}
