// Playground starts a master with two replicas and redis-failover on loopback,
// says what to type, and supervises them until Ctrl-C. "make run" is its usual
// way in.
//
// It lives among the tests because it shares with them how processes are
// started (tests/procs/spawn): nothing outlives it, whatever happens to it or to
// its children.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: playground PATH-OF-REDIS-FAILOVER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "playground:", err)
		os.Exit(1)
	}
}

// run plays until ctx ends, which is no error, and removes all it made.
func run(ctx context.Context, program string, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "redis-failover-playground-")
	if err != nil {
		return err
	}
	p := &playground{dir: dir, out: out, ended: make(chan *child), back: make(chan *child)}
	defer func() {
		p.stop()
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if err := p.build(ctx, program); err != nil {
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
