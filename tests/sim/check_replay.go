package sim

import (
	"bytes"

	"redis-failover/cluster/state"
)

// snapshot is the document at one position, as text.
type snapshot struct {
	index int
	text  []byte
}

// replayEvery is how many schedules share one replay, which takes its time.
const replayEvery = 25

// snapshot writes the present document down.
func (c *checker) snapshot() snapshot {
	if c.w.seed%replayEvery != 0 {
		return snapshot{}
	}
	return snapshot{len(c.w.log.entries) - 1, c.encode(c.w.log.newest())}
}

// replay checks that the log leads to the same document again: on another node,
// after a restart from a snapshot, and whatever was done with older documents
// meanwhile, which must not have changed.
func (c *checker) replay(s snapshot) {
	if s.text == nil {
		return
	}
	entries := c.w.log.entries
	if !bytes.Equal(c.encode(entries[s.index].state), s.text) {
		c.w.violated("replay", "the document at %d has changed since it was published", s.index)
	}
	doc := c.apply(state.New(), 1, s.index)
	if !bytes.Equal(c.encode(doc), s.text) {
		c.w.violated("replay", "the log gives another document at %d when it is read again", s.index)
	}
	doc, err := state.DecodeState(s.text)
	if err != nil {
		c.w.violated("replay", "the snapshot at %d cannot be read: %s", s.index, err)
	}
	last := len(entries) - 1
	if !bytes.Equal(c.encode(c.apply(doc, s.index+1, last)), c.encode(entries[last].state)) {
		c.w.violated("replay", "the log gives another document at %d after a restart from %d", last, s.index)
	}
}

// apply runs a part of the log, as it would be read from a disk.
func (c *checker) apply(doc *state.State, from, to int) *state.State {
	for i := from; i <= to; i++ {
		text, err := state.EncodeMutation(c.w.log.entries[i].mutation)
		if err != nil {
			c.w.violated("replay", "entry %d cannot be written: %s", i, err)
		}
		m, err := state.DecodeMutation(text)
		if err != nil {
			c.w.violated("replay", "entry %d cannot be read: %s", i, err)
		}
		doc, _ = state.Apply(doc, state.Index(i), m)
	}
	return doc
}

func (c *checker) encode(s *state.State) []byte {
	text, err := state.EncodeState(s)
	if err != nil {
		c.w.violated("replay", "the document cannot be written: %s", err)
	}
	return text
}

// views checks what the nodes show of their groups.
func (c *checker) views() {
	for _, n := range c.w.nodes {
		for _, g := range n.watched {
			view := g.watch.View(n.now(), g.agreed)
			if view.Master.Addr != g.agreed.Addr || len(view.Replicas) != len(g.agreed.Replicas) || view.Generation != g.agreed.Generation {
				c.w.violated("view", "node %s shows %s with %d replicas, the document has %s with %d",
					n.id, view.Master.Addr, len(view.Replicas), g.agreed.Addr, len(g.agreed.Replicas))
			}
		}
	}
}
