package failover

import (
	"log/slog"
	"time"

	"redis-failover/cluster/state"
)

const (
	// peerSilence is for how long a member may be silent before another one
	// proposes that it does not count as alive. It counts from the last answer,
	// not from a question that was given up, so with a turn of 100 ms and a
	// commit it keeps what the design promises: the vote of a dead or cut-off
	// member stops counting within 5 s.
	peerSilence = 4 * time.Second
	// peerAbsence is for how long a member's address must have refused every
	// connection. That says more than silence does: its host is there and its
	// process is not. A restart that takes less is not worth two commits.
	peerAbsence = 500 * time.Millisecond
	// peerGrace is what a member gets at least to answer in, after this process
	// was paused or had no majority: time for one question that comes to nothing
	// and one more. Both together still keep the 5 s when the one that died was
	// the engine's leader, and another had to be elected first.
	peerGrace = 2500 * time.Millisecond
	// mostPatience bounds the patience with a member whose silence is disputed.
	mostPatience = 32 * time.Second
	// reviveSpacing lies between two proposals of a member that it is alive
	// itself, so that a dispute does not fill the log.
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
//
// A commit is a sign of life as good as an answer. Where only the way between
// two members is cut, both still have their majority, and each would go on
// recording the other one's death, which the other denies at once: with every
// death votes are lost and failovers change hands. So whoever sees its verdict
// denied waits anew, and longer each time, and takes a refused connection for
// what it may be: a rule of a firewall. A member that is really dead denies
// nothing, and those who can reach it judge it as quickly as ever.
type Peers struct {
	peers   map[state.MemberID]*peer
	revived Moment
	// thawed is when the last long pause of this process was over, 0 never.
	thawed Moment
	// canCommit is what the last Step knew.
	canCommit bool
}

// peer is what is known of one member.
type peer struct {
	since    Moment // when this node began to listen
	answered Moment // when it last answered, 0 never
	// alive is the last sign of life, or the begin.
	alive Moment
	// refused and refusing are when its address first and last refused a
	// connection since the last sign of life, 0 never.
	refused, refusing Moment
	// seq is the number of its last mutation in the document, runID its process.
	seq   uint64
	runID string
	// patience is for how long it may be silent.
	patience time.Duration
	// doubted: this node has proposed its death since it last answered.
	doubted bool
	// excused: it was granted time since its last sign of life.
	excused bool
	pending pending
}

// NewPeers begins to listen.
func NewPeers() *Peers { return &Peers{peers: map[state.MemberID]*peer{}} }

// Heard records that a member has answered at t.
func (p *Peers) Heard(id state.MemberID, t Moment) {
	if peer := p.peers[id]; peer != nil {
		peer.answered = max(peer.answered, t)
		peer.lives(max(peer.alive, t))
		peer.patience, peer.doubted = peerSilence, false
	}
}

// Refused records that at t nobody listened at a member's address, and that its
// host said so.
func (p *Peers) Refused(id state.MemberID, t Moment) {
	if peer := p.peers[id]; peer != nil {
		if peer.refused == 0 {
			peer.refused = t
		}
		peer.refusing = t
	}
}

// absent reports whether the process of a member is known to be gone. Of one
// that has denied its death before, only silence tells; and what was refused a
// while ago says nothing of a member that has been out of reach since.
func (p *peer) absent(now Moment) bool {
	return p.refusing.Sub(p.refused) >= peerAbsence && now.Sub(p.refusing) < peerAbsence && p.patience <= peerSilence
}

// Proposed records how the proposal about a member ended.
func (p *Peers) Proposed(id state.MemberID, now Moment, err error) {
	peer := p.peers[id]
	if peer == nil {
		return
	}
	peer.pending = pending{}
	if err != nil {
		peer.pending.retry = now.Add(retryAfterFailure)
	}
}

// Paused takes a time in which this process did not run out of the
// observations. As with servers (see [Watch]), what was observed before still
// counts, or a starved process would never find anybody dead, and short pauses
// are no excuse. Only refusals begin anew after any: between one before a pause
// and one after it a member may have been there.
func (p *Peers) Paused(now Moment, length time.Duration) {
	for _, peer := range p.peers {
		peer.refused, peer.refusing = 0, 0
	}
	if length < peerSilence/4 {
		return
	}
	p.thawed = now
	for _, peer := range p.peers {
		peer.alive = min(now, peer.alive.Add(length))
		if !peer.excused { // once, or a process that is paused again and again would wait for ever
			peer.excuse(now)
		}
	}
}

// lives notes a sign of life.
func (p *peer) lives(t Moment) {
	p.alive, p.excused = t, false
	p.refused, p.refusing = 0, 0
}

// excuse gives a member some time to answer.
func (p *peer) excuse(now Moment) {
	p.alive, p.excused = max(p.alive, now.Add(peerGrace-p.patience)), true
	p.refused, p.refusing = 0, 0
}

// View is what this node has heard of a member; false for itself and for
// members that it does not know.
func (p *Peers) View(id state.MemberID, now Moment) (MemberView, bool) {
	peer := p.peers[id]
	if peer == nil {
		return MemberView{}, false
	}
	heard := max(peer.since, peer.answered)
	return MemberView{
		Heard: peer.answered != 0, LastHeard: now.Sub(heard), Silent: now.Sub(max(heard, p.thawed)),
	}, true
}

// Step decides. The keys of its proposals are member ids.
func (p *Peers) Step(env Env) Output {
	out := Output{Wake: env.Now.Add(peerSilence)}
	p.follow(env)
	if env.CanCommit && !p.canCommit {
		// Who was not heard while this node was cut off itself may well be the
		// one who was not.
		for _, peer := range p.peers {
			peer.excuse(env.Now)
		}
	}
	p.canCommit = env.CanCommit
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

// follow keeps to the members of the document and looks for signs of life in it.
func (p *Peers) follow(env Env) {
	for id := range p.peers {
		if _, known := env.Doc.Member(id); !known {
			delete(p.peers, id)
		}
	}
	for member := range env.Doc.Members() {
		seq := env.Doc.LastSeq(member.ID)
		known := p.peers[member.ID]
		switch {
		case member.ID == env.Self:
		case known == nil:
			p.peers[member.ID] = &peer{since: env.Now, alive: env.Now, seq: seq, runID: member.RunID, patience: peerSilence}
		case known.runID != member.RunID: // a new process denies nothing
			known.seq, known.runID = seq, member.RunID
			known.lives(env.Now)
			known.patience, known.doubted = peerSilence, false
		case known.seq != seq:
			known.seq = seq
			known.lives(env.Now)
			if known.doubted {
				known.patience, known.doubted = min(2*known.patience, mostPatience), false
			}
		}
	}
}

func (p *Peers) revive(env Env, self state.Member, out *Output) {
	if self.Alive {
		return
	}
	if next := p.revived.Add(reviveSpacing); p.revived != 0 && env.Now < next {
		out.Wake = min(out.Wake, next)
		return
	}
	p.revived = env.Now
	out.Proposals = append(out.Proposals, Proposal{Key: string(self.ID), Op: state.OpAlive{Member: self.ID, Alive: true}})
	out.Log = append(out.Log, Line{slog.LevelWarn, "the others held this node for dead; it is back", nil})
}

func (p *Peers) suspect(env Env, member state.Member, out *Output) {
	peer := p.peers[member.ID]
	silent := env.Now.Sub(peer.alive)
	switch {
	case silent < peer.patience && !peer.absent(env.Now):
		out.Wake = min(out.Wake, peer.alive.Add(peer.patience))
		return
	case peer.pending.inFlight:
		return
	case env.Now < peer.pending.retry:
		out.Wake = min(out.Wake, peer.pending.retry)
		return
	}
	peer.pending = pending{inFlight: true, since: env.Now}
	peer.doubted = true
	out.Proposals = append(out.Proposals, Proposal{Key: string(member.ID), Op: state.OpAlive{Member: member.ID, Alive: false}})
	text := "a member is silent; its votes and claims stop counting"
	if peer.absent(env.Now) {
		text = "a member's process is gone; its votes and claims stop counting"
	}
	out.Log = append(out.Log, Line{slog.LevelWarn, text, []slog.Attr{
		slog.String("member", string(member.ID)), slog.String("address", member.Addr.String()),
		slog.Duration("silent", silent.Round(time.Millisecond)),
	}})
}
