package system

import (
	"fmt"
	"net"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
)

// caller is the address of a server that procs did not start.
type caller string

// do sends one command over a connection of its own.
func (c caller) do(command string, args ...any) (any, error) {
	const limit = 2 * time.Second
	conn, err := redis.Dial("tcp", string(c),
		redis.DialConnectTimeout(limit), redis.DialReadTimeout(limit), redis.DialWriteTimeout(limit))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.Do(command, args...)
}

// watches returns nil if the server watches a master at an address and has
// reached it.
func (c caller) watches(name string, addr state.Addr) error {
	m, err := redis.StringMap(c.do("SENTINEL", "MASTER", name))
	if err != nil {
		return err
	}
	if got := net.JoinHostPort(m["ip"], m["port"]); got != addr.String() || m["flags"] != "master" || m["runid"] == "" {
		return fmt.Errorf("master %q is shown at %s with flags %q and run id %q", name, got, m["flags"], m["runid"])
	}
	return nil
}
