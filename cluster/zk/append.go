package zk

import (
	"errors"
	"fmt"
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
		batch := s.b.outbox.takeBatch()
		if len(batch) == 0 {
			<-slots
			continue
		}
		writing.Go(func() {
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
	generation, asked := s.b.reader.at().Generation, time.Now()
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
