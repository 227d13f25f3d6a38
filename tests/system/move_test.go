package system

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

// home is a group of nodes, of any broker, that masters move to.
type home struct {
	node   *procs.Node // one that is asked
	others int         // how many nodes more there are
	stop   func()
}

// standaloneHome is a node that works alone.
func standaloneHome(t *testing.T) home {
	n := procs.Failover(t)
	return home{n, 0, func() { n.Stop() }}
}

// raftHome is a group of three.
func raftHome(t *testing.T) home {
	c := procs.StartCluster(t, procs.ClusterOpts{})
	return home{c.Members[1].Node, 2, func() {
		for _, m := range c.Members {
			m.Kill()
		}
	}}
}

// zkHome is a node beside a ZooKeeper.
func zkHome(t *testing.T) home {
	z := procs.StartZooKeeper(t, procs.ZooKeeperOpts{})
	n := procs.Failover(t, "-broker=zk", "-zk_addr="+z.Addrs())
	return home{n, 0, func() { n.Stop() }}
}

// moveMasters runs "redis-failover export" or "import", and fails the test if it fails.
func moveMasters(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(procs.Binary(t), args...)
	cmd.Env = append(os.Environ(), "REDISCLI_AUTH=")
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return string(out)
}

// TestMove takes a fleet from a node that works alone to raft, to ZooKeeper and
// back, with a failover on the way: nothing of it is lost, passwords included,
// and at no time do two groups act on a master.
func TestMove(t *testing.T) {
	const password = "pass word\xff"
	g := procs.Group(t, 2, procs.Opts{})
	now := standaloneHome(t)
	now.node.Must("SENTINEL", "MONITOR", group, g.Master.Addr.Host, g.Master.Addr.Port, 1)
	now.node.Must("SENTINEL", "SET", group, "down-after-milliseconds", downAfter.Milliseconds(), "rename-command", "FLUSHALL", "hidden")
	now.node.Must("SENTINEL", "MONITOR", "elsewhere", "127.0.0.1", 1, 2)
	now.node.Must("SENTINEL", "SET", "elsewhere", "auth-user", "u", "auth-pass", password)
	now.node.Must("SENTINEL", "PAUSE", "elsewhere", "FOR", 3600, "REASON", "nothing is there")
	procs.Eventually(t, patience, func() error { return now.node.Sees(group, g.Master.Addr, 2, 0) })

	master := g.Master.Addr
	for _, next := range []func(*testing.T) home{raftHome, zkHome, standaloneHome} {
		to := next(t)
		before := moveMasters(t, "", "export", "-secrets", now.node.Addr.String())
		if got, want := moveMasters(t, before, "import", "-paused", to.node.Addr.String()), "2 masters added, 0 were there\n"; got != want {
			t.Errorf("import says %q, not %q", got, want)
		}
		if got, want := moveMasters(t, before, "import", "-paused", to.node.Addr.String()), "0 masters added, 2 were there\n"; got != want {
			t.Errorf("the same import says %q, not %q", got, want)
		}
		now.stop()
		if err := to.node.NamesMaster(group, master); err != nil {
			t.Error(err)
		}
		to.node.Must("SENTINEL", "RESUME", group)
		if after := moveMasters(t, "", "export", "-secrets", to.node.Addr.String()); masters(t, after) != masters(t, before) {
			t.Errorf("exported was\n%s\nand is\n%s", before, after)
		}
		procs.Eventually(t, patience, func() error { return to.node.Sees(group, master, 2, to.others) })
		if master == g.Master.Addr { // once
			g.Master.Kill()
			procs.Eventually(t, patience, func() (err error) {
				if master, err = to.node.MasterAddr(group); err == nil && master == g.Master.Addr {
					err = fmt.Errorf("it is still %s", master)
				}
				return err
			})
			g.Master.Start()
			procs.Eventually(t, patience, func() error { return g.Master.Follows(master) })
		}
		now = to
	}
}

// masters are the masters of an export, without the pauses that import began.
func masters(t *testing.T, text string) string {
	t.Helper()
	e, err := state.ReadExport([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for i := range e.Masters {
		if p := e.Masters[i].Paused; p != nil && p.Why == "imported" {
			e.Masters[i].Paused = nil
		}
	}
	again, err := json.Marshal(e.Masters)
	if err != nil {
		t.Fatal(err)
	}
	return string(again)
}

// TestMoveFaults: what a person may get wrong is told in one line.
func TestMoveFaults(t *testing.T) {
	n := procs.Failover(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"export"}, "export: name one node as HOST:PORT"},
		{[]string{"export", "-x", "a:1"}, "export: flag provided but not defined: -x (-help lists the flags)"},
		{[]string{"export", "-password_file=/nonexistent", "a:1"}, "export: open /nonexistent: no such file or directory"},
		{[]string{"export", "127.0.0.1:1"}, "connection refused"},
		{[]string{"import", n.Addr.String()}, "import: not an export of redis-failover"},
	} {
		if r := procs.Run(t, test.args...); r.Code == 0 || !strings.Contains(r.Stderr, test.want) || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%q ends with %d and says %q, not %q", test.args, r.Code, r.Stderr, test.want)
		}
	}
	if r := procs.Run(t, "import", "-help"); r.Code != 0 || !strings.Contains(r.Stdout, "-paused") {
		t.Errorf("-help says %q, %q", r.Stdout, r.Stderr)
	}
}
