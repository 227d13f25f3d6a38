package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs/spawn"
)

const (
	// startTimeout is how long a child may take until it answers.
	startTimeout = 20 * time.Second
	// stopTimeout is how long redis-failover may take to end by itself.
	stopTimeout = 5 * time.Second
)

// child is one server of the playground, of either kind.
type child struct {
	name string
	port int
	argv []string
	// terminal: what it writes goes to the terminal, not into a file.
	terminal bool
	proc     *spawn.Process
}

// addr is where the child listens.
func (c *child) addr() string { return fmt.Sprintf("127.0.0.1:%d", c.port) }

// start starts the child in dir and waits until it answers.
func (c *child) start(ctx context.Context, dir string) error {
	cmd := exec.Command(c.argv[0], c.argv[1:]...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if !c.terminal {
		log, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%d.log", c.port)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
	}
	proc, err := spawn.Start(cmd)
	if err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	c.proc = proc
	return c.awaitAnswer(ctx)
}

// awaitAnswer waits until the child answers PING.
func (c *child) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		err := c.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-look.C:
		case <-c.proc.Done():
			return fmt.Errorf("%s at %s ended at its start: %s", c.name, c.addr(), c.proc.State())
		case <-ctx.Done():
			return fmt.Errorf("%s at %s does not answer: %w", c.name, c.addr(), errors.Join(ctx.Err(), err))
		}
	}
}

func (c *child) ping(ctx context.Context) error {
	conn, err := redis.DialContext(ctx, "tcp", c.addr(), redis.DialReadTimeout(time.Second), redis.DialWriteTimeout(time.Second))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Do("PING")
	return err
}
