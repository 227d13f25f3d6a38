package system

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs"
)

const (
	// group is the name that the groups are watched by.
	group = "mymaster"
	// downAfter is short, so that the tests are, and long enough for healthy
	// servers on a machine that is busy with other tests.
	downAfter = time.Second
	// patience is how long that may take which has to happen.
	patience = 60 * time.Second
)

// stage says what a scene is made of.
type stage struct {
	// replicas is their number, 2 if it is 0; none is -1.
	replicas int
	// redis are the options of the servers; with TLS it holds for the node too.
	redis procs.Opts
	// conf are more lines of the sentinel.conf.
	conf []string
	// args are more flags of redis-failover.
	args []string
	// unseen starts without waiting until the replicas are known.
	unseen bool
}

// scene is a group of Redis servers, the redis-failover that watches it, and a
// subscriber to all that it says.
type scene struct {
	*procs.RedisGroup
	t      *testing.T
	node   *procs.Node
	events *procs.Recorder
	// lastSwitch is when the last switch that switchFrom returned was heard.
	lastSwitch time.Time
	// file is the sentinel.conf that the node was started with.
	file string
}

// play sets a scene. It returns when the node has seen everybody well.
func play(t *testing.T, st stage) *scene {
	t.Helper()
	replicas := st.replicas
	switch replicas {
	case 0:
		replicas = 2
	case -1:
		replicas = 0
	}
	s := &scene{t: t, RedisGroup: procs.Group(t, replicas, st.redis)}
	s.file = writeConf(t, append([]string{
		fmt.Sprintf("sentinel monitor %s %s %d 1", group, s.Master.Addr.Host, s.Master.Addr.Port),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", group, downAfter.Milliseconds()),
	}, st.conf...))
	s.node = procs.StartNode(t, procs.NodeOpts{Args: append(slices.Clone(st.args), s.file), TLS: st.redis.TLS})
	if !st.unseen {
		procs.Eventually(t, patience, s.watched)
	}
	s.events = procs.Subscribe(t, s.node.Server, "*")
	return s
}

// writeConf writes a configuration file and returns its path.
func writeConf(t *testing.T, lines []string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// watched returns nil when the node has a healthy view of the group as it was
// started.
func (s *scene) watched() error {
	m, err := masterEntry(s.node, group)
	if err != nil {
		return err
	}
	if m["flags"] != "master" || m["runid"] == "" {
		return fmt.Errorf("the master is shown with flags %q and run id %q", m["flags"], m["runid"])
	}
	rows, err := replicaEntries(s.node, group)
	if err != nil {
		return err
	}
	for _, r := range s.Replicas {
		row, ok := rows[r.Addr.String()]
		if !ok || row["flags"] != "slave" || row["master-link-status"] != "ok" || row["runid"] == "" {
			return fmt.Errorf("replica %s is shown as %v", r.Addr, row)
		}
	}
	return nil
}

// masterEntry is SENTINEL MASTER as fields and values.
func masterEntry(n *procs.Node, name string) (map[string]string, error) {
	return redis.StringMap(n.Do("SENTINEL", "MASTER", name))
}

// replicaEntries is SENTINEL REPLICAS as fields and values, by the replica's
// name.
func replicaEntries(n *procs.Node, name string) (map[string]map[string]string, error) {
	list, err := redis.Values(n.Do("SENTINEL", "REPLICAS", name))
	if err != nil {
		return nil, err
	}
	entries := map[string]map[string]string{}
	for _, fields := range list {
		entry, err := redis.StringMap(fields, nil)
		if err != nil {
			return nil, err
		}
		entries[entry["name"]] = entry
	}
	return entries, nil
}

// switchFrom waits for the next +switch-master that leads away from a server,
// and returns where it leads to. A server may be the master more than once in a
// scene, so the switches that were returned before do not count.
func (s *scene) switchFrom(old *procs.Server) *procs.Server {
	s.t.Helper()
	begin := fmt.Sprintf("%s %s %d ", group, old.Addr.Host, old.Addr.Port)
	m := s.events.Await(patience, func(m procs.Message) bool {
		return m.Channel == state.EventSwitch && m.At.After(s.lastSwitch) && strings.HasPrefix(m.Payload, begin)
	})
	s.lastSwitch = m.At
	host, port, _ := strings.Cut(strings.TrimPrefix(m.Payload, begin), " ")
	number, err := strconv.Atoi(port)
	if err != nil {
		s.t.Fatalf("%s %s: the new port is no number", m.Channel, m.Payload)
	}
	return s.At(state.Addr{Host: host, Port: number})
}

// agree waits until the node names a server as the master, the server says so
// too, and the others follow it.
func (s *scene) agree(master *procs.Server, followers ...*procs.Server) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error { return s.node.NamesMaster(group, master.Addr) })
	procs.Eventually(s.t, patience, master.IsMaster)
	for _, f := range followers {
		procs.Eventually(s.t, patience, func() error { return f.Follows(master.Addr) })
	}
}

// others are the servers of the group but these.
func (s *scene) others(but ...*procs.Server) []*procs.Server {
	return slices.DeleteFunc(s.Servers(), func(o *procs.Server) bool { return slices.Contains(but, o) })
}

// await waits for an event with that payload.
func (s *scene) await(event, payload string) procs.Message {
	s.t.Helper()
	return s.events.Await(patience, func(m procs.Message) bool { return m.Channel == event && m.Payload == payload })
}

// count is how many events of a name have come.
func (s *scene) count(event string) int { return count(s.events, event) }

func count(r *procs.Recorder, event string) int {
	n := 0
	for _, m := range r.Messages() {
		if m.Channel == event {
			n++
		}
	}
	return n
}

// refuteEvents fails the test if one of these events has come.
func (s *scene) refuteEvents(names ...string) {
	s.t.Helper()
	for _, m := range s.events.Messages() {
		if slices.Contains(names, m.Channel) {
			s.t.Errorf("%s %s came; all events:\n%s", m.Channel, m.Payload, s.events)
			return
		}
	}
}

// ofMaster and ofReplica are the details of a server in an event.
func ofMaster(m *procs.Server) string { return state.MasterDetails(group, m.Addr) }

func ofReplica(r, master *procs.Server) string {
	return state.ReplicaDetails(r.Addr, group, master.Addr)
}

// lines are messages as "channel payload".
func lines(messages []procs.Message) []string {
	text := make([]string, 0, len(messages))
	for _, m := range messages {
		text = append(text, m.Channel+" "+m.Payload)
	}
	return text
}

// replicated writes a value to the master and waits until the replicas have it.
func (s *scene) replicated(master *procs.Server, key, value string, replicas ...*procs.Server) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error {
		_, err := master.Do("SET", key, value)
		return err
	})
	for _, r := range replicas {
		procs.Eventually(s.t, patience, func() error { return holds(r, key, value) })
	}
}

// holds returns nil if a server has that value.
func holds(s *procs.Server, key, value string) error {
	got, err := redis.String(s.Do("GET", key))
	if err != nil || got != value {
		return fmt.Errorf("%s at %s is %q (%v), not %q", key, s.Addr, got, err, value)
	}
	return nil
}

// runID is the run id of a server.
func runID(t *testing.T, s *procs.Server) string {
	t.Helper()
	info, err := s.Info("server")
	if err != nil {
		t.Fatal(err)
	}
	return info["run_id"]
}
