package raft

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"

	"github.com/lni/vfs"
)

// Start says what a node does whose folder is empty. A folder that holds a
// member goes on as that member, whatever Start says: nothing is ever deleted.
type Start string

const (
	// Found: this node is one of Options.Founders and begins the group together
	// with them. It is the default.
	Found Start = "found"
	// Join: the group is there; wait until one of its members is told to add
	// this node (Broker.AddMember).
	Join Start = "join"
)

// Timing is how long the members wait for each other. The zero value is 50 ms x
// 20, a second from the death of a leader to the next election, and the same on
// all members.
type Timing struct {
	// RTT is the length of one tick, of the order of a round trip between
	// members. It is whole milliseconds.
	RTT time.Duration
	// ElectionRTT is how many ticks without a leader's word lead to an
	// election, HeartbeatRTT how many lie between two words of a leader. The
	// first must be more than twice the second; ten times is sound.
	ElectionRTT, HeartbeatRTT int
}

// Election is the time without a leader's word that leads to an election.
func (t Timing) Election() time.Duration { return t.RTT * time.Duration(t.ElectionRTT) }

// defaultTiming survives the stalls of a shared disk, which delay heartbeats:
// shorter ones elect new leaders for no reason.
var defaultTiming = Timing{RTT: 50 * time.Millisecond, ElectionRTT: 20, HeartbeatRTT: 2}

// soloTiming is that of a member without others: it waits for nobody's word,
// only for its own election at the start.
var soloTiming = Timing{RTT: 10 * time.Millisecond, ElectionRTT: 4, HeartbeatRTT: 1}

// TLS names the files for mutual TLS between members, all in PEM. They are read
// anew for each connection, so renewing them needs no restart. The zero value is
// no TLS.
type TLS struct {
	// CAFile holds the authorities that members' certificates must come from,
	// and these alone.
	CAFile string
	// CertFile and KeyFile are this member's certificate and its key. The
	// certificate must be good for the host of the member's address, as server
	// and as client.
	CertFile, KeyFile string
}

func (t TLS) enabled() bool { return t != TLS{} }

// Options of a broker. Dir and Addr are required.
type Options struct {
	// Dir is the folder for the broker's files; it is created if missing. One
	// process at a time can have it open.
	Dir string
	// LogDir is a folder for the raft log alone, which is synced at each
	// change; "" puts it into Dir. It cannot be changed later.
	LogDir string

	// Addr is "host:port" at which the other members reach this one. It may
	// change from one start to the next.
	Addr string
	// Listen is the address to listen on, where it is not Addr (":7000" behind
	// a translation of addresses).
	Listen string
	// Founders are the addresses of the members that begin the group, this one
	// among them, the same on all; empty for a group of this node alone. With
	// Start Join they are addresses of present members. Later they are
	// consulted only to find members whose addresses have changed.
	Founders []string
	Start    Start
	// Cluster tells groups apart that would otherwise have the same founders;
	// the same on all members.
	Cluster string

	// ID is the identity to take when the folder is new; "" draws one. Later it
	// must be "" or the same.
	ID state.MemberID

	// Timing is used as soon as the group has more than one member.
	Timing Timing

	// TLS and Secret keep strangers out. Without either, whoever reaches the
	// port can take part. A secret proves that both ends know it, and protects
	// what they say from changes; only TLS hides it.
	TLS    TLS
	Secret state.Secret

	// Logger is told what a person should know; nil for nothing. One process
	// has one engine log: it goes to the first broker that is open.
	Logger *slog.Logger

	// SnapshotEvery is after how many changes the document is written out and
	// the log before it deleted; 0 for 10,000.
	SnapshotEvery int
	// Backlog is how many changes are kept for readers of Applied; who is
	// further behind gets a Reset. 0 for 4,096.
	Backlog int
	// MinFree is how many bytes must be free on the disks of Dir and LogDir:
	// with less, this member leaves off, because the engine cannot survive a
	// full disk. 0 for 64 MiB. With less than four times as much it warns.
	MinFree uint64

	// Tests put their own here; nil or 0 for what is meant.
	network network
	free    func(dir string) (uint64, error)
	watch   time.Duration // between two looks at the disk
	behind  int           // see keptBehind
	files   vfs.FS
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Start == "" {
		o.Start = Found
	}
	if o.Cluster == "" {
		o.Cluster = "redis-failover"
	}
	if o.Timing == (Timing{}) {
		o.Timing = defaultTiming
	}
	if o.Listen == "" {
		o.Listen = o.Addr
	}
	if len(o.Founders) == 0 && o.Start == Found {
		o.Founders = []string{o.Addr}
	}
	if o.SnapshotEvery <= 0 {
		o.SnapshotEvery = 10_000
	}
	if o.Backlog <= 0 {
		o.Backlog = 4096
	}
	if o.MinFree == 0 {
		o.MinFree = 64 << 20
	}
	if o.network == nil {
		o.network = tcp{}
	}
	if o.free == nil {
		o.free = freeSpace
	}
	if o.files == nil {
		o.files = vfs.Default
	}
	if o.watch <= 0 {
		o.watch = time.Second
	}
	if o.behind <= 0 {
		o.behind = keptBehind
	}
}

// check says what is wrong with the options, which have their defaults.
func (o *Options) check() error {
	switch {
	case o.Dir == "":
		return errors.New("the raft broker needs a data directory")
	case o.Start != Found && o.Start != Join:
		return fmt.Errorf("start %q: it must be %q or %q", o.Start, Found, Join)
	case o.Timing.RTT < time.Millisecond || o.Timing.RTT%time.Millisecond != 0:
		return fmt.Errorf("RTT %s: it must be whole milliseconds, 1 at least", o.Timing.RTT)
	case o.Timing.HeartbeatRTT < 1 || o.Timing.ElectionRTT <= 2*o.Timing.HeartbeatRTT:
		return fmt.Errorf("an election after %d ticks, a heartbeat every %d: the first must be more than twice the second, which must be 1 at least",
			o.Timing.ElectionRTT, o.Timing.HeartbeatRTT)
	case o.TLS.enabled() && (o.TLS.CAFile == "" || o.TLS.CertFile == "" || o.TLS.KeyFile == ""):
		return errors.New("TLS between members needs all three: the file of the authority, of the certificate and of the key")
	case o.ID != "" && !isMemberID(o.ID):
		return fmt.Errorf("the member id %q is not 40 lower-case hex digits", o.ID)
	}
	for _, a := range append([]string{o.Addr}, o.Founders...) {
		if err := checkAddr(a); err != nil {
			return err
		}
	}
	return o.resolveDirs()
}

func (o *Options) resolveDirs() error {
	for _, dir := range []*string{&o.Dir, &o.LogDir} {
		if *dir == "" {
			continue
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return fmt.Errorf("directory %q: %w", *dir, err)
		}
		*dir = abs
	}
	return nil
}

// checkAddr accepts what others can connect to.
func checkAddr(a string) error {
	host, portText, err := net.SplitHostPort(a)
	if err != nil {
		return fmt.Errorf("the raft address %q is not host:port", a)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 1 || port > 65535 {
		return fmt.Errorf("the raft address %q has port %q, which is not a number from 1 to 65535", a, portText)
	}
	if ip := net.ParseIP(host); host == "" || strings.ContainsAny(host, " \t\r\n") || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("the raft address %q has the host %q, which others cannot connect to", a, host)
	}
	return nil
}

// founding is the list of founders as all founders see it, whatever the order
// in which each was given it.
func (o *Options) founding() []string {
	list := slices.Clone(o.Founders)
	slices.Sort(list)
	return slices.Compact(list)
}

func isMemberID(id state.MemberID) bool {
	return len(id) == 40 && strings.Trim(string(id), "0123456789abcdef") == ""
}
