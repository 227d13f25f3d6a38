package procs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// # Bad cables
//
// Delay, loss and one-way cuts that begin and end many times a second want more
// than a bridge gives: tc's netem is missing from many small kernels, and each
// change would be a program to start. So a Fabric has no bridge. The cable of
// each machine is a TAP device whose other end this process holds, which reads
// every frame and decides what becomes of it:
//
//	a Host (a namespace)                 this process
//	  eth0, 10.x.y.2 ── /dev/net/tun ──▶ read ── drop, wait, or ──▶ write
//	                                                                  │
//	  eth0, 10.x.y.3 ◀── /dev/net/tun ◀──────────────────────────────┘
//
// All faults of all ways change at once, by one pointer. What the namespaces are
// made of, their names and what cleans them up are those of Network.

// Fabric is a Network whose ways can be made bad, each direction for itself. Its
// hosts and those of Network are used alike, except that Cut, CutFrom, Mute and
// Heal are the bridge's: here it is Lay.
type Fabric struct {
	*Network

	ways  atomic.Pointer[map[Way]Quality]
	mu    sync.Mutex
	plugs map[mac]*plug
	read  sync.WaitGroup
}

// Way is one direction between two machines, by their addresses.
type Way struct{ From, To string }

// Quality says what becomes of the frames that go one way. The zero value is a
// good cable.
type Quality struct {
	// Cut lets nothing pass.
	Cut bool
	// Loss is the part of the frames that vanish, from 0 to 1.
	Loss float64
	// Delay is how long each frame takes. Up to Jitter comes on top, drawn for
	// each frame, so that frames overtake each other.
	Delay, Jitter time.Duration
}

// mac is an Ethernet address.
type mac [6]byte

// plug is the end of a cable that this process holds.
type plug struct {
	ip   string
	file *os.File
}

// NewFabric makes a Fabric for one test; see NewNetwork for what it needs and
// when to make it. It also needs the kernel's TUN driver.
func NewFabric(t testing.TB) *Fabric {
	t.Helper()
	needNetworks(t)
	if file, err := os.OpenFile(tunDevice, os.O_RDWR, 0); err != nil {
		Unavailable(t, "no TAP devices: %v", err)
	} else {
		closeQuietly(file)
	}
	f := &Fabric{Network: &Network{t: t}, plugs: map[mac]*plug{}}
	f.fabric = f
	f.ways.Store(&map[Way]Quality{})
	t.Cleanup(f.remove)
	t.Cleanup(f.unplug) // before the names are removed
	if err := f.create(); err != nil {
		t.Fatalf("make a fabric: %v", err)
	}
	return f
}

const tunDevice = "/dev/net/tun"

// create takes a name and a subnet, and plugs the test's own machine in.
func (f *Fabric) create() error {
	if err := f.claimSubnet(); err != nil {
		return err
	}
	if err := f.makeHub(); err != nil { // it stays empty: it holds the name
		return err
	}
	f.here = endpoint{device: f.base, ip: f.IP, mac: macOf(1)}
	if err := f.catch(); err != nil {
		return err
	}
	file, err := openTAP(f.here.device)
	if err != nil {
		return err
	}
	f.plug(f.here, file)
	return steps(
		[]string{"ip", "link", "set", f.here.device, "address", f.here.mac},
		[]string{"ip", "addr", "add", f.IP + "/24", "dev", f.here.device},
		[]string{"ip", "link", "set", f.here.device, "up"},
	)
}

// connect makes the namespace of a host and its cable. The device is made here,
// because whoever opens it has to be where it is, and then carried over.
func (f *Fabric) connect(h *Host) error {
	device := f.base + h.port
	if err := run("ip", "netns", "add", h.end.netns); err != nil {
		return err
	}
	file, err := openTAP(device)
	if err != nil {
		return err
	}
	f.plug(h.end, file)
	return steps(
		[]string{"ip", "link", "set", device, "netns", h.end.netns, "name", h.end.device, "address", h.end.mac},
		[]string{"ip", "-n", h.end.netns, "addr", "add", h.IP + "/24", "dev", h.end.device},
		[]string{"ip", "-n", h.end.netns, "link", "set", h.end.device, "up"},
		[]string{"ip", "-n", h.end.netns, "link", "set", "lo", "up"},
	)
}

// openTAP makes a TAP device and returns this process's end of it. The device
// goes when the end is closed.
func openTAP(name string) (*os.File, error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", tunDevice, err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		// Plain frames: without IFF_VNET_HDR the kernel cuts what is larger
		// than the MTU and fills in checksums before we see them.
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the TAP device %s: %w", name, err), unix.Close(fd))
	}
	// Only now may the runtime's poller have it: it waits for nothing on a
	// descriptor that is no device yet.
	return os.NewFile(uintptr(fd), name), nil
}

// plug begins to read a cable.
func (f *Fabric) plug(end endpoint, file *os.File) {
	p := &plug{ip: end.ip, file: file}
	f.mu.Lock()
	defer f.mu.Unlock()
	all := maps.Clone(f.plugs)
	all[mustMAC(end.mac)] = p
	f.plugs = all
	f.read.Go(func() { f.forward(p) })
}

// mustMAC reads what macOf wrote.
func mustMAC(text string) (m mac) {
	if _, err := fmt.Sscanf(text, "%02x:%02x:%02x:%02x:%02x:%02x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]); err != nil {
		panic(err)
	}
	return m
}

// unplug ends all cables.
func (f *Fabric) unplug() {
	for _, p := range f.all() {
		closeQuietly(p.file)
	}
	f.read.Wait()
}

func (f *Fabric) all() map[mac]*plug {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plugs
}

// Lay sets the quality of all ways at once; those that are not named are good.
// Frames that are underway with a delay still arrive. It may be called from any
// goroutine; the map must not be changed afterwards.
func (f *Fabric) Lay(ways map[Way]Quality) { f.ways.Store(&ways) }

const (
	// maxFrame is an Ethernet frame of the usual MTU.
	maxFrame = 1514
	// etherHeader is two addresses and a type.
	etherHeader = 14
)

// forward reads the frames that a machine sends, until its cable is unplugged.
func (f *Fabric) forward(from *plug) {
	frame := make([]byte, maxFrame)
	for {
		n, err := from.file.Read(frame)
		if err != nil {
			return
		}
		if n < etherHeader || binary.BigEndian.Uint16(frame[12:]) != unix.ETH_P_IP {
			continue // neighbours are introduced by hand, so IPv4 is all there is
		}
		if to, ok := f.all()[mac(frame[:6])]; ok {
			f.deliver(from, to, frame[:n])
		}
	}
}

// deliver does to one frame what the quality of its way says.
func (f *Fabric) deliver(from, to *plug, frame []byte) {
	q := (*f.ways.Load())[Way{From: from.ip, To: to.ip}]
	if q.Cut || q.Loss > 0 && rand.Float64() < q.Loss {
		return
	}
	wait := q.Delay
	if q.Jitter > 0 {
		wait += rand.N(q.Jitter)
	}
	if wait <= 0 {
		to.write(frame)
		return
	}
	frame = append([]byte(nil), frame...)
	time.AfterFunc(wait, func() { to.write(frame) })
}

// write hands a frame to a machine. A machine that cannot take it loses it, as
// on a real cable.
func (p *plug) write(frame []byte) { _, _ = p.file.Write(frame) }
