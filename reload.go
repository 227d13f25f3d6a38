package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// reload is something that is read from files and can be read anew.
type reload struct {
	// what is named in the log.
	what string
	// do reads it; after an error everything is as it was.
	do func() error
}

// hangups has SIGHUP end nothing and be heard by whoever reads the channel, until
// stop is called.
func hangups() (heard <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// reloadAll reads everything anew with each SIGHUP, until ctx ends.
func reloadAll(ctx context.Context, heard <-chan os.Signal, all []reload, tell manager, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-heard:
		}
		tell.tell(isReloading)
		for _, r := range all {
			if err := r.do(); err != nil {
				log.Error("SIGHUP: what there was stays in use", "of", r.what, "error", err)
				continue
			}
			log.Info("SIGHUP: read anew", "what", r.what)
		}
		tell.tell(isReady)
	}
}
