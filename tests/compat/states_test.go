package compat

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"redis-failover/tests/procs"
)

// watcher is one of the two with a group of its own, because both act on it,
// and a peer that watches the same group.
type watcher struct {
	side
	group        *procs.RedisGroup
	server, peer *procs.Server
}

// newWatchers starts both, over masters with two replicas each.
func newWatchers(t *testing.T) [2]*watcher {
	t.Helper()
	stock := &watcher{side: side{name: "redis-sentinel"}, group: procs.Group(t, 2, procs.Opts{})}
	sentinels := procs.Sentinels(t, 2, procs.SentinelOpts{Conf: stock.conf()})
	stock.server, stock.peer = sentinels[0], sentinels[1]

	ours := &watcher{side: side{name: "redis-failover"}, group: procs.Group(t, 2, procs.Opts{})}
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(ours.conf()), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster := procs.StartCluster(t, procs.ClusterOpts{Args: []string{file}})
	ours.server, ours.peer = cluster.Members[0].Server, cluster.Members[1].Server

	both := [2]*watcher{stock, ours}
	for i, w := range both {
		w.addr = w.server.Addr.String()
		procs.Eventually(t, patience, func() error { return w.server.Sees("mymaster", w.group.Master.Addr, 2, 1+i) })
		// What the servers say of themselves is to be known soon, and a busy
		// machine must not make the Sentinel stop looking for half a minute.
		w.must(t, "SENTINEL", "DEBUG", "tilt-trigger", "600000", "info-period", "100", "ask-period", "100", "publish-period", "100", "slave-reconf-timeout", "600000")
	}
	return both
}

// conf has periods in which nobody is called down by a test that takes long.
func (w *watcher) conf() string {
	master := w.group.Master.Addr
	return fmt.Sprintf("sentinel monitor mymaster %s %d 2\nsentinel down-after-milliseconds mymaster 600000\n", master.Host, master.Port)
}

// must sends a command that is to answer OK.
func (w *watcher) must(t *testing.T, words ...string) {
	t.Helper()
	c := w.dial(t)
	c.send(words)
	if got := c.read(1)[0].String(); got != "+OK" {
		t.Fatalf("%s: %v: %s", w.name, words, got)
	}
}

// answers waits until a command is answered so.
func (w *watcher) answers(t *testing.T, want string, words ...string) {
	t.Helper()
	c := w.dial(t)
	procs.Eventually(t, patience, func() error {
		c.send(words)
		if got := c.read(1)[0].String(); got != want {
			return fmt.Errorf("%s: %v: %s, want %s", w.name, words, got, want)
		}
		return nil
	})
}

// setPriority gives a replica a priority and waits until it is known.
func (w *watcher) setPriority(t *testing.T, replica *procs.Server, priority string) {
	t.Helper()
	replica.Must("CONFIG", "SET", "replica-priority", priority)
	procs.Eventually(t, patience, func() error {
		entry := w.await(t, 2, replica.Addr.Port, "slave", "SENTINEL", "REPLICAS", "mymaster")
		if got := entry.field("slave-priority"); got != priority {
			return fmt.Errorf("%s: the priority is %s", w.name, got)
		}
		return nil
	})
}

// hasStatus waits until INFO shows the master in that status.
func (w *watcher) hasStatus(t *testing.T, status string) {
	t.Helper()
	c := w.dial(t)
	procs.Eventually(t, patience, func() error {
		c.send([]string{"INFO", "sentinel"})
		if text := c.read(1)[0].text; !strings.Contains(text, "master0:name=mymaster,status="+status+",address=127.0.0.1:") {
			return fmt.Errorf("%s: not %s: %s", w.name, status, text)
		}
		return nil
	})
}

// await asks for descriptions until there is one with these flags, of the server
// at a port if that is not 0, and returns it.
func (w *watcher) await(t *testing.T, protocol, port int, flags string, words ...string) value {
	t.Helper()
	c := w.dial(t)
	c.send([]string{"HELLO", strconv.Itoa(protocol)})
	c.read(1)
	var found value
	procs.Eventually(t, patience, func() error {
		c.send(words)
		answer := c.read(1)[0]
		list := []value{answer}
		if len(answer.list) == 0 || answer.list[0].list != nil {
			list = answer.list
		}
		for _, entry := range list {
			if entry.field("flags") == flags && (port == 0 || entry.field("port") == strconv.Itoa(port)) {
				found = entry
				return nil
			}
		}
		return fmt.Errorf("%s: %v: nobody has the flags %s: %s", w.name, words, flags, answer)
	})
	return found
}

// field is the value of a field of a map or flat array, "" if there is none.
func (v value) field(name string) string {
	if picked := v.pick([]string{name}); len(picked.list) == 2 {
		return picked.list[1].text
	}
	return ""
}

// without is a map without the values of some fields.
func (v value) without(names ...string) value {
	return v.each(func(v value) value {
		for i := 0; i+1 < len(v.list); i += 2 {
			for _, name := range names {
				if v.list[i].text == name {
					v.list[i+1].text = "<any>"
				}
			}
		}
		return v
	})
}

// The descriptions of masters, replicas and Sentinels have the same fields in
// the same order, with the same words and flags, in every state. (What is a
// number in one is a number in the other.)
func TestStates(t *testing.T) {
	both := newWatchers(t)
	// same compares descriptions once both are in the state that the flags tell.
	same := func(state, flags string, port func(*watcher) int, open []string, words ...string) {
		t.Helper()
		for protocol := 2; protocol <= 3; protocol++ {
			var texts [2]string
			for i, w := range both {
				p := 0
				if port != nil {
					p = port(w)
				}
				text := w.await(t, protocol, p, flags, words...).shape().without(open...).String()
				texts[i] = strings.ReplaceAll(text, fmt.Sprintf(`"127.0.0.1:%d"`, p), "<address>")
			}
			if texts[0] != texts[1] {
				t.Errorf("%s, %v in RESP%d\nredis-sentinel: %s\nredis-failover: %s", state, words, protocol, texts[0], texts[1])
			}
		}
	}
	all := func(words ...string) {
		t.Helper()
		for _, w := range both {
			w.must(t, words...)
		}
	}
	first := func(w *watcher) int { return w.group.Replicas[0].Addr.Port }
	second := func(w *watcher) int { return w.group.Replicas[1].Addr.Port }
	peer := func(w *watcher) int { return w.peer.Addr.Port }

	same("healthy", "master", nil, nil, "SENTINEL", "MASTERS")
	same("healthy", "slave", first, nil, "SENTINEL", "SLAVES", "mymaster")
	same("healthy", "sentinel", peer, nil, "SENTINEL", "SENTINELS", "mymaster")

	all("SENTINEL", "MONITOR", "fresh", "127.0.0.1", "1", "1")
	same("never reached", "master,disconnected", nil, nil, "SENTINEL", "MASTER", "fresh")
	all("SENTINEL", "REMOVE", "fresh")

	// A failover that cannot end, because the first replica does not answer.
	for _, w := range both {
		w.setPriority(t, w.group.Replicas[0], "0")
		// A Sentinel promotes nobody whose INFO is older than three periods.
		w.must(t, "SENTINEL", "DEBUG", "info-period", "3000")
		w.group.Replicas[0].Freeze()
		procs.Eventually(t, patience, func() error {
			err := w.group.Replicas[1].IsMaster()
			if err != nil {
				c := w.dial(t)
				c.send([]string{"SENTINEL", "FAILOVER", "mymaster"}) // refused while one runs
				err = fmt.Errorf("%s: %w; FAILOVER: %s", w.name, err, c.read(1)[0])
			}
			return err
		})
		w.must(t, "SENTINEL", "DEBUG", "info-period", "100")
		procs.Eventually(t, patience, func() error {
			entry := w.await(t, 2, 0, "master,failover_in_progress,force_failover", "SENTINEL", "MASTER", "mymaster")
			if got := entry.field("failover-state"); got != "reconf_slaves" {
				return fmt.Errorf("%s: the failover is at %s", w.name, got)
			}
			return nil
		})
	}
	same("failover", "master,failover_in_progress,force_failover", nil, nil, "SENTINEL", "MASTER", "mymaster")
	for _, w := range both {
		w.answers(t, "-INPROG Failover already in progress", "SENTINEL", "FAILOVER", "mymaster")
		w.answers(t, fmt.Sprintf(`*["127.0.0.1" "%d"]`, second(w)), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")
	}
	for _, w := range both {
		w.group.Replicas[0].Thaw()
		procs.Eventually(t, patience, func() error { return w.server.NamesMaster("mymaster", w.group.Replicas[1].Addr) })
	}
	same("after a failover", "master", second, []string{"runid"}, "SENTINEL", "MASTER", "mymaster")

	// Down, and nobody can be promoted.
	all("SENTINEL", "SET", "mymaster", "quorum", "9", "down-after-milliseconds", "1000")
	for _, w := range both {
		w.group.Replicas[0].Kill()
	}
	same("replica down", "s_down,slave,disconnected", first, nil, "SENTINEL", "REPLICAS", "mymaster")
	for _, w := range both {
		w.setPriority(t, w.group.Master, "0")
		w.group.Replicas[1].Kill()
	}
	same("master down", "s_down,master,disconnected", nil, nil, "SENTINEL", "MASTER", "mymaster")
	for _, w := range both {
		w.answers(t, "-NOGOODSLAVE No suitable replica to promote", "SENTINEL", "FAILOVER", "mymaster")
		w.hasStatus(t, "sdown")
	}
	all("SENTINEL", "SET", "mymaster", "quorum", "1")
	same("objectively down", "s_down,o_down,master,disconnected", nil, nil, "SENTINEL", "MASTER", "mymaster")
	for _, w := range both {
		w.hasStatus(t, "odown")
		down := fmt.Sprintf("SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 %d 0 *", second(w))
		w.answers(t, `*[:1 "*" :0]`, strings.Fields(down)...)
	}

	for _, w := range both {
		w.peer.Kill()
	}
	same("peer down", "s_down,sentinel,disconnected", peer, []string{"voted-leader"}, "SENTINEL", "SENTINELS", "mymaster")
	for protocol := 2; protocol <= 3; protocol++ {
		var texts [2]string
		for i, w := range both {
			texts[i] = w.reset(t, protocol)
		}
		if texts[0] != texts[1] {
			t.Errorf("after RESET in RESP%d\nredis-sentinel: %s\nredis-failover: %s", protocol, texts[0], texts[1])
		}
	}
}

// reset sends RESET and the questions after it at once, so that nobody has been
// seen again when they are answered; again if somebody was.
func (w *watcher) reset(t *testing.T, protocol int) string {
	t.Helper()
	c := w.dial(t)
	c.send([]string{"HELLO", strconv.Itoa(protocol)})
	c.read(1)
	var texts []string
	procs.Eventually(t, patience, func() error {
		c.sendRaw("SENTINEL RESET my*\r\nSENTINEL SENTINELS mymaster\r\nSENTINEL REPLICAS mymaster\r\nSENTINEL SLAVES mymaster\r\nSENTINEL MASTER mymaster\r\n")
		texts = texts[:0]
		answers := c.read(5)
		for _, v := range answers {
			texts = append(texts, v.shape().without("runid").String())
		}
		if len(answers[1].list)+len(answers[2].list) > 0 {
			return fmt.Errorf("%s: not empty: %s", w.name, strings.Join(texts, "\n\t"))
		}
		return nil
	})
	return strings.Join(texts, "\n\t")
}
