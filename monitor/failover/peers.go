package failover

import (
	"log/slog"
	"slices"
	"time"

	"redis-failover/cluster/state"
)

const (
	// peerSilence is for how long a member may be silent before another one
	// proposes that it does not count as alive. With the time between two
	// questions it keeps what design promises: the vote of a dead or cut-off
	// member stops counting within 5 s.
	peerSilence = 4 * time.Second
	// reviveSpacing lies between two proposals of a member that it is alive
	// itself, so that a member which only some of the others can reach does not
	// fill the log with the dispute.
	reviveSpacing = 2 * time.Second
)

// Peers is what this node has heard of the other members, and decides whose
// silence is to be recorded in the document. It follows the rules of [Watch]: no
// clock, no I/O, one goroutine.
//
// Who is silent is said by the others; that it is alive again is said by the
// member itself, and only by a commit. So a member that answers the others but
// cannot commit, and therefore can neither vote nor carry anything out, stays
// out of the count.
type Peers struct {
	heard   map[state.MemberID]Moment
	pending map[state.MemberID]pending
	revived Moment
}

// NewPeers begins to listen.
func NewPeers() *Peers {
	return &Peers{heard: map[state.MemberID]Moment{}, pending: map[state.MemberID]pending{}}
}

// Heard records that a member has answered at t.
func (p *Peers) Heard(id state.MemberID, t Moment) {
	if _, known := p.heard[id]; known {
		p.heard[id] = max(p.heard[id], t)
	}
}

// HeardAt is when a member last answered, or when this node began to listen to
// it; 0 if it does not.
func (p *Peers) HeardAt(id state.MemberID) Moment { return p.heard[id] }

// Proposed records how the proposal about a member ended.
func (p *Peers) Proposed(id state.MemberID, now Moment, err error) {
	delete(p.pending, id)
	if err != nil {
		p.pending[id] = pending{retry: now.Add(retryAfterFailure)}
	}
}

// Paused starts the observations anew: what was not heard while this process
// did not run is not held against anybody.
func (p *Peers) Paused(now Moment) {
	for id := range p.heard {
		p.heard[id] = now
	}
}

// Step decides. The keys of its proposals are member ids.
func (p *Peers) Step(env Env) Output {
	out := Output{Wake: env.Now.Add(peerSilence)}
	p.follow(env)
	if !env.CanCommit {
		return out
	}
	for member := range env.Doc.Members() {
		switch {
		case member.ID == env.Self:
			p.revive(env, member, &out)
		case member.Alive:
			p.suspect(env, member, &out)
		}
	}
	return out
}

// follow keeps to the members of the document.
func (p *Peers) follow(env Env) {
	var ids []state.MemberID
	for member := range env.Doc.Members() {
		ids = append(ids, member.ID)
		if _, known := p.heard[member.ID]; !known {
			p.heard[member.ID] = env.Now
		}
	}
	for id := range p.heard {
		if !slices.Contains(ids, id) {
			delete(p.heard, id)
			delete(p.pending, id)
		}
	}
}

func (p *Peers) revive(env Env, self state.Member, out *Output) {
	if self.Alive || (p.revived != 0 && env.Now.Sub(p.revived) < reviveSpacing) {
		return
	}
	p.revived = env.Now
	p.propose(env, self.ID, true, out)
	out.Log = append(out.Log, Line{slog.LevelWarn, "the others held this node for dead; it is back", nil})
}

func (p *Peers) suspect(env Env, member state.Member, out *Output) {
	silent := env.Now.Sub(p.heard[member.ID])
	if silent < peerSilence {
		out.Wake = min(out.Wake, p.heard[member.ID].Add(peerSilence))
		return
	}
	if p.propose(env, member.ID, false, out) {
		out.Log = append(out.Log, Line{slog.LevelWarn, "a member is silent; its votes and claims stop counting", []slog.Attr{
			slog.String("member", string(member.ID)), slog.String("address", member.Addr.String()),
			slog.Duration("silent", silent.Round(time.Millisecond)),
		}})
	}
}

func (p *Peers) propose(env Env, id state.MemberID, alive bool, out *Output) bool {
	if waiting := p.pending[id]; waiting.inFlight || env.Now < waiting.retry {
		return false
	}
	p.pending[id] = pending{inFlight: true, since: env.Now}
	out.Proposals = append(out.Proposals, Proposal{Key: string(id), Op: state.OpAlive{Member: id, Alive: alive}})
	return true
}
