package main

import (
	"os"
	"os/signal"
	"syscall"
)

// standStill stops this process, as SENTINEL SIMULATE-FAILURE asks, and returns
// after somebody has woken it with SIGCONT: the signal may reach the thread that
// runs here last.
func standStill() {
	woken := make(chan os.Signal, 1)
	signal.Notify(woken, syscall.SIGCONT)
	defer signal.Stop(woken)
	if syscall.Kill(os.Getpid(), syscall.SIGSTOP) == nil {
		<-woken
	}
}
