package main

import (
	"fmt"
	"log/slog"
	"os"

	"redis-failover/cluster/standalone"
	_ "redis-failover/tests/procs" // want ". imports tests/procs"
)

func main() {
	slog.SetDefault(standalone.Logger())
	fmt.Println("main may print")
	os.Exit(0)
}
