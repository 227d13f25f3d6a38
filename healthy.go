package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthyWithin is how long a node may take to answer that it lives.
const healthyWithin = 5 * time.Second

// healthy is "redis-failover healthy HOST:PORT": whether a node lives that serves
// HTTP there, for containers in which there is no other program to ask it.
func healthy(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("healthy takes one argument: redis-failover healthy HOST:PORT")
	}
	if _, _, err := net.SplitHostPort(args[0]); err != nil {
		return fmt.Errorf("healthy: give HOST:PORT: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, healthyWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+args[0]+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("healthy: %w", err)
	}
	// A proxy of the environment is for others.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the node does not answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the node at %s says %s", args[0], answer.Status)
	}
	_, err = fmt.Fprintln(stdout, "the node lives")
	return err
}
