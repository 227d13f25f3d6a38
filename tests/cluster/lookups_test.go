package cluster

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

// Three nodes that were told to answer look-ups in three ways, as they lose each
// other.
func TestLookUpsWithoutAMajority(t *testing.T) {
	t.Parallel()
	c := procs.NewCluster(t, procs.ClusterOpts{})
	strict, confirmed, usual := c.Members[0], c.Members[1], c.Members[2]
	strict.Args = append(strict.Args, "-isolated_answers=no")
	confirmed.Args = append(confirmed.Args, writeConf(t, []string{"sentinel linearizable-reads yes"}))
	c.Start()
	c.AwaitReady()
	const name, addr = "a", "127.0.0.1:1"
	strict.Must("SENTINEL", "MONITOR", name, "127.0.0.1", 1, 2)
	for _, m := range c.Members {
		procs.Eventually(t, patience, func() error { return knows(m, name, addr) })
	}
	for i := range 10 {
		other := fmt.Sprint("other-", i)
		strict.Must("SENTINEL", "MONITOR", other, "127.0.0.1", 2, 2)
		firstAnswer(t, confirmed, other, "127.0.0.1:2")
	}

	c.Kill(confirmed, usual)
	refuses(t, strict, name)
	strict.Must("SUBSCRIBE", "+switch-master")
	c.Start(usual)
	c.AwaitReady(strict, usual)
	procs.Eventually(t, patience, func() error { return knows(strict, name, addr) })

	c.Kill(strict)
	procs.Eventually(t, patience, func() error { return condition(usual, "suspended") })
	if err := knows(usual, name, addr); err != nil {
		t.Error(err)
	}
	c.Start(confirmed)
	c.AwaitReady(confirmed, usual)
	c.Kill(usual)
	refuses(t, confirmed, name)

	c.Kill(confirmed)
	c.Start(strict) // alone, after a restart
	strict.AwaitLog(patience, "since the start; look-ups are refused, as isolated-answers is no")
	refuses(t, strict, name)
	c.Start(usual)
	c.AwaitReady(strict, usual)
	procs.Eventually(t, patience, func() error { return knows(strict, name, addr) })
}

// firstAnswer checks that the first answer of a member whose answers are confirmed
// is right: what was acknowledged anywhere is in it. A refusal is none.
func firstAnswer(t *testing.T, m *procs.Member, name, want string) {
	t.Helper()
	procs.Eventually(t, patience, func() error {
		err := knows(m, name, want)
		if err != nil && !strings.Contains(err.Error(), "IDONTKNOW ") {
			t.Fatalf("the answer is not current: %v", err)
		}
		return err // nil, or a refusal
	})
}

// refuses waits until a member refuses all look-ups, each in the words that make
// clients ask another node, and says why.
func refuses(t *testing.T, m *procs.Member, name string) {
	t.Helper()
	procs.Eventually(t, patience, func() error {
		_, err := m.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name)
		return refused(err, "IDONTKNOW")
	})
	for _, subcommand := range []string{"MASTER", "REPLICAS", "SENTINELS"} {
		_, err := m.Do("SENTINEL", subcommand, name)
		if err := refused(err, "IDONTKNOW"); err != nil {
			t.Errorf("SENTINEL %s: %v", subcommand, err)
		}
	}
	_, err := m.Do("SENTINEL", "MASTERS")
	if err := refused(err, "LOADING"); err != nil {
		t.Errorf("SENTINEL MASTERS: %v", err)
	}
	_, err = m.Do("SENTINEL", "CKQUORUM", name)
	if err := refused(err, "NOQUORUM"); err != nil {
		t.Errorf("SENTINEL CKQUORUM: %v", err)
	}
	procs.Eventually(t, patience, func() error { return condition(m, "suspended") })
}

// condition returns nil if a member says that its document is in a condition,
// and why, and for how long it has been.
func condition(m *procs.Member, want string) error {
	info, err := m.Info("document")
	if err != nil {
		return err
	}
	reason, since := info["document_reason"], info["document_isolated_since_seconds"]
	if info["document_condition"] != want || reason == "" || strings.HasPrefix(since, "-") {
		return fmt.Errorf("member %d is %v", m.Index, info)
	}
	return nil
}

// A member that joins is introduced to the clients of all others, for each
// master, and they are introduced to those of a new master.
func TestMembersAreIntroduced(t *testing.T) {
	t.Parallel()
	c := procs.NewCluster(t, procs.ClusterOpts{Nodes: 1})
	first := c.Members[0]
	c.Start()
	c.AwaitReady()
	heard := procs.Subscribe(t, first.Server, "*")
	first.Must("SENTINEL", "MONITOR", "a", "127.0.0.1", 1, 2)
	joined := c.Join()
	c.Start(joined)
	// It opens the engine anew, which takes an election, and waits for the other
	// one: longer than a call, and on a busy machine than one attempt.
	procs.Eventually(t, patience, func() error {
		_, err := redis.DoWithTimeout(first.Connect(), patience, "SENTINEL", "MEMBER", "ADD", joined.Raft.String())
		return err
	})
	c.AwaitReady()

	introduction := func(m *procs.Member, master string, port int) string {
		return fmt.Sprintf("sentinel %s %s %d @ %s 127.0.0.1 %d", m.ID(), m.Addr.Host, m.Addr.Port, master, port)
	}
	told := func(r *procs.Recorder, payload string) {
		t.Helper()
		r.Await(patience, func(m procs.Message) bool { return m.Channel == "+sentinel" && m.Payload == payload })
	}
	told(heard, introduction(joined, "a", 1))
	there := procs.Subscribe(t, joined.Server, "*")
	joined.Must("SENTINEL", "MONITOR", "b", "127.0.0.1", 2, 2)
	told(there, introduction(first, "b", 2))
	told(heard, introduction(joined, "b", 2))
	for r, self := range map[*procs.Recorder]*procs.Member{heard: first, there: joined} {
		for _, m := range r.Messages() {
			if strings.HasPrefix(m.Payload, "sentinel "+string(self.ID())) {
				t.Errorf("member %d introduces itself: %s %s", self.Index, m.Channel, m.Payload)
			}
		}
	}
}
