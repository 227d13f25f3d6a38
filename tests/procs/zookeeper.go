package procs

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/tests/procs/spawn"
)

// ZooKeeperOpts are the options of StartZooKeeper.
type ZooKeeperOpts struct {
	// Servers is how many make up the ensemble, 1 if it is 0.
	Servers int
	// Tick is ZooKeeper's tickTime, 200 ms if it is 0. Session timeouts are
	// between two and twenty of it.
	Tick time.Duration
	// Config holds more lines for zoo.cfg.
	Config []string
	// Network gives each server a host of its own there.
	Network *Network
}

// ZooKeeper is an ensemble of ZooKeeper servers.
type ZooKeeper struct {
	Servers []*ZooKeeperServer
	t       testing.TB
	paths   atomic.Int64 // given out by newPath
}

// ZooKeeperServer is one process of an ensemble. Of the methods of the Server,
// those that speak RESP make no sense.
type ZooKeeperServer struct {
	*Server
	number         int // within the ensemble, from 1
	peer, election *spawn.Port
}

// jars are those of Debian's packages that a server needs.
var jars = []string{"zookeeper.jar", "slf4j-simple.jar", "netty-codec.jar", "netty-resolver.jar"}

// javaDir is where Debian keeps them.
const javaDir = "/usr/share/java"

// StartZooKeeper starts an ensemble and returns when it serves.
func StartZooKeeper(t testing.TB, o ZooKeeperOpts) *ZooKeeper {
	t.Helper()
	java := NeedTool(t, "java", "default-jre-headless")
	var classPath []string
	for _, jar := range jars {
		path := filepath.Join(javaDir, jar)
		if _, err := os.Stat(path); err != nil {
			Unavailable(t, "%s is not installed (apt-get install libzookeeper-java)", path)
		}
		classPath = append(classPath, path)
	}
	z := &ZooKeeper{t: t}
	for i := range max(1, o.Servers) {
		z.add(o, i+1, []string{
			java, "-Xms16m", "-Xmx160m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
			"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
			// The default allocates 64 MB of disk for each log file.
			"-Dzookeeper.preAllocSize=4096",
			// What the tests kill is the process, never the machine.
			"-Dzookeeper.forceSync=no",
			"-cp", strings.Join(classPath, ":"), "org.apache.zookeeper.server.quorum.QuorumPeerMain",
		})
	}
	for _, s := range z.Servers {
		if err := s.configure(o, z.Servers); err != nil {
			t.Fatal(err)
		}
	}
	z.Start()
	return z
}

func (z *ZooKeeper) add(o ZooKeeperOpts, number int, argv []string) {
	z.t.Helper()
	s := &ZooKeeperServer{number: number}
	p := plan{
		name:  fmt.Sprintf("ZooKeeper server %d", number),
		ready: func() error { _, err := s.Mode(); return err },
		files: func(string, state.Addr) error {
			if len(z.Servers) < max(1, o.Servers) {
				return nil // the others are not known yet: see configure
			}
			return s.configure(o, z.Servers)
		},
		argv: func(dir string, _ state.Addr) []string {
			return append(argv[:len(argv):len(argv)], filepath.Join(dir, "zoo.cfg"))
		},
	}
	if o.Network != nil {
		p.host = o.Network.Host()
	}
	s.Server = prepare(z.t, p)
	for _, port := range []**spawn.Port{&s.peer, &s.election} {
		var err error
		if *port, err = spawn.Reserve(); err != nil {
			z.t.Fatal(err)
		}
		z.t.Cleanup((*port).Release)
	}
	z.Servers = append(z.Servers, s)
}

// configure writes the configuration file.
func (s *ZooKeeperServer) configure(o ZooKeeperOpts, all []*ZooKeeperServer) error {
	tick := o.Tick
	if tick == 0 {
		tick = 200 * time.Millisecond
	}
	data := filepath.Join(s.Dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	lines := []string{
		"tickTime=" + strconv.FormatInt(tick.Milliseconds(), 10),
		// In ticks; a busy machine must not break the ensemble.
		"initLimit=100", "syncLimit=50",
		"dataDir=" + data,
		"clientPort=" + strconv.Itoa(s.Addr.Port), "clientPortAddress=" + s.Addr.Host,
		"admin.enableServer=false", "4lw.commands.whitelist=srvr", "maxClientCnxns=0",
	}
	if len(all) > 1 {
		for _, other := range all {
			lines = append(lines, fmt.Sprintf("server.%d=%s:%d:%d", other.number, other.Addr.Host, other.peer.Number, other.election.Number))
		}
		if err := writeLines(filepath.Join(data, "myid"), []string{strconv.Itoa(s.number)}); err != nil {
			return err
		}
	}
	return writeLines(filepath.Join(s.Dir, "zoo.cfg"), append(lines, o.Config...))
}

// Start starts these servers, or all that do not run, at the same time, and
// returns when they serve: of an ensemble a majority has to run.
func (z *ZooKeeper) Start(servers ...*ZooKeeperServer) {
	z.t.Helper()
	if len(servers) == 0 {
		for _, s := range z.Servers {
			if !s.Running() {
				servers = append(servers, s)
			}
		}
	}
	errs := make([]error, len(servers))
	var starts sync.WaitGroup
	for i, s := range servers {
		starts.Go(func() { errs[i] = s.tryStart() })
	}
	starts.Wait()
	if err := errors.Join(errs...); err != nil {
		z.t.Fatalf("ZooKeeper does not start: %v", err)
	}
}

// Kill kills all servers with SIGKILL.
func (z *ZooKeeper) Kill() {
	for _, s := range z.Servers {
		s.Kill()
	}
}

// Addrs are the addresses of the servers as clients want them, with commas
// between.
func (z *ZooKeeper) Addrs() string {
	var addrs []state.Addr
	for _, s := range z.Servers {
		addrs = append(addrs, s.Addr)
	}
	return joinAddrs(addrs)
}

// newPath is a path that nobody else uses, with nodes above it that are not there.
func (z *ZooKeeper) newPath() string { return fmt.Sprintf("/zk/tests/%d", z.paths.Add(1)) }

// Leader waits until a running server leads the ensemble, and returns it.
func (z *ZooKeeper) Leader() *ZooKeeperServer {
	z.t.Helper()
	var leader *ZooKeeperServer
	Eventually(z.t, clusterTimeout, func() error {
		for _, s := range z.Servers {
			if !s.Running() {
				continue
			}
			if mode, err := s.Mode(); err == nil && mode == "leader" {
				leader = s
				return nil
			}
		}
		return errors.New("no server of the ensemble leads it")
	})
	return leader
}

// Mode is what the server is: "standalone", "leader" or "follower". It is an
// error while it does not serve.
func (s *ZooKeeperServer) Mode() (string, error) {
	c, err := net.DialTimeout("tcp", s.Addr.String(), callTimeout)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(callTimeout)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, "srvr"); err != nil {
		return "", err
	}
	text, err := io.ReadAll(c)
	if err != nil {
		return "", err
	}
	mode, found := parseInfo(string(text))["Mode"]
	if !found {
		return "", fmt.Errorf("ZooKeeper at %s does not serve: %q", s.Addr, text)
	}
	return strings.TrimSpace(mode), nil
}
