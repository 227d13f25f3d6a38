package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// BenchmarkFailover kills masters and takes the time until clients know the new
// one: those that listen for +switch-master, and those that ask.
func BenchmarkFailover(b *testing.B) {
	for _, downAfter := range []time.Duration{time.Second, 200 * time.Millisecond} {
		b.Run("down-after="+downAfter.String(), func(b *testing.B) {
			for range b.N {
				compareFailovers(b, downAfter)
			}
		})
	}
}

// rounds is how many failovers each of the contenders carries out.
func rounds(b *testing.B) int {
	text := os.Getenv("ROUNDS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("ROUNDS=%q: give a whole number from 1", text)
	}
	return n
}

func compareFailovers(b *testing.B, downAfter time.Duration) {
	both := contenders(b)
	told, answered := map[string]times{}, map[string]times{}
	random := rand.New(rand.NewPCG(1, 2)) // the same moments in each run
	for round := range rounds(b) {
		for _, c := range both {
			name := fmt.Sprintf("%s-%d", c.name, round)
			r, ok := failover(b, c, name, downAfter, random)
			if !ok {
				b.Logf("round %d: %s did not switch within %v", round, c.name, limit)
				continue
			}
			told[c.name] = append(told[c.name], r.told)
			answered[c.name] = append(answered[c.name], r.answered)
		}
	}
	report(b, downAfter, told, answered)
}

// limit is when a round is given up.
const limit = 30 * time.Second

// result is one round: the times from the kill to the message and to the answer.
type result struct{ told, answered time.Duration }

// failover is one round with servers of its own. ok is false if nothing
// happened in time.
func failover(b *testing.B, c contender, name string, downAfter time.Duration, random *rand.Rand) (r result, ok bool) {
	b.Helper()
	g := procs.Group(b, 2, procs.Opts{})
	defer func() {
		c.server.Must("SENTINEL", "REMOVE", name)
		for _, s := range g.Servers() {
			s.Kill()
		}
	}()
	c.watch(b, name, g, downAfter)
	events := procs.Subscribe(b, c.server, state.EventSwitch)
	conn, err := c.server.Dial()
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	// Neither may profit from where its periods happen to be.
	<-time.After(time.Duration(random.Int64N(int64(time.Second))))

	killed := time.Now()
	asked := make(chan time.Time, 1)
	go func() { asked <- awaitAnswer(conn, name, g.Master.Addr) }()
	g.Master.Kill()
	message, came := awaitSwitch(events, name)
	at := <-asked
	if !came || at.IsZero() {
		return result{}, false
	}
	return result{message.At.Sub(killed), at.Sub(killed)}, true
}

// awaitAnswer asks for the address, again and again, until it is another than
// the old one. The zero time is "never".
func awaitAnswer(conn redis.Conn, name string, old state.Addr) time.Time {
	pause := time.NewTicker(time.Millisecond)
	defer pause.Stop()
	for begin := time.Now(); time.Since(begin) < limit; <-pause.C {
		pair, err := redis.Strings(conn.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name))
		if err != nil {
			return time.Time{}
		}
		if strings.Join(pair, ":") != old.String() {
			return time.Now()
		}
	}
	return time.Time{}
}

// awaitSwitch waits for the message. The Recorder notes when it came, so this
// may look at leisure.
func awaitSwitch(events *procs.Recorder, name string) (procs.Message, bool) {
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for begin := time.Now(); time.Since(begin) < limit; <-pause.C {
		for _, m := range events.Messages() {
			if strings.HasPrefix(m.Payload, name+" ") {
				return m, true
			}
		}
	}
	return procs.Message{}, false
}
