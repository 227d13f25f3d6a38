package procs

import (
	"fmt"
	"strconv"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
)

// Sees returns nil if a sentinel, ours or another, shows a healthy view of a
// group of that name: the master, that many replicas, and that many other
// sentinels; for Eventually.
func (s *Server) Sees(name string, master state.Addr, replicas, sentinels int) error {
	m, err := redis.StringMap(s.Do("SENTINEL", "MASTER", name))
	if err != nil {
		return err
	}
	if m["flags"] != "master" || m["runid"] == "" || m["ip"]+":"+m["port"] != master.String() {
		return fmt.Errorf("the master at %s is shown at %s:%s with flags %q, run id %q", master, m["ip"], m["port"], m["flags"], m["runid"])
	}
	if m["num-other-sentinels"] != strconv.Itoa(sentinels) {
		return fmt.Errorf("%s other sentinels are known, not %d", m["num-other-sentinels"], sentinels)
	}
	rows, err := redis.Values(s.Do("SENTINEL", "REPLICAS", name))
	if err != nil {
		return err
	}
	if len(rows) != replicas {
		return fmt.Errorf("%d replicas are known, not %d", len(rows), replicas)
	}
	for _, row := range rows {
		r, err := redis.StringMap(row, nil)
		if err != nil {
			return err
		}
		if r["flags"] != "slave" || r["master-link-status"] != "ok" || r["runid"] == "" {
			return fmt.Errorf("a replica is shown as %v", r)
		}
	}
	return nil
}
