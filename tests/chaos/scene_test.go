package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/tests/procs"
)

const (
	// group is the name of the Redis group that fails over.
	group = "mymaster"
	// tick is raft's; an election takes twenty.
	tick = 10 * time.Millisecond
	// patience is how long the nodes may take to agree when all is well again.
	patience = time.Minute
)

// scene is what is broken: nodes and Redis servers on a fabric.
type scene struct {
	t       *testing.T
	fabric  *procs.Fabric
	cluster *procs.Cluster
	group   *procs.RedisGroup
	keepers []*procs.ZooKeeperServer // none with raft
	// births are, for each node, where in its log each of its processes begins.
	births [][]int64
	// bad are the faults of cables that hold, broken the nodes whose process is
	// killed or frozen.
	bad    []*fault
	broken []bool
	// ambush waits for a node to fail over; rescue undoes what became of one;
	// sprung counts them.
	ambush *fault
	rescue func()
	sprung int
}

// play starts nodes that watch a master with two replicas, each on a machine of
// its own.
func play(t *testing.T, size shape, strong bool) *scene {
	t.Helper()
	const replicas = servers - 1
	nodes := size.nodes
	s := &scene{t: t, fabric: procs.NewFabric(t), births: make([][]int64, nodes), broken: make([]bool, nodes)}
	s.group = procs.Group(t, replicas, procs.Opts{Network: s.fabric.Network, Config: []string{
		"repl-timeout 3", "repl-ping-replica-period 1", "repl-backlog-size 1mb",
	}})
	master := s.group.Master.Addr
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	lines := []string{
		fmt.Sprintf("sentinel monitor %s %s %d %d", group, master.Host, master.Port, nodes/2+1),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", group, downAfter.Milliseconds()),
		fmt.Sprintf("sentinel failover-timeout %s 3000", group),
		fmt.Sprintf("sentinel parallel-syncs %s %d", group, replicas),
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	opts := procs.ClusterOpts{
		Nodes: nodes, Tick: tick, Network: s.fabric.Network,
		Args: []string{"-check_interval=100", "-log_format=json", "-log_level=debug", fmt.Sprintf("-linearizable_reads=%t", strong)},
	}
	if size.keepers > 0 {
		opts.ZooKeeper = procs.StartZooKeeper(t, procs.ZooKeeperOpts{Servers: size.keepers, Network: s.fabric.Network})
		s.keepers = opts.ZooKeeper.Servers
		opts.Args = append(opts.Args, "-zk_session_timeout=2000")
	}
	opts.Args = append(opts.Args, file)
	s.cluster = procs.NewCluster(t, opts)
	for i := range s.births {
		s.births[i] = []int64{0}
	}
	s.cluster.Start()
	s.cluster.AwaitReady()
	procs.Eventually(t, patience, func() error { return s.cluster.Watched(group, master, replicas) })
	t.Cleanup(s.keep)
	return s
}

// keep copies the logs of a run that failed to where CHAOS_KEEP says.
func (s *scene) keep() {
	dir := os.Getenv("CHAOS_KEEP")
	if dir == "" || !s.t.Failed() {
		return
	}
	for i, m := range s.cluster.Members {
		file := filepath.Join(dir, fmt.Sprintf("%s-node%d.log", strings.ReplaceAll(s.t.Name(), "/", "-"), i))
		if err := os.WriteFile(file, []byte(m.Log()), 0o644); err != nil {
			s.t.Log(err)
		}
	}
}

// ips are the addresses of the machines, nodes first.
func (s *scene) ips() []string {
	var ips []string
	for _, m := range s.cluster.Members {
		ips = append(ips, m.Host.IP)
	}
	for _, r := range s.group.Servers() {
		ips = append(ips, r.Host.IP)
	}
	for _, k := range s.keepers {
		ips = append(ips, k.Host.IP)
	}
	return ips
}

// lay makes the ways as bad as the faults say that hold.
func (s *scene) lay() {
	ips := s.ips()
	ip := func(machine int) string {
		if machine == clients {
			return s.fabric.IP
		}
		return ips[machine]
	}
	ways := map[procs.Way]procs.Quality{}
	for from := clients; from < len(ips); from++ {
		for to := clients; to < len(ips); to++ {
			way := procs.Way{From: ip(from), To: ip(to)}
			for _, f := range s.bad {
				if from != to && f.on(from, to) {
					ways[way] = worse(ways[way], f.quality)
				}
			}
		}
	}
	s.fabric.Lay(ways)
}

// carryOut does what the plan says, and returns when its last fault is over and
// all processes run. claims are the ids of nodes that begin to carry a failover
// out, as they are heard.
func (s *scene) carryOut(faults []fault, claims <-chan string) {
	s.t.Helper()
	type moment struct {
		at   time.Duration
		what func()
	}
	var moments []moment
	for _, f := range faults {
		begin, end := s.prepare(f)
		moments = append(moments, moment{f.at, begin}, moment{f.at + f.lasts, end})
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	start := time.Now()
	for len(moments) > 0 {
		select {
		case <-time.After(moments[0].at - time.Since(start)):
			moments[0].what()
			moments = moments[1:]
		case id := <-claims:
			s.spring(id)
		}
	}
}

// prepare returns what begins and what ends a fault.
func (s *scene) prepare(f fault) (begin, end func()) {
	switch f.kind {
	case freeze, kill, stop:
		return s.onNode(f.machine, f.kind)
	case freezeMaster, killMaster:
		return s.onMaster(f.kind)
	case ambushFreeze, ambushKill:
		return s.onExecutor(f)
	case freezeKeeper, killKeeper, killKeepers:
		return s.onKeepers(f)
	}
	return func() { s.bad = append(s.bad, &f); s.lay() },
		func() { s.bad = slices.DeleteFunc(s.bad, func(other *fault) bool { return other == &f }); s.lay() }
}

// onNode breaks the process of a node, unless it is broken already.
func (s *scene) onNode(node int, k kind) (begin, end func()) {
	hit, m := false, s.cluster.Members[node]
	begin = func() {
		if s.broken[node] {
			return
		}
		hit, s.broken[node] = true, true
		switch k {
		case freeze:
			m.Freeze()
		case stop:
			m.Terminate()
		default:
			m.Kill()
		}
	}
	return begin, func() {
		if !hit {
			return
		}
		s.broken[node] = false
		if k == freeze {
			m.Thaw()
			return
		}
		m.Kill() // it may not have stopped yet
		s.revive(node)
	}
}

// revive starts a node again.
func (s *scene) revive(node int) {
	s.t.Helper()
	m := s.cluster.Members[node]
	s.births[node] = append(s.births[node], m.LogSize())
	if err := m.Spawn(); err != nil {
		s.t.Fatalf("node %d does not start again: %v", node, err)
	}
}

// onMaster is for the Redis server that calls itself a master when the fault
// begins; the first, if several do.
func (s *scene) onMaster(k kind) (begin, end func()) {
	var hit *procs.Server
	begin = func() {
		hit = s.group.Master
		for _, server := range s.group.Servers() {
			if server.IsMaster() == nil {
				hit = server
				break
			}
		}
		if k == freezeMaster {
			hit.Freeze()
		} else {
			hit.Kill()
		}
	}
	return begin, func() {
		if k == freezeMaster {
			hit.Thaw()
		} else if err := hit.Spawn(); err != nil {
			s.t.Fatalf("the server %v does not start again: %v", hit.Addr, err)
		}
	}
}

// onKeepers breaks one ZooKeeper server, or all.
func (s *scene) onKeepers(f fault) (begin, end func()) {
	hit := s.keepers
	if f.kind != killKeepers {
		one := f.machine - len(s.cluster.Members) - servers
		hit = s.keepers[one : one+1]
	}
	begin = func() {
		for _, k := range hit {
			if f.kind == freezeKeeper {
				k.Freeze()
			} else {
				k.Kill()
			}
		}
	}
	return begin, func() {
		for _, k := range hit {
			if f.kind == freezeKeeper {
				k.Thaw()
			} else if err := k.Spawn(); err != nil {
				s.t.Fatalf("the ZooKeeper server at %v does not start again: %v", k.Addr, err)
			}
		}
	}
}

// onExecutor kills the master, and lies in wait for the node that fails over.
func (s *scene) onExecutor(f fault) (begin, end func()) {
	lose, bring := s.onMaster(killMaster)
	begin = func() {
		lose()
		s.ambush = &f
	}
	return begin, func() {
		s.ambush = nil
		bring()
		if s.rescue != nil {
			s.rescue()
			s.rescue = nil
		}
	}
}

// spring hits a node that is heard to carry a failover out, if one is waited
// for.
func (s *scene) spring(id string) {
	f := s.ambush
	node := slices.IndexFunc(s.cluster.Members, func(m *procs.Member) bool { return string(m.ID()) == id })
	if f == nil || node < 0 {
		return
	}
	k := freeze
	if f.kind == ambushKill {
		k = kill
	}
	hit, rescue := s.onNode(node, k)
	<-time.After(f.after)
	hit()
	s.ambush, s.rescue = nil, rescue
	s.sprung++
}

// settle waits until all nodes have a majority and agree on everything, and the
// replicas follow the master.
func (s *scene) settle() {
	s.t.Helper()
	s.cluster.AwaitReady()
	procs.Eventually(s.t, patience, s.follows)
	procs.Eventually(s.t, patience, s.agree)
}

// follows returns nil if all nodes name the same master, which is one, and all
// other servers follow it.
func (s *scene) follows() error {
	master, err := s.cluster.Members[0].MasterAddr(group)
	if err == nil {
		err = s.cluster.Named(group, master)
	}
	if err != nil {
		return err
	}
	for _, server := range s.group.Servers() {
		err := server.Follows(master)
		if server.Addr == master {
			err = server.IsMaster()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// agreed are the fields of SENTINEL MASTER that come from the document.
var agreed = []string{"name", "ip", "port", "config-epoch", "quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs", "num-slaves", "num-other-sentinels"}

// agree returns nil if all nodes say the same of all masters and know the same
// members.
func (s *scene) agree() error {
	var first string
	for i, m := range s.cluster.Members {
		text, err := documentOf(m)
		if err != nil {
			return err
		}
		if i == 0 {
			first = text
		}
		if text != first {
			return fmt.Errorf("node 0 and node %d do not agree:\n%s\n%s", i, first, text)
		}
	}
	return nil
}

// documentOf is what a node says of all masters and members, the same words on
// each.
func documentOf(m *procs.Member) (string, error) {
	masters, err := redis.Values(m.Do("SENTINEL", "MASTERS"))
	if err != nil {
		return "", err
	}
	var lines []string
	for _, reply := range masters {
		fields, err := redis.StringMap(reply, nil)
		if err != nil {
			return "", err
		}
		var words []string
		for _, name := range agreed {
			words = append(words, name+"="+fields[name])
		}
		lines = append(lines, strings.Join(words, " "))
	}
	members := []string{string(m.ID())}
	others, err := redis.Values(m.Do("SENTINEL", "SENTINELS", group))
	for _, reply := range others {
		fields, fault := redis.StringMap(reply, nil)
		err = errors.Join(err, fault)
		members = append(members, fields["runid"])
	}
	slices.Sort(members)
	return strings.Join(append(lines, members...), "\n"), err
}

// lives reads what each process of each node wrote.
func (s *scene) lives() []life {
	var lives []life
	for i, m := range s.cluster.Members {
		log := m.Log()
		for process, begin := range s.births[i] {
			end := int64(len(log))
			if process+1 < len(s.births[i]) {
				end = s.births[i][process+1]
			}
			lives = append(lives, readLife(i, process, string(m.ID()), log[begin:end]))
		}
	}
	return lives
}
