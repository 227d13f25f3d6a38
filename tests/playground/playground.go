package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"redis-failover/tests/procs/spawn"
)

const (
	// sentinelPort is where clients expect a Sentinel.
	sentinelPort = 26379
	// away is how long a child that ended stays so: long enough for a failover
	// and for a look around, short enough to see the old master come back.
	away = 20 * time.Second
)

// playground is a group of Redis servers with the nodes of redis-failover that
// watch them. One goroutine, that of run, owns it.
type playground struct {
	dir     string
	out     io.Writer
	redises []*child // the first one is the master at the start
	nodes   []*child // the first one is on the usual port, and writes to the terminal
	ports   []*spawn.Port
	// ended and back tell of children that ended, and that may start again.
	ended, back chan *child
}

// build starts everything.
func (p *playground) build(ctx context.Context, program string, nodes int) error {
	redisServer, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("%w (on Debian: apt-get install redis-server)", err)
	}
	program, err = filepath.Abs(program)
	if err != nil {
		return err
	}
	const servers = 3
	for range servers {
		if err := p.addRedis(ctx, redisServer); err != nil {
			return err
		}
	}
	return p.addNodes(ctx, program, nodes)
}

// addRedis starts a redis-server; all but the first are replicas of the first.
func (p *playground) addRedis(ctx context.Context, program string) error {
	port, err := p.reserve()
	if err != nil {
		return err
	}
	dir := filepath.Join(p.dir, fmt.Sprint(port))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	lines := []string{
		"bind 127.0.0.1", fmt.Sprintf("port %d", port), fmt.Sprintf("dir %q", dir),
		`save ""`, "repl-diskless-sync-delay 0",
	}
	if len(p.redises) > 0 {
		lines = append(lines, fmt.Sprintf("replicaof 127.0.0.1 %d", p.redises[0].port))
	}
	// A file, not arguments: redis-failover has the servers save their new
	// roles, so that they come back with them.
	file := filepath.Join(dir, "redis.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	c := &child{name: "redis-server", port: port, argv: []string{program, file}}
	p.redises = append(p.redises, c)
	return p.start(ctx, c)
}

// addNodes starts one redis-failover that works alone, or several that hold one
// document together.
func (p *playground) addNodes(ctx context.Context, program string, count int) error {
	members := make([]string, count)
	for i := range members {
		port, err := p.reserve()
		if err != nil {
			return err
		}
		members[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	for i := range count {
		argv := []string{
			program, "-data_dir=" + filepath.Join(p.dir, fmt.Sprintf("node%d", i)), "-masters=mymaster=" + p.redises[0].addr(),
		}
		if count > 1 {
			argv = append(argv, "-raft_addr="+members[i], "-raft_cluster="+strings.Join(members, ","))
		}
		if err := p.addNode(ctx, argv); err != nil {
			return err
		}
	}
	return nil
}

// addNode starts a redis-failover, the first one on the usual port unless that
// is taken.
func (p *playground) addNode(ctx context.Context, argv []string) error {
	first := len(p.nodes) == 0
	port := sentinelPort
	if !first || !free(port) {
		var err error
		if port, err = p.reserve(); err != nil {
			return err
		}
	}
	c := &child{name: "redis-failover", port: port, terminal: first, argv: append(argv, fmt.Sprintf("-addr=127.0.0.1:%d", port))}
	p.nodes = append(p.nodes, c)
	return p.start(ctx, c)
}

// free reports whether a port can be listened on.
func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	return err == nil && l.Close() == nil
}

// reserve finds a free port and keeps it.
func (p *playground) reserve() (int, error) {
	port, err := spawn.Reserve()
	if err != nil {
		return 0, err
	}
	p.ports = append(p.ports, port)
	return port.Number, nil
}

// start starts a child, and has its end reported.
func (p *playground) start(ctx context.Context, c *child) error {
	if err := c.start(ctx, p.dir); err != nil {
		return err
	}
	proc := c.proc
	go func() {
		select {
		case <-proc.Done():
			tell(ctx, p.ended, c)
		case <-ctx.Done():
		}
	}()
	return nil
}

func tell(ctx context.Context, to chan<- *child, c *child) {
	select {
	case to <- c:
	case <-ctx.Done():
	}
}

// supervise brings back the children that end, whoever ended them, until ctx
// ends.
func (p *playground) supervise(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-p.ended:
			fmt.Fprintf(p.out, "\n%s at %s (process %d) ended: %s; it comes back in %v\n\n", c.name, c.addr(), c.proc.Pid(), c.proc.State(), away)
			time.AfterFunc(away, func() { tell(ctx, p.back, c) })
		case c := <-p.back:
			if err := p.start(ctx, c); err != nil && ctx.Err() == nil {
				return err
			}
			fmt.Fprintf(p.out, "\n%s at %s is back as process %d\n\n", c.name, c.addr(), c.proc.Pid())
		}
	}
}

// stop ends all children: redis-failover first, so that it does not take the
// end of the others for an accident.
func (p *playground) stop() {
	var nodes sync.WaitGroup
	for _, c := range p.nodes {
		if c.proc != nil {
			nodes.Go(func() {
				_ = c.proc.Stop(stopTimeout) // one that does not listen, or is frozen, is killed
				c.proc.Kill()
			})
		}
	}
	nodes.Wait()
	for _, c := range p.redises {
		if c.proc != nil {
			c.proc.Kill()
		}
	}
	for _, port := range p.ports {
		port.Release()
	}
}

// guide says what there is and what to type.
func (p *playground) guide() string {
	master := p.redises[0]
	cli := fmt.Sprintf("redis-cli -p %d", p.nodes[0].port)
	var b strings.Builder
	b.WriteString("\n")
	for _, c := range p.nodes {
		fmt.Fprintf(&b, "redis-failover (process %d) at %s watches mymaster\n", c.proc.Pid(), c.addr())
	}
	for i, c := range p.redises {
		role := "replica"
		if i == 0 {
			role = "master "
		}
		fmt.Fprintf(&b, "  %s  %s  process %d\n", role, c.addr(), c.proc.Pid())
	}
	b.WriteString("\nType in another terminal:\n")
	lines := [][2]string{
		{"where is the master?", cli + " SENTINEL GET-MASTER-ADDR-BY-NAME mymaster"},
		{"watch what happens", cli + " PSUBSCRIBE '*'"},
		{"kill the master", fmt.Sprintf("kill -9 %d", master.proc.Pid())},
		{"or freeze it", fmt.Sprintf("kill -STOP %d", master.proc.Pid())},
		{"and thaw it", fmt.Sprintf("kill -CONT %d", master.proc.Pid())},
		{"switch the master", cli + " SENTINEL FAILOVER mymaster"},
		{"all about it", cli + " SENTINEL MASTER mymaster"},
	}
	if len(p.nodes) > 1 {
		lines = append(lines, [2]string{"how are the nodes?", cli + " SENTINEL MEMBERS"},
			[2]string{"kill a node", fmt.Sprintf("kill -9 %d", p.nodes[len(p.nodes)-1].proc.Pid())})
	}
	for _, line := range lines {
		fmt.Fprintf(&b, "  %-22s%s\n", line[0], line[1])
	}
	fmt.Fprintf(&b, "\nWhat is killed comes back after %v, under a new process id. Ctrl-C ends everything.\n\n", away)
	return b.String()
}
