package raft

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
	"redis-failover/tests/procs/spawn"
)

// Members in processes of their own, so that they can be killed. The parent
// writes orders to a child's input, one a line, and reads answers from its
// output:
//
//	add N     adds master number N: "added N", or "failed N" and the error
//	insist N  the same, again and again until it is added
//	know      passes a barrier: "knows" and the numbers of all masters, or "unsure"
//	status    "status" with condition, leadership and resident memory in KiB
//	break     fills the disk: "broken"
//
// Each order is carried out on a goroutine of its own.

const childOptions = "RAFT_TEST_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childOptions); text != "" {
		beChild(text)
		return
	}
	m.Run()
}

func beChild(text string) {
	var o Options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	disk := newBrittle()
	o.files = disk
	b, err := Open(o)
	if err != nil {
		o.Logger.Error("it does not open: " + err.Error())
		return
	}
	var mu sync.Mutex
	answer := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		_, _ = fmt.Fprintf(os.Stdout, format+"\n", args...)
	}
	answer("open")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "break" {
			disk.breakWith(syscall.ENOSPC)
			answer("broken")
			continue
		}
		go obey(b, in.Text(), answer)
	}
	_ = b.Close()
}

func obey(b *Broker, order string, answer func(string, ...any)) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch verb, rest, _ := strings.Cut(order, " "); verb {
	case "add":
		n, _ := strconv.Atoi(rest)
		out, _, err := b.Propose(ctx, state.Mutation{Op: monitor(n)})
		if err == nil && out.Refused() && out.Refusal != state.RefusedDuplicate {
			err = fmt.Errorf("refused: %s", out.Detail)
		}
		if err != nil {
			answer("failed %d %s", n, strings.ReplaceAll(err.Error(), "\n", " "))
			return
		}
		answer("added %d", n)
	case "insist":
		n, _ := strconv.Atoi(rest)
		if err := insist(ctx, b, monitor(n)); err != nil {
			answer("failed %d %s", n, err)
			return
		}
		answer("added %d", n)
	case "know":
		if _, err := b.Barrier(ctx); err != nil {
			answer("unsure %s", err)
			return
		}
		var names []string
		for m := range b.State().Masters() {
			names = append(names, strings.TrimLeft(strings.TrimPrefix(m.Name, "m"), "0"))
		}
		answer("knows %s", strings.Join(names, ","))
	case "status":
		h := b.host.Load()
		leads := h != nil && h.lead.now().leader == h.replica
		answer("status %s %t %d", b.Health().Condition, leads, resident())
	}
}

// resident is the memory of this process in KiB.
func resident() int {
	text, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.Atoi(strings.Fields(value)[0])
			return n
		}
	}
	return 0
}

// child is a member in a process.
type child struct {
	t       testing.TB
	options Options
	process *spawn.Process
	in      io.Writer
	lines   chan string
	log     *logLines
}

// children prepares a group of processes and starts none.
func children(t testing.TB, n int, timing Timing) []*child {
	g := &group{t: t}
	var list []*child
	var addrs []string
	for range n {
		addrs = append(addrs, g.newAddr())
	}
	for _, addr := range addrs {
		c := &child{t: t, log: &logLines{}, options: Options{
			Dir: filepath.Join(memoryDir(t), "raft"), Addr: addr, Founders: addrs, Timing: timing, SnapshotEvery: 200, MinFree: 1,
		}}
		list = append(list, c)
		t.Cleanup(func() {
			c.kill()
			if t.Failed() {
				t.Logf("log of %s:\n%s", addr, c.log.tail(20))
			}
		})
	}
	return list
}

// start starts the child and waits until it is open.
func (c *child) start() {
	c.t.Helper()
	c.launch()
	c.hear("open")
}

func (c *child) launch() {
	c.t.Helper()
	text, err := json.Marshal(struct {
		Options
		Logger *int `json:",omitempty"`
	}{Options: c.options})
	if err != nil {
		c.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childOptions+"="+string(text))
	cmd.Stderr = c.log
	read, write, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd.Stdout = write
	if c.in, err = cmd.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	if c.process, err = spawn.Start(cmd); err != nil {
		c.t.Fatal(err)
	}
	_ = write.Close()
	c.lines = make(chan string, 100_000)
	go func(lines chan<- string) {
		defer close(lines)
		for in := bufio.NewReader(read); ; {
			line, err := in.ReadString('\n')
			if err != nil {
				_ = read.Close()
				return
			}
			lines <- strings.TrimSuffix(line, "\n")
		}
	}(c.lines)
}

// kill is kill -9.
func (c *child) kill() {
	if c.process != nil {
		c.process.Kill()
	}
}

func (c *child) signal(s syscall.Signal) {
	if err := c.process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) order(format string, args ...any) {
	_, _ = fmt.Fprintf(c.in, format+"\n", args...) // a child that was killed does not answer
}

// hear waits for an answer that begins with one of words, and returns it. Other
// answers are passed over.
func (c *child) hear(words ...string) []string {
	c.t.Helper()
	limit := time.NewTimer(2 * patience)
	defer limit.Stop()
	for {
		select {
		case line, ok := <-c.lines:
			if !ok {
				c.t.Fatalf("%s ended (%s) instead of saying %v", c.options.Addr, c.process.State(), words)
			}
			if answer := strings.Fields(line); slices.Contains(words, answer[0]) {
				return answer
			}
		case <-limit.C:
			c.t.Fatalf("%s does not say %v", c.options.Addr, words)
		}
	}
}

// ready waits until the child accepts changes.
func (c *child) ready() { c.t.Helper(); c.is(cluster.Ready) }

// is waits until the child is in a condition.
func (c *child) is(want cluster.Condition) {
	c.t.Helper()
	procs.Eventually(c.t, patience, func() error {
		c.order("status")
		if s := c.hear("status"); s[1] != want.String() {
			return fmt.Errorf("%s is %s", c.options.Addr, s[1])
		}
		return nil
	})
}

func (c *child) leads() bool {
	c.order("status")
	return c.hear("status")[2] == "true"
}

// knows returns the numbers of all masters that the child knows for sure.
func (c *child) knows() map[int]bool {
	c.t.Helper()
	all := map[int]bool{}
	procs.Eventually(c.t, patience, func() error {
		c.order("know")
		answer := c.hear("knows", "unsure")
		if answer[0] == "unsure" {
			return fmt.Errorf("%s: %v", c.options.Addr, answer)
		}
		for _, n := range strings.Split(strings.Join(answer[1:], ""), ",") {
			number, _ := strconv.Atoi(n)
			all[number] = true
		}
		return nil
	})
	return all
}

// TestKilled kills -9 one, two and all of three members in the middle of writes
// at all of them: whatever was acknowledged is known to everybody afterwards.
func TestKilled(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	list := children(t, 3, quick)
	for _, c := range list {
		c.start()
	}
	acked := map[int]bool{0: true}
	list[0].order("insist 0")
	list[0].hear("added")
	next := 1
	for round := range rounds {
		const burst = 60
		victims := victimsOf(list, round)
		for _, c := range list {
			for range burst {
				c.order("add %d", next)
				next++
			}
		}
		// In the middle of the burst: some are acknowledged, some are not.
		acked[number(victims[0].hear("added", "failed"))] = true
		for _, v := range victims {
			v.kill()
		}
		for _, c := range list {
			c.collect(acked, slices.Contains(victims, c), burst)
		}
		for _, v := range victims {
			v.start()
		}
		for _, c := range list {
			known := c.knows()
			for n := range acked {
				if !known[n] {
					t.Fatalf("round %d, %d killed: %s does not know %d, which was acknowledged", round, len(victims), c.options.Addr, n)
				}
			}
		}
	}
	t.Logf("%d of %d changes were acknowledged", len(acked), next)
}

// victimsOf chooses one of three, the leader, two with the leader, or all.
func victimsOf(list []*child, round int) []*child {
	leader := max(0, slices.IndexFunc(list, (*child).leads))
	a, b, c := list[leader], list[(leader+1)%3], list[(leader+2)%3]
	return [][]*child{{a}, {b}, {a, c}, {a, b, c}}[round%4]
}

func number(answer []string) int {
	n, _ := strconv.Atoi(answer[1])
	if answer[0] == "failed" {
		return 0 // which is always acknowledged
	}
	return n
}

// collect reads what was acknowledged: all there is of a child that was killed,
// else the answers to the whole burst.
func (c *child) collect(acked map[int]bool, killed bool, burst int) {
	c.t.Helper()
	if killed {
		for line := range c.lines {
			if answer := strings.Fields(line); answer[0] == "added" {
				acked[number(answer)] = true
			}
		}
		return
	}
	for range burst {
		acked[number(c.hear("added", "failed"))] = true
	}
}

// TestLeaderKilled measures the time from the death of the leader until a change
// is accepted by another member.
func TestLeaderKilled(t *testing.T) {
	list := children(t, 3, quick)
	for _, c := range list {
		c.start()
	}
	for round := range 3 {
		for _, c := range list {
			c.ready()
		}
		i := slices.IndexFunc(list, (*child).leads)
		if i < 0 {
			t.Fatal("nobody leads")
		}
		list[i].kill()
		begin := time.Now()
		other := list[(i+1)%3]
		other.order("insist %d", round+1)
		if answer := other.hear("added", "failed"); answer[0] != "added" {
			t.Fatalf("after the leader was killed: %v", answer)
		}
		t.Logf("accepted %s after the leader was killed", time.Since(begin))
		list[i].start()
	}
}

// TestFrozenLeader: a leader that is stopped (SIGSTOP) is replaced, and when it
// wakes up it is one of the others.
func TestFrozenLeader(t *testing.T) {
	list := children(t, 3, quick)
	for _, c := range list {
		c.start()
	}
	for _, c := range list {
		c.ready()
	}
	i := max(0, slices.IndexFunc(list, (*child).leads))
	list[i].signal(syscall.SIGSTOP)
	other := list[(i+1)%3]
	other.order("insist 1")
	if answer := other.hear("added", "failed"); answer[0] != "added" {
		t.Fatalf("while the leader is frozen: %v", answer)
	}
	list[i].signal(syscall.SIGCONT)
	list[i].order("insist 2")
	if answer := list[i].hear("added", "failed"); answer[0] != "added" {
		t.Fatalf("at the leader that woke up: %v", answer)
	}
	for _, c := range list {
		if known := c.knows(); !known[1] || !known[2] {
			t.Errorf("%s knows %v", c.options.Addr, known)
		}
	}
}
