package brokertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

// ensemble is a cluster in memory: a log that outlives its nodes. It is the
// smallest thing that fulfils the contract on several nodes, and with a fault
// set it breaks one sentence of it.
type ensemble struct {
	fault string

	mu      sync.Mutex
	log     []state.Mutation // index i is at i-1
	nodes   []*memory
	cutOff  map[int]bool
	changed chan struct{} // closed and renewed at each change of anything
}

// memory is one node.
type memory struct {
	e    *ensemble
	i    int
	self state.MemberID

	// The rest is guarded by e.mu.
	doc     *state.State
	changes []cluster.Change
	seq     uint64
	closed  bool
	health  chan struct{}
}

var _ cluster.Broker = (*memory)(nil)

func newEnsemble(n int, fault string) *ensemble {
	e := &ensemble{fault: fault, cutOff: map[int]bool{}, changed: make(chan struct{})}
	for i := range n {
		e.nodes = append(e.nodes, nil)
		e.start(i)
	}
	return e
}

func (e *ensemble) start(i int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	life := 0
	if e.fault == "identity changes" && e.nodes[i] != nil {
		life = 1
	}
	if e.fault == "restart loses the last change" && e.nodes[i] != nil && len(e.log) > 0 {
		e.log = e.log[:len(e.log)-1]
	}
	m := &memory{
		e: e, i: i, self: state.MemberID(fmt.Sprintf("%038x%x%x", 0, life, i)), doc: state.New(), health: make(chan struct{}),
	}
	e.nodes[i] = m
	m.catchUp()
	m.seq = m.doc.LastSeq(m.self) + 1<<20
	if e.fault == "numbers are used again" {
		m.seq = 0
	}
}

// catchUp applies what is in the log.
func (m *memory) catchUp() {
	for int(m.doc.Index) < len(m.e.log) {
		mutation := m.e.log[m.doc.Index]
		next, out := state.Apply(m.doc, m.doc.Index+1, mutation)
		m.doc = next
		m.changes = append(m.changes, cluster.Change{Index: next.Index, State: next, Mutation: mutation, Outcome: out})
	}
	close(m.e.changed)
	m.e.changed = make(chan struct{})
}

func (m *memory) Self() state.MemberID { return m.self }

func (m *memory) Propose(ctx context.Context, mutation state.Mutation) (state.Outcome, state.Index, error) {
	if err := ctx.Err(); err != nil && m.e.fault != "an ended context is ignored" {
		return state.Outcome{}, 0, fmt.Errorf("%w: %w", cluster.ErrNotLogged, err)
	}
	own, err := copyOf(mutation)
	if err != nil {
		return state.Outcome{}, 0, fmt.Errorf("%w: %w", cluster.ErrNotLogged, err)
	}
	if m.e.fault == "arguments are shared" {
		own = mutation
	}
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	switch {
	case m.closed && m.e.fault != "a closed broker answers":
		return state.Outcome{}, 0, cluster.ErrClosed
	case m.e.cutOff[m.i] && m.e.fault != "an isolated node writes":
		return state.Outcome{}, 0, cluster.ErrNoQuorum
	}
	if own.ID == (state.MutationID{}) || m.e.fault == "ids are replaced" {
		m.seq++
		own.ID = state.MutationID{Member: m.self, Seq: m.seq}
	}
	return m.logged(own)
}

func (m *memory) logged(own state.Mutation) (state.Outcome, state.Index, error) {
	m.e.log = append(m.e.log, own)
	index := state.Index(len(m.e.log))
	if m.e.fault == "acknowledged before it is visible" && index%3 == 0 {
		return state.Outcome{}, index, nil
	}
	m.catchUp()
	for _, other := range m.e.nodes {
		if !m.e.cutOff[other.i] && !other.closed && m.e.fault != "a barrier does nothing" {
			other.catchUp()
		}
	}
	out := m.changes[index-1].Outcome
	if m.e.fault == "a refusal is an error" && out.Refused() {
		return out, index, errors.New(out.Detail)
	}
	return out, index, nil
}

func copyOf(m state.Mutation) (state.Mutation, error) {
	if m.Op == nil {
		return m, errors.New("no op")
	}
	text, err := state.EncodeMutation(m)
	if err != nil {
		return m, err
	}
	return state.DecodeMutation(text)
}

func (m *memory) Barrier(ctx context.Context) (state.Index, error) {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return 0, fmt.Errorf("%w: %w", cluster.ErrNotLogged, ctx.Err())
	case m.closed:
		return 0, cluster.ErrClosed
	case m.e.cutOff[m.i]:
		return 0, cluster.ErrNoQuorum
	}
	if m.e.fault != "a barrier does nothing" {
		m.catchUp()
	}
	return m.doc.Index, nil
}

func (m *memory) State() *state.State {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	return m.doc
}

func (m *memory) Applied(ctx context.Context, from state.Index) iter.Seq[cluster.Change] {
	return func(yield func(cluster.Change) bool) {
		for next := int(from); ; {
			m.e.mu.Lock()
			items := slices.Clone(m.changes[min(next, len(m.changes)):])
			changed, closed := m.e.changed, m.closed
			m.e.mu.Unlock()
			for _, c := range items {
				next++
				if ctx.Err() != nil && m.e.fault != "Applied ignores its context" {
					return
				}
				if m.e.fault == "Applied has gaps" && c.Index%7 == 0 {
					continue
				}
				if !m.hand(c, yield) {
					return
				}
			}
			if len(items) > 0 {
				continue
			}
			if closed && m.e.fault != "Applied goes on after Close" {
				return
			}
			done := ctx.Done()
			if m.e.fault == "Applied ignores its context" {
				done = nil
			}
			select {
			case <-changed:
			case <-done:
				return
			}
		}
	}
}

func (m *memory) hand(c cluster.Change, yield func(cluster.Change) bool) bool {
	if m.e.fault == "a slow reader blocks" {
		m.e.mu.Lock()
		defer m.e.mu.Unlock()
	}
	return yield(c)
}

func (m *memory) Health() cluster.Health {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	switch {
	case m.closed:
		return cluster.Health{Condition: cluster.Lost, Reason: "closed"}
	case m.e.cutOff[m.i] && m.e.fault != "the health is always ready":
		return cluster.Health{Condition: cluster.Suspended, Reason: "the other nodes cannot be reached"}
	}
	return cluster.Health{}
}

func (m *memory) HealthChanged() <-chan struct{} {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	return m.health
}

func (m *memory) healthChanged() {
	close(m.health)
	m.health = make(chan struct{})
}

func (m *memory) Close() error {
	m.e.mu.Lock()
	defer m.e.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	m.healthChanged()
	close(m.e.changed)
	m.e.changed = make(chan struct{})
	if m.e.fault == "goroutines are left" {
		go func() { select {} }()
	}
	return nil
}

// The ensemble as the suite sees it.

func (e *ensemble) Broker(i int) cluster.Broker {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.nodes[i]
}

func (e *ensemble) Restart(_ *testing.T, i int) {
	_ = e.Broker(i).Close()
	e.start(i)
}

func (e *ensemble) set(i int, cutOff bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cutOff[i] == cutOff {
		return
	}
	e.cutOff[i] = cutOff
	e.nodes[i].healthChanged()
}

func (e *ensemble) Isolate(_ *testing.T, i int) { e.set(i, true) }
func (e *ensemble) Suspend(_ *testing.T, i int) { e.set(i, true) }
func (e *ensemble) Resume(_ *testing.T, i int)  { e.set(i, false) }
func (e *ensemble) Heal(*testing.T) {
	for i := range e.nodes {
		e.set(i, false)
	}
}

// faults says which test must find each fault.
var faults = map[string]string{
	"identity changes":                  "Self",
	"restart loses the last change":     "RestartKeepsEverything",
	"numbers are used again":            "RestartNeverReusesNumbers",
	"an ended context is ignored":       "ContextEndedBefore",
	"arguments are shared":              "ArgumentsStayTheCallers",
	"a closed broker answers":           "CloseTwiceAndAfter",
	"an isolated node writes":           "IsolatedNode",
	"ids are replaced":                  "SameIDIsAppliedOnce",
	"acknowledged before it is visible": "ProposeIsVisibleAtOnce",
	"a barrier does nothing":            "BarrierCoversAcknowledged",
	"a refusal is an error":             "RefusalIsAnOutcome",
	"Applied has gaps":                  "AppliedHasNoGaps",
	"Applied ignores its context":       "AppliedEndsWithContext",
	"Applied goes on after Close":       "CloseTwiceAndAfter",
	"a slow reader blocks":              "SlowReaderDelaysNobody",
	"the health is always ready":        "Suspended",
	"goroutines are left":               "HealthyIsReady",
}

func harness(fault string, nodes int) Harness {
	return Harness{
		Nodes: nodes,
		Open: func(t *testing.T, n int) Cluster {
			e := newEnsemble(n, fault)
			t.Cleanup(func() {
				for i := range n {
					_ = e.Broker(i).Close()
				}
			})
			return e
		},
	}
}
