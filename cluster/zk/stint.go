package zk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"redis-failover/cluster/state"

	"github.com/go-zookeeper/zk"
)

// stint is what this node does while one connection lasts. Whatever goes wrong
// ends it, and the next begins from what ZooKeeper then says.
//
// What makes that safe is the fence: each stint changes this node's own node, and
// whatever it puts into the log is conditional on the version that this left. So
// nothing of an earlier stint, that may lie in the queue of the library or of a
// server that is frozen, gets into the log once the next stint has begun.
type stint struct {
	b    *Broker
	ctx  context.Context
	line *line
	conn *zk.Conn
	at   layout
	// fence is the version of this node's own node.
	fence int32
	// cards is the version of this node's node among the living.
	cards int32

	// head is the newest one seen.
	head atomic.Pointer[headNode]
	// own are entries that this node has just written, by their place; kick
	// makes the follower look at them, and at probes.
	mu     sync.Mutex
	own    map[place][]byte
	probes []chan struct{}
	kick   chan struct{}
	// flights are the entries of this node that are on their way; mu guards it.
	flights map[chan struct{}]bool
	// looked is when the follower last looked for numbers without an entry.
	looked time.Time

	// The steward's: how far the log has been removed, and which schema the base
	// is known to show.
	floorDone   place
	schemaShown int
	// complained is when it was last said that something fails; mu guards it.
	complained map[string]time.Time
}

// ask is call for this stint.
func ask[T any](s *stint, f func() (T, error)) (T, error) {
	return call(s.ctx, s.b.options.patience(), f)
}

// node is what Get brings.
type node struct {
	data []byte
	stat zk.Stat
}

func (s *stint) get(path string) (node, error) {
	return ask(s, func() (node, error) {
		data, stat, err := s.conn.Get(path)
		if err != nil {
			return node{}, err
		}
		return node{append([]byte{}, data...), *stat}, nil // a node without data is there, too
	})
}

// watched is a node, or that there is none, with what tells of its next change.
type watched struct {
	node
	exists  bool
	changed <-chan zk.Event
}

// getW reads a node that exists, and watches it.
func (s *stint) getW(path string) (watched, error) {
	return ask(s, func() (watched, error) {
		data, stat, changed, err := s.conn.GetW(path)
		if err != nil {
			return watched{}, err
		}
		return watched{node{data, *stat}, true, changed}, nil
	})
}

func (s *stint) existsW(path string) (watched, error) {
	return ask(s, func() (watched, error) {
		exists, _, changed, err := s.conn.ExistsW(path)
		return watched{exists: exists, changed: changed}, err
	})
}

func (s *stint) exists(path string) (bool, error) {
	return ask(s, func() (bool, error) {
		exists, _, err := s.conn.Exists(path)
		return exists, err
	})
}

func (s *stint) children(path string) ([]string, error) {
	return ask(s, func() ([]string, error) {
		names, _, err := s.conn.Children(path)
		return names, err
	})
}

func (s *stint) create(path string, data []byte, flags int32, acl []zk.ACL) error {
	_, err := ask(s, func() (string, error) { return s.conn.Create(path, data, flags, acl) })
	return err
}

// set returns the version that it made.
func (s *stint) set(path string, data []byte, version int32) (int32, error) {
	stat, err := ask(s, func() (*zk.Stat, error) { return s.conn.Set(path, data, version) })
	if err != nil {
		return 0, err
	}
	return stat.Version, nil
}

func (s *stint) delete(path string, version int32) error {
	_, err := ask(s, func() (struct{}, error) { return struct{}{}, s.conn.Delete(path, version) })
	return err
}

// anyVersion makes a change unconditional.
const anyVersion = -1

// multi carries out several changes or none.
func (s *stint) multi(ops ...any) ([]zk.MultiResponse, error) {
	return ask(s, func() ([]zk.MultiResponse, error) {
		results, err := s.conn.Multi(ops...)
		for _, r := range results { // the first that failed is the cause
			if err == nil && r.Error != nil {
				err = r.Error
			}
		}
		return results, err
	})
}

// fenced carries out changes only if no later stint of this node has begun.
func (s *stint) fenced(ops ...any) ([]zk.MultiResponse, error) {
	check := &zk.CheckVersionRequest{Path: s.at.node(s.b.self), Version: s.fence}
	results, err := s.multi(append([]any{check}, ops...)...)
	if err != nil {
		return nil, err
	}
	return results[1:], nil
}

// run works until the connection ends or something goes wrong.
func (s *stint) run() error {
	if err := s.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	s.ctx = ctx
	var work sync.WaitGroup
	defer work.Wait()
	begin := func(f func() error) {
		work.Go(func() {
			if err := f(); err != nil {
				cancel(err)
			}
		})
	}
	begin(s.follow)
	begin(s.watchHead)
	begin(s.watchMembers)
	// A barrier shows what has become of what earlier stints have sent.
	if err := s.confirm(); err != nil {
		cancel(err)
		return context.Cause(ctx)
	}
	s.b.outbox.resolve()
	s.b.stint.Store(s)
	s.b.loadedOnce.Do(func() { close(s.b.loaded) })
	begin(s.append)
	begin(s.pulse)
	begin(s.attend)
	<-ctx.Done()
	return context.Cause(ctx)
}

// prepare makes this node known in ZooKeeper, anew in each stint.
func (s *stint) prepare() error {
	if err := s.identify(); err != nil {
		return err
	}
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.findBase(); err != nil {
		return err
	}
	if err := s.raiseFence(); err != nil {
		return fmt.Errorf("%s: %w", s.at.node(s.b.self), err)
	}
	if err := s.appear(); err != nil {
		return fmt.Errorf("%s: %w", s.at.viewMember(s.b.self), err)
	}
	if _, err := s.readHead(); err != nil {
		return err
	}
	return s.continues()
}

// identify gives the credentials, once to each connection.
func (s *stint) identify() error {
	o := &s.b.options
	if o.Auth == "" || s.line.identified {
		return nil
	}
	_, err := ask(s, func() (struct{}, error) { return struct{}{}, s.conn.AddAuth("digest", []byte(o.Auth)) })
	s.line.identified = err == nil
	return err
}

// raiseFence shuts out the earlier stints of this node.
func (s *stint) raiseFence() error {
	path := s.at.node(s.b.self)
	data := encodeNode(ownNode{ID: s.b.self, Life: s.b.life})
	for {
		found, err := s.get(path)
		if errors.Is(err, zk.ErrNoNode) {
			if s.b.fenced {
				return fmt.Errorf("%w, while it had no session with ZooKeeper; it joins again when it is started anew", ErrRemoved)
			}
			if err = s.create(path, data, 0, s.acl()); err == nil {
				s.b.fenced, s.fence = true, 0
				return nil
			}
			if errors.Is(err, zk.ErrNodeExists) {
				continue
			}
		}
		if err != nil {
			return err
		}
		var own ownNode
		if err := decodeNode(found.data, &own); err != nil {
			return err
		}
		if s.b.fenced && own.Life != s.b.life {
			return fmt.Errorf("%w, %s: two nodes must not share a copied data directory or the same id; this one ends", ErrReplaced, s.b.self)
		}
		version, err := s.set(path, data, found.stat.Version)
		if errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNoNode) {
			continue // a change of an earlier stint has just arrived
		}
		if err != nil {
			return err
		}
		s.b.fenced, s.fence = true, version
		return nil
	}
}

// appear makes the ephemeral node that says that this node is there. One that is
// left from an earlier session of this node gives way.
func (s *stint) appear() error {
	path := s.at.viewMember(s.b.self)
	s.b.card = card{ID: s.b.self}
	for {
		err := s.create(path, encodeNode(s.b.card), zk.FlagEphemeral, s.viewACL())
		if !errors.Is(err, zk.ErrNodeExists) {
			s.cards = 0
			return err
		}
		found, err := s.get(path)
		switch {
		case errors.Is(err, zk.ErrNoNode):
			continue
		case err != nil:
			return err
		case found.stat.EphemeralOwner == s.conn.SessionID():
			s.cards, err = s.set(path, encodeNode(s.b.card), anyVersion)
			return err
		}
		if err := s.delete(path, found.stat.Version); err != nil && !errors.Is(err, zk.ErrNoNode) && !errors.Is(err, zk.ErrBadVersion) {
			return err
		}
	}
}

// confirm asks a question that only a majority of the ensemble can answer, and
// waits until all is applied that was in the log by then.
//
// It is a transaction that changes nothing, and no sync: a leader that is cut off
// from the others answers a sync as long as it has not noticed.
func (s *stint) confirm() error {
	asked := time.Now()
	if _, err := s.fenced(); err != nil {
		return err
	}
	if s.b.stint.Load() == s { // else there is something to read before it is Ready
		s.b.confirmed(asked)
	}
	if err := s.probe(); err != nil {
		return err
	}
	s.b.confirmed(asked)
	return nil
}

// pulse confirms from time to time, so that Health is true, and does what is to
// be done now and then.
func (s *stint) pulse() error {
	ticker := time.NewTicker(s.b.options.SessionTimeout / 6)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.ctx.Done():
			return nil
		}
		if err := s.confirm(); err != nil {
			return err
		}
		if err := s.showCard(); err != nil {
			return err
		}
	}
}

// card is what the ephemeral node of a member says.
type card struct {
	Address string         `json:"address,omitempty"`
	ID      state.MemberID `json:"id"`
	Version string         `json:"version,omitempty"`
	// Reading: it has the document, and needs of the log what comes from here
	// on. As long as a member says nothing, nothing is removed.
	Reading *place `json:"reading,omitempty"`
}

// showCard brings the ephemeral node up to date: with where clients find this
// node, and when there is a new snapshot behind which the log may be removed.
func (s *stint) showCard() error {
	now, at := card{ID: s.b.self}, s.b.reader.at()
	if member, ok := s.b.State().Member(s.b.self); ok {
		now.Address, now.Version = member.Addr.String(), member.Version
	}
	now.Reading = s.b.card.Reading
	if head := s.head.Load().Place; now.Reading == nil || now.Reading.before(head) && !at.before(head) {
		now.Reading = &at
	}
	if s.b.card.same(now) {
		return nil
	}
	version, err := s.set(s.at.viewMember(s.b.self), encodeNode(now), s.cards)
	if err != nil {
		return fmt.Errorf("%s: %w", s.at.viewMember(s.b.self), err)
	}
	s.cards, s.b.card = version, now
	return nil
}

func (c card) same(d card) bool {
	return c.Address == d.Address && c.Version == d.Version && (c.Reading == d.Reading || c.Reading != nil && d.Reading != nil && *c.Reading == *d.Reading)
}
