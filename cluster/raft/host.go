package raft

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/client"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/statemachine"
	"github.com/lni/vfs"
)

// shard is the engine's number for our one raft group.
const shard = 1

// The engine's settings. Those of the log store and of the workers are written
// into the folder and must never change. One group needs one of each; the
// defaults (16 stores, 160 goroutines) are made for thousands of groups.
const (
	logStores       = 1
	execWorkers     = 1
	snapshotWorkers = 2
	// keptBehind is how many entries stay in the log behind a snapshot, for
	// members that lag a little: sending them costs less than the snapshot.
	keptBehind = 1000
)

// host is the engine while it is open.
type host struct {
	nh      *dragonboat.NodeHost
	session *client.Session
	replica uint64
	timing  Timing
	events  *events
	lead    *leadership
	mesh    *mesh

	ctx    context.Context // ends when close begins
	cancel context.CancelFunc

	mu     sync.Mutex
	calls  sync.WaitGroup // calls in the engine; guarded against a late Add by mu
	closed bool
}

// hostOptions are what an engine is opened with.
type hostOptions struct {
	identity
	dir, logDir   string
	timing        Timing
	snapshotEvery int
	behind        int
	mesh          *mesh
	ledger        *ledger
	events        *events
	files         vfs.FS
	slow          func(time.Duration) // see disk
}

// openHost opens the engine and returns when the document is as of this node's
// own log; it does not wait for others.
func openHost(o hostOptions) (*host, error) {
	var h *host
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if panicked := survive(func() { h, err = o.open() }); panicked != nil {
			err = o.cannotUse(panicked)
		}
	}()
	select {
	case <-done:
		return h, err
	case <-o.events.failed:
		return nil, *o.events.failure.Load()
	}
}

func (o hostOptions) cannotUse(cause error) error {
	return fmt.Errorf("the raft engine cannot use the folder %s: %s (%s)", o.dir, advice(cause.Error()), firstLine(cause.Error()))
}

func (o hostOptions) open() (h *host, err error) {
	for _, dir := range []string{o.dir, o.logDir} {
		if dir == "" {
			continue
		}
		if err := prepareEngine(dir); err != nil {
			return nil, err
		}
	}
	nh, err := dragonboat.NewNodeHost(o.config())
	if err == nil && nh == nil { // so it says that it has swallowed a panic
		err = errors.New("it does not start; its log may say why")
	}
	if err != nil {
		return nil, o.cannotUse(err)
	}
	o.ledger.entry.Store(0)
	h = &host{nh: nh, session: nh.GetNoOPSession(shard), replica: o.Replica, timing: o.timing, events: o.events, lead: o.events.lead, mesh: o.mesh}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	started := false
	defer func() {
		if !started {
			h.close(nil)
			h = nil
		}
	}()
	if err := h.start(o); err != nil {
		return h, err
	}
	started = true
	return h, nil
}

func (o hostOptions) config() config.NodeHostConfig {
	store := config.GetTinyMemLogDBConfig()
	store.Shards = logStores
	return config.NodeHostConfig{
		DeploymentID:   deployment(o.Group),
		NodeHostID:     o.Node,
		NodeHostDir:    o.dir,
		WALDir:         o.logDir,
		RaftAddress:    o.Node,
		RTTMillisecond: uint64(o.timing.RTT / time.Millisecond),
		// Addresses are nodes: see transport.go.
		RaftEventListener:   o.events,
		SystemEventListener: o.events,
		Expert: config.ExpertConfig{
			LogDB: store,
			Engine: config.EngineConfig{
				ExecShards: execWorkers, CommitShards: 1, ApplyShards: 1, SnapshotShards: snapshotWorkers, CloseShards: 1,
			},
			TransportFactory:    transportFactory{o.mesh, o.events},
			NodeRegistryFactory: registryFactory{},
			FS:                  engineDisk(o.files, o.events, o.slow),
		},
	}
}

func (h *host) start(o hostOptions) error {
	rc := config.Config{
		ReplicaID: o.Replica, ShardID: shard,
		ElectionRTT: uint64(o.timing.ElectionRTT), HeartbeatRTT: uint64(o.timing.HeartbeatRTT),
		// A leader that is cut off steps down; a member that comes back does
		// not disturb the others. Both must be on at every member from the
		// first day: one without PreVote panics when it meets one with it.
		CheckQuorum: true, PreVote: true,
		SnapshotEntries: uint64(o.snapshotEvery), CompactionOverhead: uint64(o.behind),
		SnapshotCompressionType: config.Snappy,
		OrderedConfigChange:     true,
		WaitReady:               true,
	}
	create := func(uint64, uint64) statemachine.IConcurrentStateMachine { return newMachine(o.ledger, o.events) }
	founders, join := o.Founders, o.Founders == nil
	switch {
	case h.nh.HasNodeInfo(shard, o.Replica):
		founders, join = nil, false
	case o.Begun:
		return fmt.Errorf("%w: %s knows that this member has taken part in the group, and its raft log is gone; %s", ErrWiped, identityFile, wipedAdvice)
	}
	err := h.nh.StartConcurrentReplica(maps.Clone(founders), join, create, rc)
	if errors.Is(err, dragonboat.ErrReplicaRemoved) {
		return ErrRemoved
	}
	if err != nil {
		return fmt.Errorf("the raft engine does not start: %w", err)
	}
	return h.replay(o.ledger)
}

const (
	// replayPatience bounds the wait for the log to be applied; 10,000 entries
	// take a fraction of a second.
	replayPatience = 10 * time.Second
	// replayChunk is how much of the log is looked at at once.
	replayChunk = 1 << 20
)

// replay waits until what this node's own log says to be committed is applied.
// The engine itself waits for the snapshot only.
func (h *host) replay(l *ledger) error {
	log, err := h.nh.GetLogReader(shard)
	if err != nil {
		return fmt.Errorf("the raft log cannot be read: %w", err)
	}
	last, err := lastCommitted(log)
	if err != nil {
		return fmt.Errorf("the raft log cannot be read: %w", err)
	}
	deadline := time.NewTimer(replayPatience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for l.entry.Load() < last {
		select {
		case <-tick.C:
		case <-deadline.C:
			l.log.Warn("the raft log is long and still being applied")
			return nil
		}
	}
	return nil
}

// lastCommitted is the place of the last entry that reaches the state machine
// from the log and not from a snapshot, as far as this node knows to be
// committed; 0 for none. Entries of the engine's own may stand behind it.
func lastCommitted(log dragonboat.ReadonlyLogReader) (uint64, error) {
	snapshot := log.Snapshot()
	if snapshot.Index > 0 { // else nothing was referenced
		if err := snapshot.Unref(); err != nil {
			return 0, err
		}
	}
	state, _ := log.NodeState()
	first, _ := log.GetRange()
	low, last := max(first, snapshot.Index+1), uint64(0)
	for low <= state.Commit {
		entries, err := log.Entries(low, state.Commit+1, replayChunk)
		if err != nil || len(entries) == 0 {
			return last, err
		}
		for i := range entries {
			if entries[i].IsProposal() && len(entries[i].Cmd) > 0 {
				last = entries[i].Index
			}
		}
		low = entries[len(entries)-1].Index + 1
	}
	return last, nil
}

// enter begins a call in the engine; leave ends it. It fails when the engine is
// closing.
func (h *host) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.calls.Add(1)
	}
	return !h.closed
}

func (h *host) leave() { h.calls.Done() }

// handOver is how long close waits for another leader.
const handOver = 300 * time.Millisecond

// closePatience bounds the end of the engine, which takes milliseconds unless its
// disk hangs.
const closePatience = 10 * time.Second

// close ends the engine. If this node leads, it hands that over first to one of
// heirs, so that the others need no election; without heirs it just leaves. An
// engine that has failed is left as it stands, cut off from everybody.
func (h *host) close(heirs []uint64) {
	if h.lead.now().leader == h.replica && !isClosed(h.events.failed) {
		h.transfer(heirs)
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.calls.Wait()
		if isClosed(h.events.failed) {
			return
		}
		if err := survive(h.nh.Close); err != nil {
			h.events.fail(lastWords(err.Error()))
		}
	}()
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
		h.events.fail(errors.New("the raft engine does not stop in time, as it would when its disk does not answer. Restart this process"))
		h.mesh.engine.Store(nil)
	case <-h.events.failed:
		h.mesh.engine.Store(nil)
	}
	h.lead.set(0, 0)
}

func (h *host) transfer(heirs []uint64) {
	ctx, cancel := context.WithTimeout(h.ctx, min(handOver, h.timing.Election()))
	defer cancel()
	for _, heir := range heirs {
		if err := h.nh.RequestLeaderTransfer(shard, heir); err != nil {
			continue
		}
		for l := h.lead.now(); l.leader == h.replica || l.leader == 0; l = h.lead.now() {
			select {
			case <-l.changed:
			case <-ctx.Done():
				return
			}
		}
		return
	}
}

// snapshotPatience bounds the writing of a document, of 40 MB at most as a rule. If
// it were given up too early, the engine would refuse to make another until there
// is a change.
const snapshotPatience = time.Minute

// snapshot has the engine write the document out.
func (h *host) snapshot() error {
	if !h.enter() {
		return errClosed
	}
	defer h.leave()
	ctx, cancel := context.WithTimeout(h.ctx, snapshotPatience)
	defer cancel()
	_, err := h.nh.SyncRequestSnapshot(ctx, shard, dragonboat.DefaultSnapshotOption)
	return err
}

// attempt is how long one try of a proposal or a read may take: long enough for
// an election, short enough that a message that was lost is soon repeated.
func (h *host) attempt() time.Duration {
	return max(5*h.timing.Election()/2, 100*time.Millisecond)
}

// membership is raft's list of members as this node has applied it.
type membership struct {
	// nodes are the members' nodes by replica.
	nodes map[uint64]string
	// changed is the place of the last change in raft's log.
	changed uint64
}

// membership asks no other node; ok is false while this one knows nothing.
func (h *host) membership() (m membership, ok bool) {
	if !h.enter() {
		return membership{}, false
	}
	defer h.leave()
	info := h.nh.GetNodeHostInfo(dragonboat.NodeHostInfoOption{SkipLogInfo: true})
	if info == nil || len(info.ShardInfoList) != 1 || info.ShardInfoList[0].Pending {
		return membership{}, false
	}
	s := info.ShardInfoList[0]
	return membership{nodes: s.Replicas, changed: s.ConfigChangeIndex}, len(s.Replicas) > 0
}

// leadership is who leads, as the engine tells.
type leadership struct {
	mu      sync.Mutex
	present lead
}

// lead is a leader and its term; leader 0 is none.
type lead struct {
	leader, term uint64
	since        time.Time
	changed      chan struct{} // closed when another takes its place
}

func newLeadership() *leadership {
	return &leadership{present: lead{since: time.Now(), changed: make(chan struct{})}}
}

func (l *leadership) now() lead {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.present
}

func (l *leadership) set(leader, term uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.present.leader == leader && l.present.term == term {
		return
	}
	since := time.Now()
	if leader == 0 && l.present.leader == 0 {
		since = l.present.since // still none
	}
	close(l.present.changed)
	l.present = lead{leader: leader, term: term, since: since, changed: make(chan struct{})}
}

// events takes in what the engine tells. The engine calls it from one goroutine
// that its raft worker waits for: so it only takes notes and rings a bell.
type events struct {
	lead *leadership
	bell chan struct{} // holds one token while somebody should look
	// deleted: the engine has noticed that this member was removed.
	deleted atomic.Bool
	// membershipChanged: raft's list of members is another.
	membershipChanged atomic.Bool
	// failure is why the engine cannot go on, nil while it can; then failed is
	// closed.
	failure atomic.Pointer[error]
	failed  chan struct{}
}

func newEvents() *events {
	return &events{lead: newLeadership(), bell: make(chan struct{}, 1), failed: make(chan struct{})}
}

// fail notes that the engine cannot go on. The first reason stays.
func (e *events) fail(why error) {
	if e.failure.CompareAndSwap(nil, &why) {
		close(e.failed)
		e.ring()
	}
}

// end is called on a goroutine of the engine in place of returning err, which
// would stop the process: it notes why, and never returns. On a goroutine where
// a panic is caught, it returns err.
func (e *events) end(err, why error) error {
	if caught() {
		return err
	}
	e.fail(why)
	select {}
}

func (e *events) ring() {
	select {
	case e.bell <- struct{}{}:
	default: // a token is there
	}
}

// LeaderUpdated notes the leader.
func (e *events) LeaderUpdated(info raftio.LeaderInfo) {
	e.lead.set(info.LeaderID, info.Term)
	e.ring()
}

// NodeDeleted notes that this member was removed.
func (e *events) NodeDeleted(raftio.NodeInfo) {
	e.deleted.Store(true)
	e.ring()
}

// MembershipChanged notes that there is another list of members.
func (e *events) MembershipChanged(raftio.NodeInfo) {
	e.membershipChanged.Store(true)
	e.ring()
}

// The rest of raftio.ISystemEventListener is of no interest.

func (e *events) NodeHostShuttingDown()                       {}
func (e *events) NodeUnloaded(raftio.NodeInfo)                {}
func (e *events) NodeReady(raftio.NodeInfo)                   {}
func (e *events) ConnectionEstablished(raftio.ConnectionInfo) {}
func (e *events) ConnectionFailed(raftio.ConnectionInfo)      {}
func (e *events) SendSnapshotStarted(raftio.SnapshotInfo)     {}
func (e *events) SendSnapshotCompleted(raftio.SnapshotInfo)   {}
func (e *events) SendSnapshotAborted(raftio.SnapshotInfo)     {}
func (e *events) SnapshotReceived(raftio.SnapshotInfo)        {}
func (e *events) SnapshotRecovered(raftio.SnapshotInfo)       {}
func (e *events) SnapshotCreated(raftio.SnapshotInfo)         {}
func (e *events) SnapshotCompacted(raftio.SnapshotInfo)       {}
func (e *events) LogCompacted(raftio.EntryInfo)               {}
func (e *events) LogDBCompacted(raftio.EntryInfo)             {}
