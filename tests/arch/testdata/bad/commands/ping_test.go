package commands

import (
	"fmt"
	"os"

	_ "github.com/redis/go-redis/v9"
)

var calls int

func Example() {
	calls++
	fmt.Println("PONG")
	os.Exit(calls)
}
