package zk

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"redis-failover/cluster/state"

	"github.com/go-zookeeper/zk"
)

// The steward is the one node that does for all of them what is to be done once:
// it writes snapshots, removes what lies behind them, and keeps the view. It is
// whoever holds an ephemeral node. If two believe to be it for a moment, no harm
// is done: whatever they change is conditional on what they have seen.

// stewardNode is what the node of the steward says.
type stewardNode struct {
	ID state.MemberID `json:"id"`
}

// attend waits to become the steward, and works as such as long as the stint
// lasts.
func (s *stint) attend() error {
	for s.ctx.Err() == nil {
		mine, changed, err := s.claim()
		if err != nil {
			return fmt.Errorf("%s: %w", s.at.steward(), err)
		}
		if mine {
			return s.keepHouse()
		}
		select {
		case <-changed:
		case <-s.ctx.Done():
		}
	}
	return nil
}

// claim takes the steward's node, unless somebody has it.
func (s *stint) claim() (mine bool, changed <-chan zk.Event, err error) {
	err = s.create(s.at.steward(), encodeNode(stewardNode{s.b.self}), zk.FlagEphemeral, s.acl())
	if !errors.Is(err, zk.ErrNodeExists) {
		return err == nil, nil, err
	}
	found, err := s.getW(s.at.steward())
	if errors.Is(err, zk.ErrNoNode) {
		return s.claim()
	}
	if err != nil {
		return false, nil, err
	}
	var holder stewardNode
	switch err := decodeNode(found.data, &holder); {
	case err != nil:
		return false, nil, err
	case holder.ID != s.b.self:
		return false, found.changed, nil
	case found.stat.EphemeralOwner == s.conn.SessionID():
		return true, nil, nil
	}
	// Of an earlier session of this node.
	if err := s.delete(s.at.steward(), found.stat.Version); err != nil && !errors.Is(err, zk.ErrNoNode) {
		return false, nil, err
	}
	return s.claim()
}

// houseEvery is how often the steward looks after the log.
const houseEvery = time.Second

// keepHouse does the steward's work until the stint ends. What fails is tried
// again: the document does not depend on it.
func (s *stint) keepHouse() error {
	var view sync.WaitGroup
	defer view.Wait()
	view.Go(func() {
		for s.ctx.Err() == nil {
			if err := s.keepView(); !errors.Is(err, errOvertaken) {
				s.complain("the view in ZooKeeper is not up to date", err)
			}
			s.pause(houseEvery)
		}
	})
	for s.ctx.Err() == nil {
		s.pause(min(houseEvery, s.b.options.SessionTimeout/4))
		s.complain("no snapshot can be written to ZooKeeper; the log grows", s.snapshotIfDue())
		s.complain("old entries of the log cannot be removed from ZooKeeper", s.truncate())
		s.complain("the schema in force cannot be written to ZooKeeper", s.showSchema())
	}
	return nil
}

// pause waits, at most until the stint ends.
func (s *stint) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

// complaintEvery lies between two lines about the same trouble.
const complaintEvery = 30 * time.Second

// complain logs what fails, unless it is the end of the stint, and not all the
// time.
func (s *stint) complain(text string, err error) {
	if err == nil || s.ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.complained[text]) > complaintEvery {
		s.complained[text] = time.Now()
		s.b.log.Warn(text, "error", err)
	}
}

func (s *stint) snapshotIfDue() error {
	doc, at, bytes := s.b.reader.snapshot()
	head := s.head.Load()
	due := doc.Index >= head.Index+state.Index(s.b.options.SnapshotEvery) || bytes >= s.b.options.SnapshotBytes
	if !due || !head.Place.before(at) {
		return nil
	}
	err := s.save(doc, at)
	if errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNodeExists) {
		_, err = s.readHead() // another steward has written one
	}
	if err == nil {
		s.b.reader.forgetBytes(bytes)
	}
	return err
}

// removeAtOnce is how many entries are removed in one request.
const removeAtOnce = 200

// truncate removes the entries that a snapshot contains and that no member reads
// any more.
func (s *stint) truncate() error {
	if !s.floorDone.before(s.head.Load().Place) {
		return nil
	}
	floor, err := s.floor()
	if err != nil || floor == (place{}) || floor == s.floorDone {
		return err
	}
	generations, err := s.children(s.at.log())
	if err != nil {
		return err
	}
	for _, name := range generations {
		g, err := numberOf(name)
		if err != nil || g > floor.Generation {
			continue
		}
		if err := s.truncateGeneration(g, floor); err != nil {
			return err
		}
	}
	s.floorDone = floor
	return nil
}

// floor is the place before which nobody reads.
func (s *stint) floor() (place, error) {
	floor := s.head.Load().Place
	members, err := s.children(s.at.viewMembers())
	if err != nil {
		return place{}, err
	}
	for _, id := range members {
		found, err := s.get(s.at.viewMember(state.MemberID(id)))
		if errors.Is(err, zk.ErrNoNode) {
			continue
		}
		var c card
		if err == nil {
			err = decodeNode(found.data, &c)
		}
		if err != nil {
			return place{}, err
		}
		if c.Reading == nil {
			return place{}, nil // it is starting
		}
		if c.Reading.before(floor) {
			floor = *c.Reading
		}
	}
	return floor, nil
}

func (s *stint) truncateGeneration(g int, floor place) error {
	names, err := s.children(s.at.generation(g))
	if errors.Is(err, zk.ErrNoNode) {
		return nil
	}
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		n, err := numberOf(name)
		return err != nil || g == floor.Generation && n >= floor.Next
	})
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(a, b) })
	for batch := range slices.Chunk(names, removeAtOnce) {
		ops := make([]any, len(batch))
		for i, name := range batch {
			ops[i] = &zk.DeleteRequest{Path: s.at.generation(g) + "/" + name, Version: anyVersion}
		}
		if _, err := s.fenced(ops...); err != nil && !errors.Is(err, zk.ErrNoNode) {
			return err
		}
	}
	if g == floor.Generation {
		return nil
	}
	err = s.delete(s.at.generation(g), anyVersion)
	if errors.Is(err, zk.ErrNoNode) || errors.Is(err, zk.ErrNotEmpty) {
		return nil
	}
	return err
}

// showSchema says at the base which builds are too old: see adopt.
func (s *stint) showSchema() error {
	schema := s.b.State().Schema
	if schema == s.schemaShown {
		return nil
	}
	found, err := s.get(s.at.base)
	if err != nil {
		return err
	}
	var base baseNode
	if err := decodeNode(found.data, &base); err != nil {
		return err
	}
	if base.Schema < schema {
		base.Schema = schema
		_, err = s.set(s.at.base, encodeNode(base), found.stat.Version)
	}
	if err == nil {
		s.schemaShown = schema
	}
	return err
}
