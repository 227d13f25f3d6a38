package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/conf"
)

// seedAtOnce bounds the masters that are brought in at the same time.
const seedAtOnce = 256

const (
	// seedRetry lies between two attempts to bring the configuration into the
	// document, at first; it doubles up to seedRetryMost, because what is refused
	// until all members are upgraded costs all of them a log entry each time.
	seedRetry     = time.Second
	seedRetryMost = 30 * time.Second
	// seedLogEvery lies between two log lines about attempts that failed.
	seedLogEvery = 10 * time.Second
	// seedPatience is for how long a start waits for the first attempt. Then
	// clients are served with what there is.
	seedPatience = 10 * time.Second
)

// errSchema: once all members are upgraded it is taken.
var errSchema = errors.New("not all members know it yet")

// seeder brings this node and the masters of its configuration into the
// document. What the document holds wins: a master that is there is left as it
// is, and one that a file brought in before and a person removed stays removed.
type seeder struct {
	broker cluster.Broker
	cfg    *conf.Config
	member state.Member
	// afresh: the saved masters were forgotten, so those that a file had
	// brought in come again.
	afresh bool
	// saved are the masters still to be forgotten, seeded which of the
	// configuration's are done: a retry must not undo what clients were told
	// meanwhile.
	saved  []string
	seeded []bool
	// announced: the document has this member as it is now. joined: it is new
	// there, and nobody could know that it would come.
	announced, joined bool
	// compared: where the settings of the whole service differ was said.
	compared bool
	// said is the error that was logged last, saidAt when.
	said   string
	saidAt time.Time
	log    *slog.Logger
}

// run tries until all is done or ctx ends. The first attempt is over when first
// is closed.
func (s *seeder) run(ctx context.Context, first chan<- struct{}) {
	s.seeded = make([]bool, len(s.cfg.Masters))
	delay := seedRetry
	for attempt := 0; ; attempt++ {
		changed := s.broker.HealthChanged()
		err := s.once(ctx)
		if attempt == 0 {
			close(first)
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		s.say(err)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(delay):
			delay = min(2*delay, seedRetryMost)
		}
	}
}

// beginAfresh finds out what is to be forgotten. In a group it is nothing: the
// restart of one node must not undo what all of them have agreed on since.
func (s *seeder) beginAfresh() {
	if s.cfg.MastersState != conf.MastersNew {
		return
	}
	for m := range s.broker.State().Members() {
		if m.ID != s.broker.Self() {
			s.log.Warn("masters_state=new has no effect on a node that shares its document with others; " +
				"SENTINEL REMOVE takes a master out for all of them")
			return
		}
	}
	s.afresh = true
	for m := range s.broker.State().Masters() {
		s.saved = append(s.saved, m.Name)
	}
}

// say logs why an attempt failed, the first time and when the reason is another.
func (s *seeder) say(err error) {
	if err.Error() == s.said || time.Since(s.saidAt) < seedLogEvery {
		return
	}
	s.said, s.saidAt = err.Error(), time.Now()
	s.log.Warn("the configuration could not be brought into the document yet; trying on", "error", err)
}

func (s *seeder) once(ctx context.Context) error {
	if !s.announced {
		if err := s.announce(ctx); err != nil {
			return err
		}
	}
	if err := s.forget(ctx); err != nil {
		return err
	}
	waiting, err := s.globals(ctx)
	if err != nil {
		return err
	}
	if err := s.masters(ctx); err != nil {
		return err
	}
	return waiting
}

// announce makes this node a member. With ZooKeeper there is no document before.
func (s *seeder) announce(ctx context.Context) error {
	if _, err := s.broker.Barrier(ctx); err != nil {
		return err
	}
	_, known := s.broker.State().Member(s.broker.Self())
	if err := s.propose(ctx, state.OpMember{Member: s.member}); err != nil {
		return err
	}
	s.announced = true
	s.joined = !known && s.cfg.Broker.Kind == conf.ZKBroker
	s.beginAfresh()
	return nil
}

// globals brings the settings of the whole service in that were never set. While
// not all members know such settings, waiting is why: masters need not wait for
// that.
func (s *seeder) globals(ctx context.Context) (waiting, err error) {
	var missing []state.Option
	var differs []string
	doc := s.broker.State()
	for _, o := range s.cfg.Sentinel.Globals {
		switch value, said := doc.Global(o.Name); {
		case !said:
			missing = append(missing, o)
		case value != o.Values[0]:
			differs = append(differs, o.Name)
		}
	}
	if len(differs) > 0 && !s.compared {
		s.log.Warn("the configuration differs from what was saved; what was saved holds (SENTINEL CONFIG SET changes it)",
			"differs", strings.Join(differs, " "))
	}
	s.compared = true
	if len(missing) == 0 {
		return nil, nil
	}
	err = s.propose(ctx, state.OpConfig{Options: missing, Seed: true})
	if errors.Is(err, errSchema) {
		return err, nil
	}
	return nil, err
}

// masters brings all masters in, many at a time: the broker makes one write of
// them, so thousands take a moment.
func (s *seeder) masters(ctx context.Context) error {
	errs := make([]error, len(s.cfg.Masters))
	var group sync.WaitGroup
	slots := make(chan struct{}, seedAtOnce)
	for i, m := range s.cfg.Masters {
		if s.seeded[i] {
			continue
		}
		slots <- struct{}{}
		group.Go(func() {
			errs[i] = s.master(ctx, m)
			s.seeded[i] = errs[i] == nil
			<-slots
		})
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *seeder) propose(ctx context.Context, op state.Op) error {
	m := state.Mutation{At: state.Time(time.Now().UnixMilli()), Op: op}
	outcome, _, err := s.broker.Propose(ctx, m)
	if err != nil {
		return fmt.Errorf("%s: %w", state.Kind(op), err)
	}
	if outcome.Refusal == state.RefusedSchema {
		return fmt.Errorf("%s: %w: %s", state.Kind(op), errSchema, outcome.Detail)
	}
	if outcome.Refused() {
		s.log.Warn("the document refused a part of the configuration", "operation", state.Kind(op), "reason", outcome.Detail)
	}
	return nil
}

// forget removes what was saved, if the configuration says so.
func (s *seeder) forget(ctx context.Context) error {
	for len(s.saved) > 0 {
		s.log.Info("forgetting a saved master, as masters_state=new says", "master", s.saved[0])
		if err := s.propose(ctx, state.OpRemove{Name: s.saved[0]}); err != nil {
			return err
		}
		s.saved = s.saved[1:]
	}
	return nil
}

func (s *seeder) master(ctx context.Context, m conf.Master) error {
	doc := s.broker.State()
	if there, ok := doc.Master(m.Name); ok {
		s.compare(there, m)
		return s.keepMajority(ctx, there, m)
	}
	// What flags name is to be watched after each start, as the older tool did
	// it; but the restart of one node of a group must not bring back for all what
	// they agreed to remove.
	once := !m.FromFlags || s.cfg.Broker.Kind != conf.Standalone
	if once && !s.afresh && doc.Seeded(m.Name) {
		s.log.Warn("the configuration names a master that was removed by command; it stays removed", "master", m.Name)
		return nil
	}
	s.log.Info("adding a master of the configuration", "master", m.Name, "address", m.Addr.String())
	return s.propose(ctx, state.OpMonitor{
		Name: m.Name, Addr: m.Addr, Quorum: s.quorum(m), Settings: m.Settings, Replicas: m.Replicas,
		ConfigEpoch: m.ConfigEpoch, Epoch: s.cfg.CurrentEpoch, Seed: once,
	})
}

// quorum resolves "a majority of the members".
func (s *seeder) quorum(m conf.Master) int {
	if m.Quorum > 0 {
		return m.Quorum
	}
	return majority(s.cfg, s.broker.State())
}

// majority is that of the members. Founders that have not appeared yet count too:
// the first one of three must not decide alone for ever.
func majority(cfg *conf.Config, doc *state.State) int {
	members := doc.MemberCount()
	if b := &cfg.Broker; b.Kind == conf.RaftBroker {
		members = max(members, len(b.Raft.Cluster))
	}
	return members/2 + 1
}

// keepMajority raises a quorum that was "a majority" when there were fewer
// members. Founders of a raft group are known beforehand; nodes that meet in
// ZooKeeper are not, and the first one alone is a majority of one.
func (s *seeder) keepMajority(ctx context.Context, there *state.Master, m conf.Master) error {
	majority := s.quorum(m)
	if !s.joined || m.Quorum > 0 || there.Quorum >= majority {
		return nil
	}
	s.log.Info("this node is a new member, so a majority is more than before", "master", m.Name, "quorum", majority, "before", there.Quorum)
	return s.propose(ctx, state.OpSet{Name: m.Name, Options: []state.Option{{Name: "quorum", Values: []string{strconv.Itoa(majority)}}}})
}

// compare says once where the configuration differs from the document.
func (s *seeder) compare(there *state.Master, m conf.Master) {
	quorum := m.Quorum
	if quorum == 0 {
		quorum = there.Quorum // "a majority" was resolved when it was saved
	}
	differs := state.Differing(there, &state.Master{Quorum: quorum, Settings: m.Settings})
	if there.Addr != m.Addr && there.ConfigEpoch == 0 { // after a failover it does, of course
		differs = append(differs, "address")
	}
	if len(differs) > 0 {
		s.log.Warn("the configuration differs from what was saved; what was saved holds (SENTINEL SET changes it)",
			"master", m.Name, "differs", strings.Join(differs, " "))
	}
}
