package zk

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"

	"github.com/go-zookeeper/zk"
)

// The view is for people and for other programs: a node for each master, with
// its address among the first fields. The steward writes it behind the document,
// so it may lag, and it never goes back: a node is changed only by who knows a
// later document, on condition that it is still as it was when it was read.

// masterNode is what the view says of a master.
type masterNode struct {
	Address string `json:"address"`
	Host    string `json:"host"`
	Port    int    `json:"port"`
	Name    string `json:"name"`
	// Epoch is that of the failover that made it the master, 0 for none.
	Epoch state.Epoch `json:"epoch"`
	// Index is the place in the log that this was written at.
	Index state.Index `json:"index"`
	// Down: enough members say that it is.
	Down bool `json:"down"`
	// Failover is the step of the failover that runs, "" for none.
	Failover state.Phase `json:"failover,omitempty"`
	Quorum   int         `json:"quorum"`
	Replicas []string    `json:"replicas"`
}

func describe(m *state.Master, index state.Index) masterNode {
	n := masterNode{
		Address: m.Addr.String(), Host: m.Addr.Host, Port: m.Addr.Port, Name: m.Name,
		Epoch: m.ConfigEpoch, Index: index, Down: m.ODown, Quorum: m.Quorum, Replicas: []string{},
	}
	if m.Failover != nil {
		n.Failover = m.Failover.Phase
	}
	for _, r := range m.Replicas[:min(len(m.Replicas), viewReplicas)] {
		n.Replicas = append(n.Replicas, r.Addr.String())
	}
	return n
}

// same reports whether both say the same, whenever that was.
func (n masterNode) same(o masterNode) bool {
	replicas := slices.Equal(n.Replicas, o.Replicas)
	n.Replicas, o.Replicas, n.Index = nil, nil, o.Index
	a, errA := json.Marshal(n)
	b, errB := json.Marshal(o)
	return replicas && errA == nil && errB == nil && string(a) == string(b)
}

// shownMaster is a node of the view as it was last seen.
type shownMaster struct {
	masterNode
	version int32
}

// viewer writes the view.
type viewer struct {
	*stint
	// shown are the nodes that are there, by the name of the node.
	shown map[string]shownMaster
}

// viewPause lies between two changes of the view, which may collect many changes
// of the document.
const viewPause = 50 * time.Millisecond

// keepView writes the view as the document changes, until the stint ends.
func (s *stint) keepView() error {
	v := viewer{stint: s}
	if err := v.readAll(); err != nil {
		return err
	}
	doc := s.b.State()
	todo := newTodo()
	var following sync.WaitGroup
	ctx, cancel := context.WithCancel(s.ctx)
	defer following.Wait()
	defer cancel()
	following.Go(func() { s.b.doc.Follow(ctx, doc.Index, todo.note) })
	if err := v.write(doc, v.differing(doc)); err != nil {
		return err
	}
	for {
		select {
		case <-todo.bell:
		case <-ctx.Done():
			return nil
		}
		doc, names, all := todo.take()
		if all {
			names = v.differing(doc)
		}
		if err := v.write(doc, names); err != nil {
			return err
		}
		s.pause(viewPause)
	}
}

// todo collects which masters have changed since they were last written.
type todo struct {
	mu    sync.Mutex
	doc   *state.State
	names map[string]bool
	all   bool
	bell  chan struct{}
}

func newTodo() *todo { return &todo{names: map[string]bool{}, bell: make(chan struct{}, 1)} }

func (t *todo) note(c cluster.Change) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doc, t.all = c.State, t.all || c.Reset
	for _, name := range c.Outcome.Masters {
		t.names[name] = true
	}
	if t.all || len(t.names) > 0 {
		select {
		case t.bell <- struct{}{}:
		default:
		}
	}
	return true
}

func (t *todo) take() (doc *state.State, names []string, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	names, all = slices.Sorted(maps.Keys(t.names)), t.all
	t.names, t.all = map[string]bool{}, false
	return t.doc, names, all
}

// errOvertaken: somebody else has changed a node of the view.
var errOvertaken = errors.New("the view was changed by another node")

// readAll reads the whole view.
func (v *viewer) readAll() error {
	names, err := v.children(v.at.viewMasters())
	if err != nil {
		return err
	}
	shown := make([]shownMaster, len(names))
	err = each(len(names), func(i int) error {
		found, err := v.get(v.at.viewMasters() + "/" + names[i])
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		if err != nil {
			return err
		}
		shown[i].version = found.stat.Version
		if err := json.Unmarshal(found.data, &shown[i].masterNode); err != nil {
			shown[i].masterNode = masterNode{} // it is written anew
		}
		return nil
	})
	if err != nil {
		return err
	}
	v.shown = make(map[string]shownMaster, len(names))
	for i, name := range names {
		v.shown[name] = shown[i]
	}
	return nil
}

// differing are the masters whose nodes are not as they should be.
func (v *viewer) differing(doc *state.State) []string {
	var names []string
	there := make(map[string]bool, doc.Len())
	for m := range doc.Masters() {
		there[escape(m.Name)] = true
		if shown, ok := v.shown[escape(m.Name)]; !ok || !shown.same(describe(m, doc.Index)) {
			names = append(names, m.Name)
		}
	}
	for node, shown := range v.shown {
		if !there[node] && escape(shown.Name) == node { // else it is not ours
			names = append(names, shown.Name)
		}
	}
	return names
}

const (
	// viewBatch and viewBytes bound what is changed of the view in one request.
	viewBatch = 200
	viewBytes = 256 << 10
	// viewReplicas bounds the list of replicas, so that a node stays well below
	// what ZooKeeper takes.
	viewReplicas = 1000
)

// write brings the nodes of masters up to date.
func (v *viewer) write(doc *state.State, names []string) error {
	for len(names) > 0 {
		var ops []any
		changed := map[string]*masterNode{}
		for size := 0; len(names) > 0 && len(ops) < viewBatch && size < viewBytes; names = names[1:] {
			op, now := v.change(doc, names[0])
			if op != nil {
				ops = append(ops, op)
				changed[escape(names[0])] = now
				size += sizeOf(op)
			}
		}
		if len(ops) == 0 {
			continue
		}
		_, err := v.fenced(ops...)
		if errors.Is(err, zk.ErrNodeExists) || errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNoNode) {
			return errOvertaken
		}
		if err != nil {
			return err
		}
		for node, now := range changed {
			if was, ok := v.shown[node]; now == nil {
				delete(v.shown, node)
			} else if ok {
				v.shown[node] = shownMaster{*now, was.version + 1}
			} else {
				v.shown[node] = shownMaster{masterNode: *now}
			}
		}
	}
	return nil
}

// sizeOf is about how long a change is.
func sizeOf(op any) int {
	switch op := op.(type) {
	case *zk.CreateRequest:
		return len(op.Path) + len(op.Data)
	case *zk.SetDataRequest:
		return len(op.Path) + len(op.Data)
	}
	return 0
}

// change is what has to be done to the node of a master, nil for nothing; now is
// what it then says, nil if it is to be removed.
func (v *viewer) change(doc *state.State, name string) (op any, now *masterNode) {
	shown, there := v.shown[escape(name)]
	m, wanted := doc.Master(name)
	switch {
	case there && shown.Index > doc.Index: // another steward knew more
		return nil, nil
	case !wanted && there:
		return &zk.DeleteRequest{Path: v.at.viewMaster(name), Version: shown.version}, nil
	case !wanted:
		return nil, nil
	}
	n := describe(m, doc.Index)
	switch {
	case there && shown.same(n):
		return nil, nil
	case there:
		return &zk.SetDataRequest{Path: v.at.viewMaster(name), Data: encodeNode(n), Version: shown.version}, &n
	}
	return &zk.CreateRequest{Path: v.at.viewMaster(name), Data: encodeNode(n), Acl: v.viewACL()}, &n
}
