package raft

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/dragonboat/v4/raftpb"
)

// The engine's own transport would do, but for four things: it knows no shared
// secret and no hello, so that neither a stranger nor a member with an emptied
// folder could be turned away before a message of theirs is heard; it dials
// addresses, so that a member could not move; after a failed connection it waits
// for up to a second whatever the election timeout; and it keeps some megabytes
// of buffers for each connection.
//
// Here the engine's "addresses" are nodes. A connection to a node is made when a
// message is due; while that does not succeed, messages are dropped, as raft
// allows, and attempts are some milliseconds apart, or as soon as the node turns
// out to be reachable. Raft is told of each failure, so that it does not go on
// sending to the deaf.

// transport is the engine's view of the mesh. It fulfils raftio.ITransport.
type transport struct {
	m *mesh
	r receiver
}

// receiver is the engine's end of the mesh. When close has returned, the engine
// is not called any more: it does not survive that.
type receiver struct {
	mu       sync.RWMutex // held for reading while the engine is called
	closed   bool
	messages raftio.MessageHandler
	chunks   raftio.ChunkHandler
	events   *events
}

// call calls the engine, unless it is closed.
func (r *receiver) call(f func()) (open bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.closed {
		return false
	}
	if err := survive(f); err != nil {
		r.events.fail(lastWords(err.Error()))
		return false
	}
	return true
}

func (r *receiver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// transportFactory fulfils config.TransportFactory.
type transportFactory struct {
	m *mesh
	e *events
}

func (f transportFactory) Create(_ config.NodeHostConfig, messages raftio.MessageHandler, chunks raftio.ChunkHandler) raftio.ITransport {
	return &transport{m: f.m, r: receiver{messages: messages, chunks: chunks, events: f.e}}
}

// Validate accepts all: what the engine takes for addresses are nodes.
func (transportFactory) Validate(string) bool { return true }

func (t *transport) Name() string { return "mesh" }

func (t *transport) Start() error {
	t.m.engine.Store(&t.r)
	return nil
}

func (t *transport) Close() error {
	t.m.engine.CompareAndSwap(&t.r, nil)
	t.r.close()
	return nil
}

// GetConnection returns at once; see stream.
func (t *transport) GetConnection(ctx context.Context, node string) (raftio.IConnection, error) {
	return &stream{m: t.m, ctx: ctx, node: node}, nil
}

// GetSnapshotConnection connects, or fails: the engine tries again later.
func (t *transport) GetSnapshotConnection(ctx context.Context, node string) (raftio.ISnapshotConnection, error) {
	c, err := t.m.dialNode(ctx, purposeSnapshot, node)
	if err != nil {
		return nil, err
	}
	return newParcel(ctx, t.m, c), nil
}

func (m *mesh) dialNode(ctx context.Context, p purpose, node string) (*conn, error) {
	e, _, _ := m.book.get(node)
	if e.Addr == "" {
		return nil, fmt.Errorf("the address of the member %s is not known yet", node)
	}
	c, _, err := m.dial(ctx, p, node, e.Addr)
	return c, err
}

// stream carries raft messages to one node. One goroutine of the engine uses it.
type stream struct {
	m    *mesh
	ctx  context.Context // ends when the engine closes
	node string

	c *conn // nil while there is none
	// broken is closed when c turns out to be.
	broken <-chan struct{}
	// pause is the time between the last attempt to connect and the next, which
	// is due at next, or when alarm is closed: something is new about the node.
	pause time.Duration
	next  time.Time
	alarm <-chan struct{}
}

// SendMessageBatch sends a batch, or drops it. It never fails, so that the engine
// keeps calling.
func (s *stream) SendMessageBatch(batch raftpb.MessageBatch) error {
	if !s.m.running() { // the engine has failed, or is closing
		return nil
	}
	if s.c != nil && isClosed(s.broken) {
		s.fail(batch)
	}
	if s.c == nil && s.due() {
		s.connect(batch)
	}
	if s.c != nil && s.try(&batch) != nil {
		s.fail(batch)
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (s *stream) try(batch *raftpb.MessageBatch) error {
	frame := s.c.frame(batch.SizeUpperLimit())
	n, err := batch.MarshalTo(frame[frameHead:])
	if err != nil {
		return err
	}
	return s.c.send(frameBatch, frame[:frameHead+n], s.m.patience)
}

// due reports whether it is time to try to connect.
func (s *stream) due() bool {
	return !time.Now().Before(s.next) || s.alarm != nil && isClosed(s.alarm)
}

func (s *stream) connect(batch raftpb.MessageBatch) {
	_, alarm := s.m.peer(s.node)
	c, err := s.m.dialNode(s.ctx, purposeRaft, s.node)
	if err == nil {
		s.c, s.broken = c, s.m.watch(c)
		s.pause = 0
		return
	}
	s.pause = min(max(2*s.pause, firstPause), max(s.m.pace, firstPause))
	s.next, s.alarm = time.Now().Add(s.pause), alarm
	s.m.tellUnreachable(batch)
}

// fail gives the connection up.
func (s *stream) fail(batch raftpb.MessageBatch) {
	s.Close()
	s.m.tellUnreachable(batch)
}

// Close is called by the engine when it has had nothing to send for a while.
func (s *stream) Close() {
	if s.c != nil {
		s.m.untrack(s.c.raw)
		s.c = nil
	}
}

// tellUnreachable tells raft that its messages do not arrive.
func (m *mesh) tellUnreachable(batch raftpb.MessageBatch) {
	engine := m.engine.Load()
	if engine == nil || len(batch.Requests) == 0 {
		return
	}
	lost := batch.Requests[0]
	batch.SourceAddress = "" // it comes from here
	batch.Requests = []raftpb.Message{{Type: raftpb.Unreachable, ShardID: lost.ShardID, From: lost.To, To: lost.From}}
	engine.call(func() { engine.messages(batch) })
}

// watch waits in the background for the acceptor to end a connection on which
// it never says anything.
func (m *mesh) watch(c *conn) <-chan struct{} {
	broken := make(chan struct{})
	m.mu.Lock() // an engine that has failed may still come here when the mesh closes
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		close(broken)
		return broken
	}
	m.wg.Go(func() {
		defer close(broken)
		_, _ = c.Read(make([]byte, 1))
	})
	return broken
}

// parcel carries one snapshot to one node.
type parcel struct {
	m      *mesh
	ctx    context.Context // ends when the engine closes
	stop   func() bool
	c      *conn
	failed bool
	once   sync.Once
}

// newParcel makes a parcel that fails at once, whatever it does, when the engine
// closes: that waits for it, and the other end may be frozen.
func newParcel(ctx context.Context, m *mesh, c *conn) *parcel {
	return &parcel{m: m, ctx: ctx, c: c, stop: context.AfterFunc(ctx, func() { _ = c.raw.Close() })}
}

// chunkPatience bounds the sending of a chunk (2 MiB) and the wait for the end
// of its processing.
const chunkPatience = 10 * time.Second

func (p *parcel) SendChunk(chunk raftpb.Chunk) error {
	frame := p.c.frame(chunk.Size())
	n, err := chunk.MarshalTo(frame[frameHead:])
	if err == nil {
		err = p.c.send(frameChunk, frame[:frameHead+n], chunkPatience)
	}
	p.failed = p.failed || err != nil
	return err
}

// Close waits until the other end has all of it: closing right behind the last
// chunk could throw it away.
func (p *parcel) Close() {
	p.once.Do(func() {
		defer p.m.untrack(p.c.raw)
		defer p.stop()
		if !p.failed && p.ctx.Err() == nil && p.c.send(frameEnd, p.c.frame(0), chunkPatience) == nil {
			_, _, _ = p.c.receive(0, time.Now().Add(chunkPatience))
		}
	})
}

// serveRaft takes in raft messages.
func (m *mesh) serveRaft(c *conn) error {
	for {
		kind, payload, err := c.receive(maxRaft, time.Time{})
		if err != nil {
			return err
		}
		if kind != frameBatch {
			return fmt.Errorf("a frame of kind %q among raft messages", kind)
		}
		var batch raftpb.MessageBatch
		if err := batch.Unmarshal(payload); err != nil {
			return err
		}
		engine := m.engine.Load()
		if engine == nil || !engine.call(func() { engine.messages(batch) }) {
			return io.EOF // the dialler tries again
		}
	}
}

// serveSnapshot takes in a snapshot.
func (m *mesh) serveSnapshot(c *conn) error {
	for {
		kind, payload, err := c.receive(maxRaft, time.Now().Add(chunkPatience))
		if err != nil {
			return err
		}
		switch kind {
		case frameEnd:
			return c.send(frameEnd, c.frame(0), chunkPatience)
		case frameChunk:
			var chunk raftpb.Chunk
			if err := chunk.Unmarshal(payload); err != nil {
				return err
			}
			taken := false
			engine := m.engine.Load()
			if engine == nil || !engine.call(func() { taken = engine.chunks(chunk) }) {
				return io.EOF
			}
			if !taken {
				return errors.New("the engine refused a chunk of a snapshot")
			}
		default:
			return fmt.Errorf("a frame of kind %q in a snapshot", kind)
		}
	}
}

// registry resolves replicas to nodes, which are what the transport connects to.
// It fulfils raftio.INodeRegistry. The engine's own would also do, but that it
// panics when a replica turns up with another target than before.
type registry struct {
	mu    sync.Mutex
	nodes map[uint64]string
}

// registryFactory fulfils config.NodeRegistryFactory.
type registryFactory struct{}

func (registryFactory) Create(string, uint64, config.TargetValidator) (raftio.INodeRegistry, error) {
	return &registry{nodes: map[uint64]string{}}, nil
}

func (r *registry) Close() error { return nil }

func (r *registry) Add(_, replica uint64, node string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[replica] = node
}

func (r *registry) Remove(_, replica uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.nodes, replica)
}

func (r *registry) RemoveShard(uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.nodes)
}

var errNoSuchReplica = errors.New("no such replica")

// Resolve returns a node twice: once as the target, once as the name of the
// queue for it.
func (r *registry) Resolve(_, replica uint64) (target, queue string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	node, ok := r.nodes[replica]
	if !ok {
		return "", "", errNoSuchReplica
	}
	return node, node, nil
}
