package monitor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// resolvePatience is how long connecting waits for a resolver if an earlier
	// answer is at hand. A resolver that is well answers from its cache or its
	// network in a few milliseconds; a longer wait would delay finding out that
	// a server is back, or gone, in favour of an answer that is nearly always
	// the same.
	resolvePatience = 100 * time.Millisecond
	// resolveLimit ends a look-up that nobody answers.
	resolveLimit = 10 * time.Second
	// maxAddrs bounds how many addresses of a name are tried.
	maxAddrs = 4
)

// dialTCP is the Dial of links without TLS.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// dial connects to the link's server.
func (l *link) dial(ctx context.Context) (net.Conn, error) {
	return l.names.dial(ctx, l.cfg.Addr.Port, l.cfg.Dial)
}

// dial connects by the first of the host's addresses that takes the connection.
func (n *names) dial(ctx context.Context, port int, dial func(context.Context, string) (net.Conn, error)) (net.Conn, error) {
	hosts, err := n.find(ctx)
	if err != nil {
		return nil, err
	}
	for i, host := range hosts {
		var conn net.Conn
		conn, err = dialShare(ctx, net.JoinHostPort(host, strconv.Itoa(port)), len(hosts)-i, dial)
		if err == nil {
			n.good(host)
			return conn, nil
		}
	}
	return nil, err
}

// dialShare tries one address with an equal share of the time that is left.
func dialShare(ctx context.Context, addr string, shares int, dial func(context.Context, string) (net.Conn, error)) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok && shares > 1 {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, time.Until(deadline)/time.Duration(shares))
		defer done()
	}
	return dial(ctx, addr)
}

// isRefused reports whether a failed dial was answered: the host is there and
// says that nobody listens.
func isRefused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

// names knows the IP addresses of one host. A look-up goes on in the background
// when it takes too long for those who wait, and its answer serves the next
// time: so a resolver that is always slow delays nothing, and a name that moves
// is still followed, one connection later. The addresses of before serve while
// the resolver fails.
type names struct {
	host string
	// fixed: host is an IP address.
	fixed   bool
	resolve func(ctx context.Context, host string) ([]string, error)

	mu sync.Mutex
	// known is the last answer, the address that last took a connection first.
	known []string
	// last took a connection.
	last string
	// running is the look-up that goes on, nil if none, and stop ends it.
	running *lookup
	stop    context.CancelFunc
}

// lookup is one question to the resolver. The results may be read once done is
// closed.
type lookup struct {
	done  chan struct{}
	addrs []string
	err   error
}

func newNames(host string, resolve func(context.Context, string) ([]string, error)) names {
	_, err := netip.ParseAddr(host)
	return names{host: host, fixed: err == nil, resolve: resolve}
}

// remember sets, before the first use, the address that served the last time; "" is
// none.
func (n *names) remember(ip string) {
	if ip != "" && !n.fixed {
		n.known, n.last = []string{ip}, ip
	}
}

// now returns the last answer, nil if there was none.
func (n *names) now() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.known
}

// first is the address that would be tried first, "" if none is known or if the host
// is an address itself.
func (n *names) first() string {
	if known := n.now(); len(known) > 0 {
		return known[0]
	}
	return ""
}

// find returns at least one address, the best one first.
func (n *names) find(ctx context.Context) ([]string, error) {
	if n.fixed {
		return []string{n.host}, nil
	}
	known, asked := n.start()
	var patience <-chan time.Time
	if len(known) > 0 {
		timer := time.NewTimer(resolvePatience)
		defer timer.Stop()
		patience = timer.C
	}
	select {
	case <-asked.done:
		if asked.err == nil {
			return asked.addrs, nil
		}
		if len(known) > 0 {
			return known, nil
		}
		return nil, fmt.Errorf("host %q: %w", n.host, asked.err)
	case <-patience:
		return known, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("host %q was not resolved in time: %w", n.host, ctx.Err())
	}
}

// start returns the addresses known so far and a look-up, a new one unless one
// goes on.
func (n *names) start() ([]string, *lookup) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running == nil {
		ctx, stop := context.WithTimeout(context.Background(), resolveLimit)
		n.running, n.stop = &lookup{done: make(chan struct{})}, stop
		go n.ask(ctx, n.running)
	}
	return n.known, n.running
}

func (n *names) ask(ctx context.Context, l *lookup) {
	addrs, err := n.resolve(ctx, n.host)
	if err == nil && len(addrs) == 0 {
		err = errors.New("the name has no address")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	l.addrs, l.err = n.ranked(addrs), err
	if err == nil {
		n.known = l.addrs
	}
	n.stop()
	n.running = nil
	close(l.done)
}

// ranked returns the addresses to try, the one that worked last first.
func (n *names) ranked(addrs []string) []string {
	addrs = slices.Clone(addrs)
	if i := slices.Index(addrs, n.last); i > 0 {
		addrs = slices.Insert(slices.Delete(addrs, i, i+1), 0, n.last)
	}
	return addrs[:min(len(addrs), maxAddrs)]
}

// good says that a server took a connection at addr.
func (n *names) good(addr string) {
	if n.fixed {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = addr
	n.known = n.ranked(n.known)
}

// reached is the address that last took a connection, "" if none did or if the host
// is an address itself.
func (n *names) reached() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}

// close ends a look-up that goes on.
func (n *names) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running != nil {
		n.stop()
	}
}
