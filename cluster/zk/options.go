package zk

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// Options of a broker. Dir, Servers and Path are required.
type Options struct {
	// Dir is the folder for this node's identity, all that it keeps itself; it is
	// created if missing. One process at a time can have it open.
	Dir string
	// ID is the identity to take at the first start, from the configuration's
	// myid; "" draws one. At later starts it must be "" or the same.
	ID state.MemberID

	// Servers are those of the ensemble, each as host:port. Names are resolved
	// at each attempt to connect.
	Servers []string
	// Path is the absolute path, the chroot included, that all is kept under.
	// It and the nodes above it are created if missing.
	Path string
	// SessionTimeout is what ZooKeeper is asked for; it grants between two and
	// twenty of its ticks. This node gives its authority up when nothing was
	// confirmed for two thirds of it. 0 for 4 s.
	SessionTimeout time.Duration
	// Auth is "user:password" for ZooKeeper's digest scheme: with it, what this
	// node makes is open to that user only, but for the view, which everybody may
	// read. "" for none.
	Auth state.Secret
	// TLS is used towards ZooKeeper if it is not nil.
	TLS *tls.Config

	// Logger is told what a person should know; nil for nothing.
	Logger *slog.Logger
	// SnapshotEvery is after how many changes, and SnapshotBytes after how many
	// bytes of log, the document is written out and the log before it deleted; 0
	// for 10,000 and 8 MiB.
	SnapshotEvery int
	SnapshotBytes int64
	// Backlog is how many changes are kept for readers of Applied; who is
	// further behind gets a Reset. 0 for 4,096.
	Backlog int
	// GenerationEntries is how many entries a directory of the log holds before
	// the next is begun: ZooKeeper's numbers end at 2^31. What holds is what the
	// one who founded the path had. 0 for 2^30.
	GenerationEntries int

	// dial connects to a server; nil for the network. Tests put obstacles here.
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Defaults of Options.
const (
	defaultSessionTimeout    = 4 * time.Second
	defaultSnapshotEvery     = 10_000
	defaultSnapshotBytes     = 8 << 20
	defaultBacklog           = 4096
	defaultGenerationEntries = 1 << 30
)

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SessionTimeout <= 0 {
		o.SessionTimeout = defaultSessionTimeout
	}
	if o.SnapshotEvery <= 0 {
		o.SnapshotEvery = defaultSnapshotEvery
	}
	if o.SnapshotBytes <= 0 {
		o.SnapshotBytes = defaultSnapshotBytes
	}
	if o.Backlog <= 0 {
		o.Backlog = defaultBacklog
	}
	if o.GenerationEntries <= 0 {
		o.GenerationEntries = defaultGenerationEntries
	}
	if o.dial == nil {
		o.dial = (&net.Dialer{}).DialContext
	}
}

func (o *Options) check() error {
	switch {
	case o.Dir == "":
		return errors.New("no data directory is given")
	case o.ID != "" && !isMemberID(o.ID):
		return fmt.Errorf("the id %q is not 40 lower-case hex digits", o.ID)
	case len(o.Servers) == 0:
		return errors.New("no ZooKeeper server is given")
	case !path.IsAbs(o.Path) || path.Clean(o.Path) != o.Path || o.Path == "/":
		return fmt.Errorf("the ZooKeeper path %q is not an absolute one such as /zk/redis/failover", o.Path)
	case o.Auth != "" && !strings.Contains(string(o.Auth), ":"):
		return errors.New("the ZooKeeper credentials are not of the form user:password")
	}
	for _, server := range o.Servers {
		if _, _, err := net.SplitHostPort(server); err != nil {
			return fmt.Errorf("the ZooKeeper server %q is not host:port", server)
		}
	}
	return nil
}

// patience is for how long an answer may be awaited and the last confirmation
// may be old: ZooKeeper gives the session up a third of the timeout later.
func (o *Options) patience() time.Duration { return o.SessionTimeout * 2 / 3 }

func isMemberID(id state.MemberID) bool {
	return len(id) == 40 && strings.Trim(string(id), "0123456789abcdef") == ""
}
