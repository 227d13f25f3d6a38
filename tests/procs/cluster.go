package procs

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs/spawn"
)

// ClusterOpts are the options of NewCluster.
type ClusterOpts struct {
	// Nodes is how many members found the group, 3 if it is 0.
	Nodes int
	// Args are more flags, and the configuration file, the same for all.
	Args []string
	// Tick is raft's tick, 20 ms if it is 0; an election takes twenty. The
	// server's own default is 50 ms.
	Tick time.Duration
	// ZooKeeper has the members share a document there, at a path of their own,
	// instead of a raft group. They have no leader then, and no address among
	// themselves, and none joins: what starts is a member.
	ZooKeeper *ZooKeeper
	// Network gives each member a host of its own there.
	Network *Network
	// TLS has the members speak TLS only, but for what raft says.
	TLS *TLS
	// User and Password are for the calls of the test, when the configuration
	// demands them.
	User, Password string
}

// Cluster is a group of redis-failover nodes that hold one document, with the
// raft broker if its options do not say otherwise. Its methods belong to the test's own goroutine.
type Cluster struct {
	// Members are the founders, and then those that Join added, in this order.
	Members []*Member

	t        testing.TB
	opts     ClusterOpts
	founders []state.Addr
	path     string // in ZooKeeper
}

// Member is one node of a Cluster. The methods of the Server start and break it.
type Member struct {
	*Node
	// Index is its place in Cluster.Members.
	Index int
	// Raft is its address among the members.
	Raft state.Addr
	// Args are its flags besides the addresses and the data directory. A change
	// holds from the next start on.
	Args []string
	// Program is what is started, this version's if it is "". A change holds
	// from the next start on.
	Program string

	cluster *Cluster
	port    *spawn.Port // of Raft
	joins   bool
	id      state.MemberID
}

// NewCluster makes a group whose members do not run yet: see Cluster.Start.
func NewCluster(t testing.TB, o ClusterOpts) *Cluster {
	t.Helper()
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	if o.Tick == 0 {
		o.Tick = 20 * time.Millisecond
	}
	c := &Cluster{t: t, opts: o}
	if o.ZooKeeper != nil {
		c.path = o.ZooKeeper.newPath()
	}
	for range o.Nodes {
		c.founders = append(c.founders, c.add().Raft)
	}
	return c
}

// StartCluster is NewCluster for one that runs and has a majority.
func StartCluster(t testing.TB, o ClusterOpts) *Cluster {
	t.Helper()
	c := NewCluster(t, o)
	c.Start()
	c.AwaitReady()
	return c
}

// Join makes one more node, which does not run yet, and which waits, once
// started, to be added to the group.
func (c *Cluster) Join() *Member {
	c.t.Helper()
	m := c.add()
	m.joins = true
	return m
}

// add makes a node that has not been started.
func (c *Cluster) add() *Member {
	c.t.Helper()
	m := &Member{cluster: c, Node: &Node{}, Index: len(c.Members), Args: slices.Clone(c.opts.Args)}
	p := plan{
		name: fmt.Sprintf("redis-failover, member %d,", m.Index), user: c.opts.User, password: c.opts.Password, tls: c.opts.TLS,
		argv: m.argv,
	}
	if c.opts.Network != nil {
		p.host = c.opts.Network.Host()
	}
	m.Server = prepare(c.t, p)
	m.DataDir = filepath.Join(m.Dir, "data")
	m.takeRaftAddr()
	c.t.Cleanup(func() { m.port.Release() })
	c.Members = append(c.Members, m)
	return m
}

func (m *Member) takeRaftAddr() {
	m.t.Helper()
	port, err := spawn.Reserve()
	if err != nil {
		m.t.Fatal(err)
	}
	m.port, m.Raft = port, state.Addr{Host: hostIP(m.Host), Port: port.Number}
}

// argv is the command line of the next start.
func (m *Member) argv(_ string, addr state.Addr) []string {
	argv := append([]string{cmp.Or(m.Program, Binary(m.t))}, m.brokerFlags()...)
	argv = append(argv, m.cluster.opts.TLS.listenFlags(addr.String())...)
	if m.joins {
		argv = append(argv, "-raft_cluster_state=join")
	}
	return append(argv, m.Args...)
}

func (m *Member) brokerFlags() []string {
	if z := m.cluster.opts.ZooKeeper; z != nil {
		return []string{"-broker=zk", "-zk_addr=" + z.Addrs(), "-zk_path=" + m.cluster.path, "-data_dir=" + m.DataDir}
	}
	return []string{
		"-broker=raft", "-raft_addr=" + m.Raft.String(),
		"-raft_data_dir=" + m.DataDir, "-raft_cluster=" + joinAddrs(m.cluster.founders),
		fmt.Sprintf("-raft_rtt=%d", m.cluster.opts.Tick.Milliseconds()),
	}
}

func joinAddrs(addrs []state.Addr) string {
	var words []string
	for _, a := range addrs {
		words = append(words, a.String())
	}
	return strings.Join(words, ",")
}

// Move gives a member that does not run another address for clients and another
// among the members, both for its next start. In the list of founders, that who
// start later are given, the new one takes the place of the old.
func (m *Member) Move() {
	m.t.Helper()
	if m.Running() {
		m.t.Fatal("a member is moved while it does not run")
	}
	was, client, raft, raftAddr := m.Addr, m.Server.port, m.port, m.Raft
	m.Server.port = nil
	// The old ports are given back at the end: nobody else may answer there.
	m.t.Cleanup(func() { client.Release(); raft.Release() })
	if err := m.choose(); err != nil {
		m.t.Fatalf("find another address than %s: %v", was, err)
	}
	m.takeRaftAddr()
	for i, a := range m.cluster.founders {
		if a == raftAddr {
			m.cluster.founders[i] = m.Raft
		}
	}
}

// Command is the command line that the member is started with.
func (m *Member) Command() []string { return m.argv(m.Dir, m.Addr) }

// Start starts these members, or all that do not run, at the same time, and
// returns when they answer. That says nothing about a majority.
func (c *Cluster) Start(members ...*Member) {
	c.t.Helper()
	if len(members) == 0 {
		members = slices.DeleteFunc(slices.Clone(c.Members), (*Member).Running)
	}
	Binary(c.t) // its failure may end the test here only
	errs := make([]error, len(members))
	var starts sync.WaitGroup
	for i, m := range members {
		starts.Go(func() { errs[i] = m.tryStart() })
	}
	starts.Wait()
	for i, err := range errs {
		if err != nil {
			c.t.Fatalf("member %d at %s does not start: %v", members[i].Index, members[i].Addr, err)
		}
	}
}

// Kill kills these members, or all, with SIGKILL.
func (c *Cluster) Kill(members ...*Member) {
	if len(members) == 0 {
		members = c.Members
	}
	for _, m := range members {
		m.Server.Kill()
	}
}

// Running are the members that run; frozen ones do.
func (c *Cluster) Running() []*Member {
	return slices.DeleteFunc(slices.Clone(c.Members), func(m *Member) bool { return !m.Running() })
}

// Others are all members but these.
func (c *Cluster) Others(but ...*Member) []*Member {
	return slices.DeleteFunc(slices.Clone(c.Members), func(m *Member) bool { return slices.Contains(but, m) })
}

// AwaitReady waits until these members, or all that run, take part in a
// majority: what they say then is current, and they accept changes.
func (c *Cluster) AwaitReady(members ...*Member) {
	c.t.Helper()
	if len(members) == 0 {
		members = c.Running()
	}
	for _, m := range members {
		Eventually(c.t, clusterTimeout, m.Ready)
	}
}

// clusterTimeout is how long the members of a group may take to find together.
const clusterTimeout = time.Minute

// Ready returns nil if the member has heard from a majority since its start, and
// does not know that it has lost it; for Eventually.
func (m *Member) Ready() error {
	info, err := m.Info("document")
	if err == nil && info["document_condition"] != "ready" {
		err = fmt.Errorf("its document is %s: %s", info["document_condition"], info["document_reason"])
	}
	if err != nil {
		return fmt.Errorf("member %d at %s: %w", m.Index, m.Addr, err)
	}
	return nil
}

// Peers is what the member shows of all members, itself included: the rows of
// SENTINEL MEMBERS.
func (m *Member) Peers() ([]map[string]string, error) {
	replies, err := redis.Values(m.Do("SENTINEL", "MEMBERS"))
	if err != nil {
		return nil, err
	}
	var rows []map[string]string
	for _, reply := range replies {
		row, err := redis.StringMap(reply, nil)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// Leader waits until all running members name the same one as the leader of the
// engine, and returns it.
func (c *Cluster) Leader() *Member {
	c.t.Helper()
	var leader *Member
	Eventually(c.t, clusterTimeout, func() error {
		named := map[string]bool{}
		for _, m := range c.Running() {
			rows, err := m.Peers()
			if err != nil {
				return err
			}
			name := ""
			for _, row := range rows {
				if row["leader"] == "1" {
					name = row["engine-address"]
				}
			}
			named[name] = true
		}
		i := slices.IndexFunc(c.Members, func(m *Member) bool { return named[m.Raft.String()] })
		if len(named) != 1 || i < 0 {
			return fmt.Errorf("the members name the leaders %v", named)
		}
		leader = c.Members[i]
		return nil
	})
	return leader
}

// ID is who the member is, whatever its addresses; it must have been started.
func (m *Member) ID() state.MemberID {
	m.t.Helper()
	if m.id == "" {
		Eventually(m.t, clusterTimeout, func() error {
			id, err := redis.String(m.Do("SENTINEL", "MYID"))
			m.id = state.MemberID(id)
			return err
		})
	}
	return m.id
}

// Watched returns nil if the running members know of each other and have a
// healthy view of a group of that name, of which they all name the master and
// that many replicas; for Eventually.
func (c *Cluster) Watched(name string, master state.Addr, replicas int) error {
	for _, m := range c.Running() {
		if err := m.Sees(name, master, replicas, len(c.Members)-1); err != nil {
			return fmt.Errorf("member %d: %w", m.Index, err)
		}
	}
	return nil
}

// Named returns nil if all running members name the same master, that at addr;
// for Eventually.
func (c *Cluster) Named(name string, addr state.Addr) error {
	for _, m := range c.Running() {
		if err := m.NamesMaster(name, addr); err != nil {
			return fmt.Errorf("member %d: %w", m.Index, err)
		}
	}
	return nil
}

// Executor is the member that an event says carries out a failover; the test
// ends if it is none of ours. The event is "+vote-for-leader <id> <epoch>".
func (c *Cluster) Executor(vote Message) *Member {
	c.t.Helper()
	id, _, _ := strings.Cut(vote.Payload, " ")
	for _, m := range c.Members {
		if m.ID() == state.MemberID(id) {
			return m
		}
	}
	c.t.Fatalf("%s %s names none of the members", vote.Channel, vote.Payload)
	return nil
}
