package state

import (
	"math/rand/v2"
	"testing"
	"time"

	_ "github.com/gomodule/redigo/redis"
	_ "github.com/tidwall/redcon" // want "import of github.com/tidwall/redcon"
	_ "redis-failover/tests/procs"
)

func Test(t *testing.T) {
	go time.Now()
	rand.Int()
	time.Sleep(time.Second) // want "use of time.Sleep"
}
