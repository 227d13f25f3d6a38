package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

const (
	// writers and readers are the numbers of clients.
	writers, readers = 4, 4
	// pace is how often each client asks something.
	pace = 15 * time.Millisecond
	// connectTimeout and callTimeout are a client's patience. They are longer
	// than most faults, so that most calls have a known end.
	connectTimeout, callTimeout = 400 * time.Millisecond, time.Second
	// era is how long the clients use the same few keys. Then they turn to new
	// ones, so that no key's history gets too long to be checked.
	era = 1500 * time.Millisecond
	// keys is how many they use at a time. Several clients share each.
	keys = 2
)

// crowd is all clients of a run, and what they have written down.
type crowd struct {
	*history
	nodes []state.Addr
	ids   []string // of the nodes
	// strong: the nodes answer look-ups through a majority.
	strong bool
	// values gives out ports and timeouts, none twice.
	values atomic.Int64

	mu      sync.Mutex
	sights  []sight
	streams []*stream
	// strange are replies that no command has.
	strange []string
	// claims are the ids of nodes that were heard to begin a failover. Those that
	// nobody takes at once are dropped.
	claims chan string

	work sync.WaitGroup
}

// newCrowd makes the clients of a cluster. Strong nodes answer look-ups through
// a majority.
func newCrowd(members []*procs.Member, strong bool) *crowd {
	c := &crowd{history: newHistory(), strong: strong, claims: make(chan string)}
	for _, m := range members {
		c.nodes = append(c.nodes, m.Addr)
		c.ids = append(c.ids, string(m.ID()))
	}
	return c
}

// begin lets all ask, until ctx ends; wait returns when all have stopped.
func (c *crowd) begin(ctx context.Context, seed uint64) {
	for i := range writers + readers {
		client := &client{crowd: c, id: i, rng: rand.New(rand.NewPCG(seed, uint64(i)+1)), conns: map[int]redis.Conn{}}
		ask := client.change
		if i >= writers {
			ask = client.lookUp
		}
		c.work.Go(func() { client.run(ctx, ask) })
	}
	for node := range c.nodes {
		c.work.Go(func() { c.listen(ctx, node) })
	}
}

func (c *crowd) wait() { c.work.Wait() }

func (c *crowd) wonder(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.strange = append(c.strange, fmt.Sprintf(format, args...))
}

// client asks one thing at a time.
type client struct {
	*crowd
	id    int
	rng   *rand.Rand
	conns map[int]redis.Conn // to the nodes
}

func (c *client) run(ctx context.Context, ask func(node int)) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, conn := range c.conns {
				conn.Close()
			}
			return
		case <-ticker.C:
			ask(c.rng.IntN(len(c.nodes)))
		}
	}
}

// key chooses one of the keys of this era.
func (c *client) key() string {
	return fmt.Sprintf("m%d-%d", int(c.now()/era), c.rng.IntN(keys))
}

// change asks for one change.
func (c *client) change(node int) {
	name := c.key()
	value := int(c.values.Add(1))
	switch n := c.rng.IntN(10); {
	case n < 3:
		// Nothing listens there, and no number of nodes is enough to fail over.
		port := 1 + value%65535
		c.ask(call{node: node, key: name, verb: monitor, value: port}, "MONITOR", name, "127.0.0.1", port, 100)
	case n < 5:
		c.ask(call{node: node, key: name, verb: remove}, "REMOVE", name)
	default:
		c.ask(call{node: node, key: name, verb: set, value: value}, "SET", name, timeoutOption, value)
	}
}

// lookUp asks for a key, or for the group that fails over.
func (c *client) lookUp(node int) {
	switch n := c.rng.IntN(10); {
	case n < 3:
		c.sight(node)
	case n < 6:
		name := c.key()
		c.ask(call{node: node, key: name, verb: find}, "GET-MASTER-ADDR-BY-NAME", name)
	default:
		name := c.key()
		c.ask(call{node: node, key: name, verb: look}, "MASTER", name)
	}
}

// ask makes a call and writes it down.
func (c *client) ask(asked call, words ...any) {
	asked.client, asked.strong = c.id, c.strong && !asked.changes()
	asked.begin = c.now()
	reply, sent, err := c.do(asked.node, words...)
	asked.end = c.now()
	asked.result = c.judge(sent, err)
	if asked.result == done && !asked.changes() {
		asked.seen, err = readRegister(reply)
		if err != nil {
			c.wonder("%v: %v", asked, err)
			return
		}
	}
	if !asked.changes() && asked.result == missing {
		asked.result = done // SENTINEL MASTER says so by an error
	}
	c.add(asked)
}

// do sends SENTINEL with these words to a node. Unless it is sent, nothing has
// reached the node.
func (c *client) do(node int, words ...any) (reply any, sent bool, err error) {
	conn, ok := c.conns[node]
	if !ok {
		conn, err = redis.Dial("tcp", c.nodes[node].String(), redis.DialConnectTimeout(connectTimeout),
			redis.DialReadTimeout(callTimeout), redis.DialWriteTimeout(callTimeout))
		if err != nil {
			return nil, false, err
		}
		c.conns[node] = conn
	}
	reply, err = conn.Do("SENTINEL", words...)
	if conn.Err() != nil {
		conn.Close()
		delete(c.conns, node)
	}
	return reply, true, err
}

// judge says what an answer means.
func (c *client) judge(sent bool, err error) result {
	var refusal redis.Error
	switch {
	case err == nil:
		return done
	case !sent:
		return refused
	case !errors.As(err, &refusal):
		return unknown // timed out, or the connection broke
	}
	for start, r := range map[string]result{
		"NOQUORUM ": refused, "UNKNOWN ": unknown,
		"IDONTKNOW ":         refused, // a look-up that found no majority
		"ERR No such master": missing, "ERR Duplicate master name": exists,
	} {
		if strings.HasPrefix(refusal.Error(), start) {
			return r
		}
	}
	c.wonder("%v", refusal)
	return unknown
}

// readRegister reads the answer of SENTINEL MASTER or GET-MASTER-ADDR-BY-NAME;
// nil is "no such master".
func readRegister(reply any) (register, error) {
	if reply == nil {
		return register{}, nil
	}
	words, err := redis.Strings(reply, nil)
	if err != nil {
		return register{}, err
	}
	if len(words) == 2 {
		port, err := strconv.Atoi(words[1])
		return register{port: port}, err
	}
	fields, err := redis.StringMap(reply, nil)
	if err != nil {
		return register{}, err
	}
	port, portErr := strconv.Atoi(fields["port"])
	timeout, err := strconv.Atoi(fields[timeoutOption])
	return register{port: port, timeout: timeout}, errors.Join(portErr, err)
}

// sight asks for the group that fails over.
func (c *client) sight(node int) {
	s := sight{node: node, strong: c.strong, begin: c.now()}
	reply, sent, err := c.do(node, "MASTER", group)
	s.end = c.now()
	if c.judge(sent, err) != done {
		return
	}
	fields, err := redis.StringMap(reply, nil)
	if err == nil {
		s.epoch, err = strconv.ParseUint(fields["config-epoch"], 10, 64)
	}
	if err != nil {
		c.wonder("SENTINEL MASTER %s: %v", group, err)
		return
	}
	s.master = fields["ip"] + ":" + fields["port"]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sights = append(c.sights, s)
}

// final looks at every key at every node, when all is calm and each node was
// just seen to be current.
func (c *crowd) final(t *testing.T) {
	t.Helper()
	asker := &client{crowd: c, id: writers + readers, conns: map[int]redis.Conn{}}
	for key := range byKey(c.all()) {
		for node := range c.nodes {
			procs.Eventually(t, patience, func() error { return asker.certain(node, key) })
		}
	}
	for _, conn := range asker.conns {
		conn.Close()
	}
}

// certain looks at a key, and returns why there was no answer.
func (c *client) certain(node int, key string) error {
	asked := call{client: c.id, node: node, key: key, verb: look, strong: true, begin: c.now()}
	reply, sent, err := c.do(node, "MASTER", key)
	asked.end = c.now()
	switch c.judge(sent, err) {
	case missing:
	case done:
		if asked.seen, err = readRegister(reply); err != nil {
			return err
		}
	default:
		return err
	}
	c.add(asked)
	return nil
}

func (c *crowd) claim(id string) {
	select {
	case c.claims <- id:
	default:
	}
}

// quiet is how long a subscriber hears nothing before it connects anew: its node
// may have died while nothing could tell it.
const quiet = 5 * time.Second

// listen keeps a subscriber at a node.
func (c *crowd) listen(ctx context.Context, node int) {
	for ctx.Err() == nil {
		conn, err := redis.Dial("tcp", c.nodes[node].String(), redis.DialConnectTimeout(connectTimeout), redis.DialReadTimeout(quiet))
		if err != nil {
			pause(ctx)
			continue
		}
		stop := context.AfterFunc(ctx, func() { conn.Close() })
		c.hear(node, redis.PubSubConn{Conn: conn})
		stop()
		conn.Close()
	}
}

// pause waits a moment before the next attempt.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pace):
	}
}

// hear writes down what one connection brings until it ends.
func (c *crowd) hear(node int, conn redis.PubSubConn) {
	if err := conn.PSubscribe("*"); err != nil {
		return
	}
	s := &stream{node: node, self: c.ids[node]}
	c.mu.Lock()
	c.streams = append(c.streams, s)
	c.mu.Unlock()
	for {
		switch got := conn.Receive().(type) {
		case redis.Message:
			s.messages = append(s.messages, message{got.Channel, string(got.Data)})
			if got.Channel == state.EventVote { // <id> <epoch>
				c.claim(strings.Fields(string(got.Data))[0])
			}
		case error:
			return
		}
	}
}
