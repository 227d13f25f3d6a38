// Redis-failover is a server that Redis clients take for Redis Sentinel: it
// watches masters and their replicas, fails over, and tells the clients.
//
//	redis-failover [flags] [CONFIG]
//	redis-failover export [flags] HOST:PORT > FILE
//	redis-failover import [flags] HOST:PORT < FILE
//	redis-failover healthy HOST:PORT
//
// See README.md, and -help for the flags.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"redis-failover/conf"
)

// version is set by the linker (see Makefile).
var version = "dev"

// Exit codes. crashCode is Sentinel's for SENTINEL SIMULATE-FAILURE.
const (
	okCode    = 0
	faultCode = 1
	crashCode = 99
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	if err != nil {
		if said := (logged{}); !errors.As(err, &said) { // standard error is for starts that fail
			fmt.Fprintln(os.Stderr, "redis-failover:", err)
		}
		os.Exit(faultCode)
	}
	os.Exit(okCode)
}

// run is the whole program: it returns when ctx ends or somebody sends
// SHUTDOWN, or with the reason why it cannot go on.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	if len(args) > 0 && (args[0] == "export" || args[0] == "import") {
		return move(ctx, args, os.Stdin, stdout)
	}
	if len(args) > 0 && args[0] == "healthy" {
		return healthy(ctx, args[1:], stdout)
	}
	cfg, err := conf.Load(args, environ)
	if err != nil {
		return faults(err)
	}
	switch {
	case cfg.Help:
		return conf.Usage(stdout)
	case cfg.Version:
		_, err := fmt.Fprintln(stdout, "redis-failover", version)
		return err
	}
	if err := preflight(cfg); err != nil {
		return err
	}
	if cfg.Check {
		_, err := fmt.Fprintf(stdout, "the configuration is good:\n%s", cfg.Summary())
		return err
	}
	level := newLogLevel(cfg.Log.Level)
	log, closeLog, err := newLogger(cfg.Log, level)
	if err != nil {
		return err
	}
	defer closeLog()
	return serve(ctx, cfg, log, level)
}

// faults puts the list of all faults below a line that says what it is.
func faults(err error) error {
	var all conf.Faults
	if errors.As(err, &all) && len(all) > 1 {
		return fmt.Errorf("%d faults in the configuration:\n%w", len(all), err)
	}
	return fmt.Errorf("fault in the configuration: %w", err)
}
