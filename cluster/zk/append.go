package zk

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

const (
	// batchSize and batchBytes bound what goes into one entry.
	batchSize  = 512
	batchBytes = 256 << 10
	// inFlight is how many entries of this node may be on their way at once.
	inFlight = 4
)

// append puts what waits in the outbox into the log, all that has come together
// while the entries before were on their way as one entry.
func (s *stint) append() error {
	slots := make(chan struct{}, inFlight)
	failed := make(chan error, inFlight)
	var writing sync.WaitGroup
	defer writing.Wait()
	for {
		select {
		case slots <- struct{}{}:
		case err := <-failed:
			return err
		case <-s.ctx.Done():
			return nil
		}
		select {
		case <-s.b.outbox.ready:
		case err := <-failed:
			return err
		case <-s.ctx.Done():
			return nil
		}
		land := s.depart()
		batch := s.b.outbox.takeBatch()
		if len(batch) == 0 {
			land()
			<-slots
			continue
		}
		writing.Go(func() {
			defer land()
			if err := s.write(batch); err != nil {
				failed <- err
			}
			<-slots
		})
	}
}

// takeBatch takes as many proposals as fit into an entry, one at least.
func (o *outbox) takeBatch() []*proposal {
	count, bytes := 0, 0
	return o.take(func(p *proposal) bool {
		count, bytes = count+1, bytes+len(p.text)
		return count == 1 || count <= batchSize && bytes <= batchBytes
	})
}

// write puts one entry into the log. After an error the stint has to end: with
// it, what has become of the entry may be unknown.
func (s *stint) write(batch []*proposal) error {
	texts := make([][]byte, len(batch))
	for i, p := range batch {
		texts[i] = p.text
	}
	data, err := encodeEntry(texts)
	if err != nil {
		s.b.outbox.refused(batch)
		for _, p := range batch {
			p.fail(notLogged(err))
		}
		return nil
	}
	at, asked := s.b.reader.at(), time.Now()
	generation := at.Generation
	results, err := s.fenced(&zk.CreateRequest{Path: s.at.newEntry(generation), Data: data, Acl: s.acl(), Flags: zk.FlagSequence})
	if err != nil {
		if refusedByServer(err) {
			s.b.outbox.refused(batch)
		}
		if errors.Is(err, zk.ErrNoNode) && s.b.reader.at().Generation != generation {
			return nil // the directory is full, and was removed by now
		}
		return fmt.Errorf("write to %s: %w", s.at.generation(generation), err)
	}
	s.b.confirmed(asked)
	number, err := numberOf(results[0].String)
	if err != nil {
		return err
	}
	if number < at.Next {
		return s.wentBack(fmt.Sprintf("it gave out the number %d where this node had read to %s", number, s.at.entry(at)))
	}
	if number >= s.b.reader.entries() {
		// The directory was full, so this entry does not count.
		turned := s.b.reader.turn(generation)
		s.wake()
		select {
		case <-turned:
		case <-s.ctx.Done():
		}
		s.b.outbox.refused(batch)
		return nil
	}
	s.wrote(place{generation, number}, data)
	return nil
}

// depart notes that proposals are about to be taken from the outbox; what it
// returns is to be called when it is known what has become of them.
func (s *stint) depart() (land func()) {
	flight := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flights[flight] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.flights, flight)
		close(flight)
	}
}

// landed waits for what has departed by now. Its caller may have given a proposal
// up that has yet to be handed to the library, and would arrive behind whatever
// is asked next.
func (s *stint) landed() error {
	s.mu.Lock()
	flights := slices.Collect(maps.Keys(s.flights))
	s.mu.Unlock()
	for _, flight := range flights {
		select {
		case <-flight:
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	return nil
}
