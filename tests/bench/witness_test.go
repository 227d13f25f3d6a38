package bench

import (
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
)

// result is one round: the times from the kill to the message at the first and
// at the last of the living nodes, and until the last of them answers with the
// new address.
type result struct{ first, last, answered time.Duration }

// gather puts together what the witnesses at living nodes saw.
func gather(witnesses []*witness, killed time.Time, patience time.Duration) (r result, ok bool) {
	for _, w := range witnesses {
		told, answered, came := w.saw(patience)
		switch {
		case !w.node.Running():
			continue
		case !came:
			return result{}, false
		case r.first == 0 || told.Sub(killed) < r.first:
			r.first = told.Sub(killed)
		}
		r.last = max(r.last, told.Sub(killed))
		r.answered = max(r.answered, answered.Sub(killed))
	}
	return r, r.first > 0
}

// witness is a client of one node that asks, and looks at what the node's
// subscriber was told.
type witness struct {
	node *node
	name string
	old  state.Addr
	conn redis.Conn
	// answered gets the time of the first new answer, the zero time for none.
	answered chan time.Time
}

// witnesses connect to all nodes but the one that is to die.
func (c *contender) witnesses(b *testing.B, name string, old state.Addr, victim *node) []*witness {
	b.Helper()
	var all []*witness
	for _, n := range c.nodes {
		if n == victim {
			continue
		}
		conn, err := n.Dial()
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, &witness{node: n, name: name, old: old, conn: conn, answered: make(chan time.Time, 1)})
	}
	return all
}

// ask asks for the address, again and again, until it is another than the old
// one.
func (w *witness) ask(patience time.Duration) {
	defer w.conn.Close()
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for begin := time.Now(); time.Since(begin) < patience; <-pause.C {
		pair, err := redis.Strings(w.conn.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", w.name))
		if err != nil {
			break
		}
		if strings.Join(pair, ":") != w.old.String() {
			w.answered <- time.Now()
			return
		}
	}
	w.answered <- time.Time{}
}

// saw is when the node told of the switch and when it answered so; false if one
// of them did not happen. The Recorder notes when a message came, so this may
// look at leisure.
func (w *witness) saw(patience time.Duration) (told, answered time.Time, ok bool) {
	answered = <-w.answered
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for begin := time.Now(); time.Since(begin) < patience && w.node.Running() && !answered.IsZero(); <-pause.C {
		for _, m := range w.node.events.Messages() {
			if strings.HasPrefix(m.Payload, w.name+" ") {
				return m.At, answered, true
			}
		}
	}
	return time.Time{}, time.Time{}, false
}
