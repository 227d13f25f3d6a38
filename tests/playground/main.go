// Playground starts a master with two replicas and one or several nodes of
// redis-failover on loopback, says what to type, and supervises them until
// Ctrl-C. "make run" and "make run NODES=3" are the usual ways in.
//
// It lives among the tests because it shares with them how processes are
// started (tests/procs/spawn): nothing outlives it, whatever happens to it or to
// its children.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	nodes := flag.Int("nodes", 1, "how many nodes of redis-failover, 1 to 9")
	flag.Parse()
	if flag.NArg() != 1 || *nodes < 1 || *nodes > 9 {
		fmt.Fprintln(os.Stderr, "usage: playground [-nodes 1..9] PATH-OF-REDIS-FAILOVER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, flag.Arg(0), *nodes, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "playground:", err)
		os.Exit(1)
	}
}

// run plays until ctx ends, which is no error, and removes all it made.
func run(ctx context.Context, program string, nodes int, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "redis-failover-playground-")
	if err != nil {
		return err
	}
	p := &playground{dir: dir, out: out, ended: make(chan *child), back: make(chan *child)}
	defer func() {
		p.stop()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err := p.build(ctx, program, nodes); err != nil {
		if ctx.Err() != nil {
			return nil // Ctrl-C while it started
		}
		return err
	}
	if _, err := fmt.Fprint(out, p.guide()); err != nil {
		return err
	}
	err = p.supervise(ctx)
	fmt.Fprintln(out, "\nending all of it …")
	return err
}
