package cluster

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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

// TestMain runs more scenes at a time than there are processors: they wait for
// most of their time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	m.Run()
}

// stage says what a scene is made of; the zero value is three nodes that watch
// a master with two replicas.
type stage struct {
	// nodes is their number, 3 if it is 0.
	nodes int
	// zookeeper has the nodes share a document there; nil is a raft group.
	zookeeper *procs.ZooKeeper
	// network gives every process a machine of its own.
	network bool
	// redis are the options of the servers; with TLS it holds for the nodes too.
	redis procs.Opts
	// conf are more lines of the nodes' sentinel.conf.
	conf []string
	// args are more flags of the nodes.
	args []string
}

// scene is a group of Redis servers, the nodes that watch it, and a subscriber
// to all that each of them says.
type scene struct {
	*procs.RedisGroup
	t     *testing.T
	nodes *procs.Cluster
	// events are what the nodes said, by their place, and switched is when each
	// of them said the last +switch-master that switchAt returned.
	events   []*procs.Recorder
	switched []time.Time
}

// play sets a scene. It returns when the nodes have seen everybody well.
func play(t *testing.T, st stage) *scene {
	t.Helper()
	if st.nodes == 0 {
		st.nodes = 3
	}
	var network *procs.Network
	if st.network {
		network = procs.NewNetwork(t)
		st.redis.Network = network
	}
	s := &scene{t: t, RedisGroup: procs.Group(t, 2, st.redis)}
	file := writeConf(t, append([]string{
		fmt.Sprintf("sentinel monitor %s %s %d %d", group, s.Master.Addr.Host, s.Master.Addr.Port, st.nodes/2+1),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", group, downAfter.Milliseconds()),
	}, st.conf...))
	s.nodes = procs.StartCluster(t, procs.ClusterOpts{Nodes: st.nodes, ZooKeeper: st.zookeeper, Network: network, TLS: st.redis.TLS, Args: append(slices.Clone(st.args), file)})
	s.watched(s.Master)
	s.listen()
	return s
}

// onEachBroker runs a test on raft, and on a ZooKeeper server.
func onEachBroker(t *testing.T, test func(*testing.T, stage)) {
	t.Run("raft", func(t *testing.T) { test(t, stage{}) })
	t.Run("zk", func(t *testing.T) {
		test(t, stage{zookeeper: procs.StartZooKeeper(t, procs.ZooKeeperOpts{Tick: time.Second})})
	})
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

// watched waits until all running nodes have a healthy view of everybody.
func (s *scene) watched(master *procs.Server) {
	s.t.Helper()
	procs.Eventually(s.t, patience, func() error { return s.nodes.Watched(group, master.Addr, len(s.Replicas)) })
}

// listen subscribes anew at every running node, and puts a mark into what they
// say: what comes before it was agreed on before, however late it is said.
func (s *scene) listen() {
	s.t.Helper()
	s.events = make([]*procs.Recorder, len(s.nodes.Members))
	s.switched = make([]time.Time, len(s.nodes.Members))
	for _, m := range s.nodes.Running() {
		s.events[m.Index] = procs.Subscribe(s.t, m.Server, "*")
	}
	change(s.t, s.nodes.Running()[0], "SET", group, "parallel-syncs", 1)
	for _, m := range s.nodes.Running() {
		s.events[m.Index].Await(patience, isMark)
	}
}

// isMark reports whether a message is the mark of listen.
func isMark(m procs.Message) bool {
	return m.Channel == state.EventSet && strings.HasSuffix(m.Payload, " parallel-syncs 1")
}

// await waits until a node says an event with that payload.
func (s *scene) await(at *procs.Member, event, payload string) procs.Message {
	s.t.Helper()
	return s.events[at.Index].Await(patience, func(m procs.Message) bool { return m.Channel == event && m.Payload == payload })
}

// switchAt waits until a node says that the group has left a master, and
// returns where it went. A server may be the master more than once in a scene,
// so the switches that were returned before do not count.
func (s *scene) switchAt(at *procs.Member, old *procs.Server) *procs.Server {
	s.t.Helper()
	begin := fmt.Sprintf("%s %s %d ", group, old.Addr.Host, old.Addr.Port)
	m := s.events[at.Index].Await(patience, func(m procs.Message) bool {
		return m.Channel == state.EventSwitch && m.At.After(s.switched[at.Index]) && strings.HasPrefix(m.Payload, begin)
	})
	s.switched[at.Index] = m.At
	for _, r := range s.Servers() {
		if strings.TrimPrefix(m.Payload, begin) == fmt.Sprintf("%s %d", r.Addr.Host, r.Addr.Port) {
			return r
		}
	}
	s.t.Fatalf("%s %s leads to no server of the group", m.Channel, m.Payload)
	return nil
}

// agree waits until all running nodes name a server as the master, the server
// says so too, and the others follow it.
func (s *scene) agree(master *procs.Server, followers ...*procs.Server) {
	s.t.Helper()
	s.agreeAt(s.nodes.Running(), master, followers...)
}

// agreeAt is agree for some of the nodes.
func (s *scene) agreeAt(members []*procs.Member, master *procs.Server, followers ...*procs.Server) {
	s.t.Helper()
	for _, m := range members {
		procs.Eventually(s.t, patience, func() error { return m.NamesMaster(group, master.Addr) })
	}
	procs.Eventually(s.t, patience, master.IsMaster)
	for _, f := range followers {
		procs.Eventually(s.t, patience, func() error { return f.Follows(master.Addr) })
	}
}

// others are the servers of the group but these.
func (s *scene) others(but ...*procs.Server) []*procs.Server {
	return slices.DeleteFunc(s.Servers(), func(o *procs.Server) bool { return slices.Contains(but, o) })
}

// local are the events that each node says for itself, when it sees what they
// tell, or that it does not say of itself; all others are of the document, the
// same on every node.
var local = []string{
	state.EventSDown, state.EventSDownEnd, state.EventReboot, state.EventRoleAgrees, state.EventRoleDisagrees,
	"+tilt", "-tilt", "+sentinel", state.EventConfigFrom,
}

// agreed are the events of the document that a node has said since the mark of
// listen.
func (s *scene) agreed(at *procs.Member) []string {
	messages := s.events[at.Index].Messages()
	begin := slices.IndexFunc(messages, isMark) + 1
	var lines []string
	for _, m := range messages[begin:] {
		if !slices.Contains(local, m.Channel) {
			lines = append(lines, m.Channel+" "+m.Payload)
		}
	}
	return lines
}

// sameStory waits until these nodes have said the same events of the document,
// each once and in the same order.
func (s *scene) sameStory(members ...*procs.Member) []string {
	s.t.Helper()
	var story []string
	procs.Eventually(s.t, patience, func() error {
		story = s.agreed(members[0])
		for _, m := range members[1:] {
			if other := s.agreed(m); !slices.Equal(other, story) {
				return fmt.Errorf("members %d and %d tell different stories:\n%s\n\n%s", members[0].Index, m.Index,
					strings.Join(story, "\n"), strings.Join(other, "\n"))
			}
		}
		return nil
	})
	return story
}

// count is how many lines of a story are of an event.
func count(story []string, event string) int {
	n := 0
	for _, line := range story {
		if strings.HasPrefix(line, event+" ") {
			n++
		}
	}
	return n
}

// checkOnePromotion fails the test if a story promotes twice in one epoch, or
// if an epoch comes twice or goes back.
func (s *scene) checkOnePromotion(story []string) {
	s.t.Helper()
	last, promoted := 0, false
	for _, line := range story {
		event, payload, _ := strings.Cut(line, " ")
		switch event {
		case state.EventNewEpoch:
			var epoch int
			if _, err := fmt.Sscan(payload, &epoch); err != nil || epoch <= last {
				s.t.Errorf("%q after the epoch %d (%v)", line, last, err)
			}
			last, promoted = epoch, false
		case state.EventPromoted:
			if promoted {
				s.t.Errorf("two promotions in epoch %d:\n%s", last, strings.Join(story, "\n"))
			}
			promoted = true
		}
	}
}

// ofMaster and ofReplica are the details of a server in an event.
func ofMaster(m *procs.Server) string { return state.MasterDetails(group, m.Addr) }

// change has a node accept a change that may be repeated. A busy disk delays
// heartbeats, so the group may be without a leader for a moment.
func change(t *testing.T, at *procs.Member, call ...any) {
	t.Helper()
	procs.Eventually(t, patience, func() error {
		_, err := at.Do("SENTINEL", call...)
		if call[0] == "REMOVE" && err != nil && strings.Contains(err.Error(), "No such master") {
			return nil // of the attempt before it is not known that it succeeded
		}
		return err
	})
}

// refused returns nil if a reply is an error that begins with a word.
func refused(err error, word string) error {
	if refusal, ok := err.(redis.Error); !ok || !strings.HasPrefix(string(refusal), word+" ") {
		return fmt.Errorf("the reply is %v, not an error that begins with %s", err, word)
	}
	return nil
}
