package main

import (
	"fmt"

	_ "redis-failover/server"
	_ "redis-failover/tests/procs" // want "examples/embed imports tests/procs"
)

func main() { fmt.Println("an example may print") }
