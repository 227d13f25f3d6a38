package zk

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"

	"github.com/go-zookeeper/zk"
)

// reader is how far this node has read the log. It outlives connections. The
// follower of the present stint changes it.
type reader struct {
	mu    sync.Mutex
	doc   *state.State
	place place
	// last is the entry that was read before place, nil if it is not known.
	last []byte
	// bytes were read of the log since the last snapshot was made or loaded.
	bytes int64
	// limit is how many entries a directory of the log holds: what lies behind
	// them there does not count.
	limit int
	// turned is closed when the next directory of the log is begun.
	turned chan struct{}
}

func newReader() *reader { return &reader{doc: state.New(), turned: make(chan struct{})} }

// turn returns what is closed when this node has read a generation to its end.
func (r *reader) turn(generation int) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.place.Generation > generation {
		done := make(chan struct{})
		close(done)
		return done
	}
	return r.turned
}

func (r *reader) at() place {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.place
}

// snapshot is a document with the place that goes on from it.
func (r *reader) snapshot() (*state.State, place, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.doc, r.place, r.bytes
}

// move is for the follower: entry is the one that was read before to, nil if it is
// not known.
func (r *reader) move(doc *state.State, to place, bytes int64, entry []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if to.Generation != r.place.Generation {
		close(r.turned)
		r.turned = make(chan struct{})
	}
	r.doc, r.place, r.bytes, r.last = doc, to, bytes, entry
}

func (r *reader) forgetBytes(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bytes -= bytes
}

// setLimit sets how many entries a directory of the log holds.
func (r *reader) setLimit(entries int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = entries
}

// entries is what setLimit was told.
func (r *reader) entries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limit
}

// after is the place that follows on p.
func (r *reader) after(p place) place {
	p.Next++
	if p.Next == r.entries() {
		return place{Generation: p.Generation + 1}
	}
	return p
}

// mostAhead is how many entries are asked for at once while there is a lot to
// read.
const mostAhead = 64

// follow reads the log to its end and goes on as it grows.
func (s *stint) follow() error {
	// A node that was away while the log went on to the next directory may find
	// the present one removed in part: then only the snapshot leads on. For one
	// that has nothing yet it is the shorter way.
	doc, at, _ := s.b.reader.snapshot()
	if head := s.head.Load(); at.Generation < head.Place.Generation || doc.Index == 0 && head.exists {
		if err := s.reload(); err != nil {
			return err
		}
	}
	ahead := 1
	var end <-chan zk.Event // of the place that comes next, while nothing is there
	for s.ctx.Err() == nil {
		probes, known := s.orders()
		if end != nil && !known && len(probes) == 0 {
			select {
			case <-end:
				end = nil
			case <-s.kick:
			case <-s.ctx.Done():
			}
			continue
		}
		read, err := s.advance(ahead)
		if err != nil {
			return err
		}
		if read > 0 {
			end = nil
		}
		if read == ahead {
			s.again(probes)
			ahead = min(2*ahead, mostAhead)
			continue
		}
		// One was not there: what was in the log when this began has been read.
		// While others write all the time, no later moment will do.
		ahead = 1
		if s.b.reader.at().before(s.head.Load().Place) {
			s.again(probes)
			end = nil // it was there, and was removed: see lookAtEnd
		} else if skipped, err := s.skip(); err != nil {
			return err
		} else if skipped {
			s.again(probes)
			end = nil
		} else {
			pass(probes)
		}
		if end == nil {
			if end, err = s.lookAtEnd(); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip passes over a number that will never be an entry, because somebody has put
// a child of another name into the directory of the log: each child takes one.
// It looks for that now and then only.
func (s *stint) skip() (skipped bool, err error) {
	if every := s.b.options.SessionTimeout / 6; time.Since(s.looked) < every {
		return false, nil
	}
	s.looked = time.Now()
	doc, at, bytes := s.b.reader.snapshot()
	given, err := s.numbersGiven(at.Generation)
	if err != nil || given <= at.Next {
		return false, err
	}
	// What was given out is there by now, if it ever will be.
	s.looked = time.Time{}
	switch _, err := s.get(s.at.entry(at)); {
	case err == nil:
		return true, nil // it has just come
	case !errors.Is(err, zk.ErrNoNode):
		return false, err
	}
	head, err := s.readHead()
	if err != nil {
		return false, err
	}
	if at.before(head.Place) {
		return true, nil // it has just been removed
	}
	s.b.log.Error("somebody has put something of another name into the log; its number is passed over", "entry", s.at.entry(at))
	s.b.reader.move(doc, s.b.reader.after(at), bytes, nil)
	return true, nil
}

// numbersGiven is how many children a directory of the log has ever had, which is
// the number that the next one gets.
func (s *stint) numbersGiven(generation int) (int, error) {
	return ask(s, func() (int, error) {
		exists, stat, err := s.conn.Exists(s.at.generation(generation))
		if err != nil || !exists {
			return 0, err
		}
		// ZooKeeper counts the creations, and shows twice that less the children
		// that are there: creations and removals together.
		return int((uint32(stat.Cversion) + uint32(stat.NumChildren)) / 2), nil
	})
}

// orders takes the probes that wait, and says whether what comes next is known.
func (s *stint) orders() (probes []chan struct{}, known bool) {
	at := s.b.reader.at()
	s.mu.Lock()
	defer s.mu.Unlock()
	probes, s.probes = s.probes, nil
	for p := range s.own {
		if p.before(at) {
			delete(s.own, p)
		}
	}
	return probes, len(s.own) > 0
}

// again puts probes back.
func (s *stint) again(probes []chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probes = append(probes, s.probes...)
}

func pass(probes []chan struct{}) {
	for _, p := range probes {
		close(p)
	}
}

// probe waits until the follower has found the end of the log once more.
func (s *stint) probe() error {
	passed := make(chan struct{})
	s.mu.Lock()
	s.probes = append(s.probes, passed)
	s.mu.Unlock()
	s.wake()
	select {
	case <-passed:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

func (s *stint) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// wrote tells the follower of an entry of this node.
func (s *stint) wrote(at place, data []byte) {
	s.mu.Lock()
	s.own[at] = data
	s.mu.Unlock()
	s.wake()
}

// lookAtEnd watches the place that comes next, if nothing is there: else its
// result has no channel, and reading goes on.
func (s *stint) lookAtEnd() (<-chan zk.Event, error) {
	at := s.b.reader.at()
	if at.Next == 0 && at.Generation > 0 {
		// Whoever gets here first makes the directory.
		_, err := s.fenced(&zk.CreateRequest{Path: s.at.generation(at.Generation), Data: []byte{}, Acl: s.acl()})
		if err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return nil, fmt.Errorf("%s: %w", s.at.generation(at.Generation), err)
		}
	}
	end, err := s.existsW(s.at.entry(at))
	if err != nil || end.exists {
		return nil, err
	}
	if at.before(s.head.Load().Place) {
		// It was there, and was removed: this node was away too long.
		return nil, s.reload()
	}
	return end.changed, nil
}

// reload goes on from the present snapshot.
func (s *stint) reload() error {
	doc, at, err := s.load()
	if err != nil {
		return err
	}
	if present, from, _ := s.b.reader.snapshot(); doc.Index < present.Index || !from.before(at) {
		return fmt.Errorf("the log of %s has a gap at %s: an entry is missing that the snapshot at index %d does not contain", s.at.base, s.at.entry(s.b.reader.at()), doc.Index)
	}
	s.b.reader.move(doc, at, 0, nil)
	s.b.doc.Reset(doc)
	return nil
}

// advance reads up to n entries and applies those that follow on each other. It
// returns how many these were.
func (s *stint) advance(n int) (int, error) {
	places := make([]place, n)
	next := s.b.reader.at()
	for i := range places {
		places[i] = next
		next = s.b.reader.after(next)
	}
	entries := make([][]byte, n)
	s.mu.Lock()
	for i, p := range places {
		entries[i] = s.own[p]
	}
	s.mu.Unlock()
	var missing []int
	for i, e := range entries {
		if e == nil {
			missing = append(missing, i)
		}
	}
	err := each(len(missing), func(i int) error {
		found, err := s.get(s.at.entry(places[missing[i]]))
		if errors.Is(err, zk.ErrNoNode) {
			return nil
		}
		entries[missing[i]] = found.data
		return err
	})
	if err != nil {
		return 0, err
	}
	read := 0
	for read < n && entries[read] != nil {
		read++
	}
	return read, s.apply(entries[:read], places[:read])
}

// apply applies entries and publishes the document with all of them.
func (s *stint) apply(entries [][]byte, places []place) error {
	doc, _, bytes := s.b.reader.snapshot()
	for i, data := range entries {
		var changes []cluster.Change
		mutations, err := decodeEntry(data)
		if err != nil {
			s.b.log.Error("an entry of the log makes no sense and is passed over", "entry", s.at.entry(places[i]), "error", err)
		}
		for _, text := range mutations {
			mutation := s.b.doc.Decode(text)
			next, outcome := state.Apply(doc, doc.Index+1, mutation)
			if err := next.CheckSchema(); err != nil {
				return fmt.Errorf("%w: %w", ErrTooOld, err)
			}
			doc = next
			changes = append(changes, cluster.Change{Index: doc.Index, State: doc, Mutation: mutation, Outcome: outcome})
		}
		bytes += int64(len(data))
		s.b.reader.move(doc, s.b.reader.after(places[i]), bytes, data)
		s.b.doc.Publish(changes)
	}
	return nil
}
