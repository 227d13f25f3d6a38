package procs

// # Cutting cables
//
// What a dead machine or a cut cable looks like cannot be had on loopback: a
// killed process still answers (with RST, by its kernel), and a frozen one
// still accepts connections. So a Network gives servers machines of their own:
//
//	the test's own machine          the hub (a namespace)        a Host (a namespace)
//	  rf<pid>-<n>, 10.x.y.1  ───  tests ── bridge ── h2  ─────────  eth0, 10.x.y.2
//	                                         └───── h3  ─────────  eth0, 10.x.y.3
//
// The bridge is in a namespace of its own because firewalls of the machine
// (those of container engines, mostly) filter what passes a bridge beside them.
//
// A cut makes packets vanish in silence, both ways, established connections
// included: the whole cable by disabling the bridge's port, the way between two
// machines by pointing their neighbour entries for each other to a MAC address
// that nobody has. All neighbour entries are permanent and set beforehand;
// with ARP, a cut would be answered by "no route to host" after three seconds,
// from the sender's own kernel, and that is another test.
//
// Only iproute2 and the bridge and veth drivers are needed; tc's netem is not
// built into many small kernels.

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"redis-failover/tests/procs/spawn"
)

// Network is a set of machines on one Ethernet. The test's own machine, where
// redis-failover usually runs, is one of them.
type Network struct {
	// IP is the address of the test's own machine in this network.
	IP string

	t     testing.TB
	base  string // begins all names: "rf<pid>-<n>"
	here  endpoint
	hosts []*Host
	// subnet is "10.x.y.0/24"; claim keeps it ours. Both are unset until it is.
	subnet string
	claim  io.Closer
	// fabric is what the cables end in, nil where it is a bridge.
	fabric *Fabric
}

// endpoint is one end of the Ethernet.
type endpoint struct {
	netns  string // "" is the test's own
	device string
	ip     string
	mac    string
}

// Host is a machine with its own address and cable. It is taken as Opts.Host,
// SentinelOpts.Host and NodeOpts.Host.
type Host struct {
	// IP is its address.
	IP string

	network *Network
	end     endpoint
	port    string // of the bridge, in the hub
}

const (
	// firstHost is the last byte of the first host's address.
	firstHost = 2
	// maxHosts and maxNetworks keep the names within the kernel's 15 bytes.
	maxHosts    = 90
	maxNetworks = 100
	// nobody is a MAC address that no machine of ours has.
	nobody = "02:52:46:ff:ff:ff"
	// routeProtocol marks the routes of this package.
	routeProtocol = "199"
)

// NewNetwork makes a network for one test. It needs root and iproute2. Make it
// before the servers that speak to it: cleaned up in reverse order, they are
// gone when the addresses go.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	needNetworks(t)
	n := &Network{t: t}
	t.Cleanup(n.remove)
	if err := n.create(); err != nil {
		t.Fatalf("make a network: %v", err)
	}
	return n
}

// needNetworks ends the test where no namespaces can be made, and removes what
// earlier runs left.
func needNetworks(t testing.TB) {
	t.Helper()
	NeedTool(t, "ip", "iproute2")
	NeedTool(t, "bridge", "iproute2")
	if os.Geteuid() != 0 {
		Unavailable(t, "network namespaces need root")
	}
	if err := sweep(); err != nil {
		t.Fatalf("remove what killed test runs left: %v", err)
	}
}

// create makes the hub and the test's own cable.
func (n *Network) create() error {
	if err := n.claimSubnet(); err != nil {
		return err
	}
	if err := n.makeHub(); err != nil {
		return err
	}
	n.here = endpoint{device: n.base, ip: n.IP, mac: macOf(1)}
	if err := n.catch(); err != nil {
		return err
	}
	return steps(
		[]string{"ip", "-n", n.hub(), "link", "add", "bridge", "type", "bridge"},
		[]string{"ip", "-n", n.hub(), "link", "set", "bridge", "up"},
		[]string{"ip", "link", "add", n.here.device, "address", n.here.mac, "type", "veth", "peer", "name", "tests", "netns", n.hub()},
		[]string{"ip", "-n", n.hub(), "link", "set", "tests", "master", "bridge", "up"},
		[]string{"ip", "addr", "add", n.IP + "/24", "dev", n.here.device},
		[]string{"ip", "link", "set", n.here.device, "up"},
	)
}

// catch makes packets to the subnet end here should a server of a test outlive
// the network, so that they do not find the way to a stranger with such an
// address.
func (n *Network) catch() error {
	return run("ip", "route", "add", "blackhole", n.subnet, "proto", routeProtocol, "metric", owner())
}

// makeHub finds an unused name; adding the namespace is what takes it.
func (n *Network) makeHub() error {
	var err error
	for i := range maxNetworks {
		n.base = fmt.Sprintf("rf%s-%d", owner(), i)
		err = run("ip", "netns", "add", n.hub())
		if err == nil || !strings.Contains(err.Error(), "exists") {
			return err
		}
	}
	n.base = ""
	return err
}

func (n *Network) hub() string { return n.base + "hub" }

// claimSubnet finds a 10.x.y.0/24 that neither this machine nor another test
// uses.
func (n *Network) claimSubnet() error {
	used, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for range 100 {
		subnet := net.IPNet{
			IP:   net.IPv4(10, byte(rand.IntN(256)), byte(rand.IntN(256)), 0).To4(),
			Mask: net.CIDRMask(24, 32),
		}
		if slices.ContainsFunc(used, func(addr net.Addr) bool { return overlaps(addr, subnet) }) {
			continue
		}
		claim, err := spawn.Claim("net/" + subnet.String())
		if errors.Is(err, spawn.ErrClaimed) {
			continue
		}
		if err != nil {
			return err
		}
		n.claim, n.subnet, n.IP = claim, subnet.String(), address(subnet.IP, 1)
		return nil
	}
	return errors.New("no free subnet in 10.0.0.0/8")
}

// address is the address in a subnet that ends in that byte.
func address(subnet net.IP, last byte) string {
	ip := slices.Clone(subnet)
	ip[3] = last
	return ip.String()
}

// overlaps reports whether an address of this machine and a subnet collide.
func overlaps(addr net.Addr, subnet net.IPNet) bool {
	other, ok := addr.(*net.IPNet)
	return ok && (other.Contains(subnet.IP) || subnet.Contains(other.IP))
}

// macOf is the MAC address of the machine whose address ends in that byte. It
// is unique in its network, which is all that Ethernet asks.
func macOf(last int) string { return fmt.Sprintf("02:52:46:00:00:%02x", last) }

// Host adds a machine.
func (n *Network) Host() *Host {
	n.t.Helper()
	if len(n.hosts) == maxHosts {
		n.t.Fatalf("a network has at most %d hosts", maxHosts)
	}
	last := firstHost + len(n.hosts)
	ip := address(net.ParseIP(n.IP).To4(), byte(last))
	h := &Host{
		IP: ip, network: n, port: fmt.Sprintf("h%d", last),
		end: endpoint{netns: fmt.Sprintf("%sh%d", n.base, last), device: "eth0", ip: ip, mac: macOf(last)},
	}
	n.hosts = append(n.hosts, h)
	if err := h.create(); err != nil {
		n.t.Fatalf("make a host: %v", err)
	}
	return h
}

func (h *Host) create() error {
	connect := h.connect
	if f := h.network.fabric; f != nil {
		connect = func() error { return f.connect(h) }
	}
	if err := connect(); err != nil {
		return err
	}
	for _, other := range h.others() {
		if err := introduce(h.end, other); err != nil {
			return err
		}
	}
	return nil
}

// connect makes the namespace and its cable to the bridge.
func (h *Host) connect() error {
	hub, ns := h.network.hub(), h.end.netns
	return steps(
		[]string{"ip", "netns", "add", ns},
		[]string{"ip", "-n", ns, "link", "add", "eth0", "address", h.end.mac, "type", "veth", "peer", "name", h.port, "netns", hub},
		[]string{"ip", "-n", hub, "link", "set", h.port, "master", "bridge", "up"},
		[]string{"ip", "-n", ns, "addr", "add", h.IP + "/24", "dev", "eth0"},
		[]string{"ip", "-n", ns, "link", "set", "eth0", "up"},
		[]string{"ip", "-n", ns, "link", "set", "lo", "up"},
	)
}

// others are all ends but this one.
func (h *Host) others() []endpoint {
	ends := []endpoint{h.network.here}
	for _, other := range h.network.hosts {
		if other != h {
			ends = append(ends, other.end)
		}
	}
	return ends
}

// introduce tells two ends each other's MAC address.
func introduce(a, b endpoint) error {
	return errors.Join(a.neighbour(b.ip, b.mac), b.neighbour(a.ip, a.mac))
}

// part makes two ends send into the void what they have for each other.
func part(a, b endpoint) error {
	return errors.Join(a.neighbour(b.ip, nobody), b.neighbour(a.ip, nobody))
}

func (e endpoint) neighbour(ip, mac string) error {
	argv := []string{"ip"}
	if e.netns != "" {
		argv = append(argv, "-n", e.netns)
	}
	return run(append(argv, "neigh", "replace", ip, "lladdr", mac, "dev", e.device, "nud", "permanent")...)
}

// Cut pulls the cable: from now on nothing leaves the host and nothing reaches
// it, without any error on either side.
func (h *Host) Cut() {
	h.network.t.Helper()
	h.setPort("0") // disabled
}

// CutFrom makes what this host and the machines with these addresses send each
// other vanish; all else still passes. Network.IP is the test's own machine.
func (h *Host) CutFrom(ips ...string) {
	h.network.t.Helper()
	for _, ip := range ips {
		if err := part(h.end, h.other(ip)); err != nil {
			h.network.t.Fatalf("cut %s from %s: %v", h.IP, ip, err)
		}
	}
}

// Mute makes what this host sends to the machines with these addresses vanish;
// what they send still arrives. Network.IP is the test's own machine.
func (h *Host) Mute(ips ...string) {
	h.network.t.Helper()
	for _, ip := range ips {
		if err := h.end.neighbour(h.other(ip).ip, nobody); err != nil {
			h.network.t.Fatalf("mute %s towards %s: %v", h.IP, ip, err)
		}
	}
}

// other is the end of another machine; the test ends if there is none.
func (h *Host) other(ip string) endpoint {
	h.network.t.Helper()
	others := h.others()
	i := slices.IndexFunc(others, func(e endpoint) bool { return e.ip == ip })
	if i < 0 {
		h.network.t.Fatalf("no other machine of the network has the address %s", ip)
	}
	return others[i]
}

// Heal undoes Cut, CutFrom and Mute of this host. Connections that survived go on
// when TCP sends again, which it does ever more rarely.
func (h *Host) Heal() {
	h.network.t.Helper()
	for _, other := range h.others() {
		if err := introduce(h.end, other); err != nil {
			h.network.t.Fatalf("heal %s: %v", h.IP, err)
		}
	}
	h.setPort("3") // forwarding
}

// setPort sets the state of the host's port of the bridge. It is "bridge link"
// that can do it: "ip link … type bridge_slave state" is accepted and ignored.
func (h *Host) setPort(portState string) {
	h.network.t.Helper()
	if err := run("bridge", "-n", h.network.hub(), "link", "set", "dev", h.port, "state", portState); err != nil {
		h.network.t.Fatalf("set the port of %s: %v", h.IP, err)
	}
}

// command wraps a command line so that it runs on the host. "ip netns exec"
// becomes that program, so process id and parent stay those of the child.
func (h *Host) command(argv []string) []string {
	return append([]string{"ip", "netns", "exec", h.end.netns}, argv...)
}

// remove takes down what create and Host made, however far they came.
func (n *Network) remove() {
	var errs []error
	if n.base != "" {
		errs = append(errs, removeNamed(func(name string) bool {
			return name == n.base || strings.HasPrefix(name, n.base+"h")
		}))
	}
	if n.subnet != "" {
		errs = append(errs, removeRoute(n.subnet, owner()), n.claim.Close())
	}
	if err := errors.Join(errs...); err != nil {
		n.t.Errorf("remove a network: %v", err)
	}
}

// owner is how names and routes say whose they are.
func owner() string { return strconv.Itoa(os.Getpid()) }

// steps runs commands until one fails.
func steps(argvs ...[]string) error {
	for _, argv := range argvs {
		if err := run(argv...); err != nil {
			return err
		}
	}
	return nil
}

// run runs a command; its error contains what the command said.
func run(argv ...string) error {
	_, err := output(argv...)
	return err
}

func output(argv ...string) (string, error) {
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, out)
	}
	return string(out), nil
}
