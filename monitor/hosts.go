package monitor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// What servers say of each other names them as it likes: by the name or by the
// address that they were told, or by what replica-announce-ip says. The document
// knows each server by one spelling, and the decision core compares spellings. This
// file puts the one in place of the other, before the core sees it. Nothing here
// waits for a resolver.

const (
	// hostsRefresh lies between two look-ups of a name that is asked for all the
	// time.
	hostsRefresh = 10 * time.Second
	// maxHosts bounds the names that are remembered. Servers make them up.
	maxHosts = 4096
)

// hostBook remembers what names in the replies of servers stand for.
type hostBook struct {
	resolve func(ctx context.Context, host string) ([]string, error)

	mu    sync.Mutex
	hosts map[string]*bookedHost
}

type bookedHost struct {
	names names
	asked time.Time
}

func newHostBook(resolve func(context.Context, string) ([]string, error)) *hostBook {
	return &hostBook{resolve: resolve, hosts: map[string]*bookedHost{}}
}

// addrs returns the IP addresses of a name as far as they are known by now, and has
// them looked up in the background.
func (b *hostBook) addrs(host string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	entry := b.hosts[host]
	if entry == nil {
		if len(b.hosts) >= maxHosts {
			b.forget()
		}
		entry = &bookedHost{names: newNames(host, b.resolve)}
		b.hosts[host] = entry
	}
	if now := time.Now(); entry.asked.IsZero() || now.Sub(entry.asked) >= hostsRefresh {
		entry.asked = now
		entry.names.start()
	}
	return entry.names.now()
}

// forget drops all names: those that are still used come back.
func (b *hostBook) forget() {
	for host, entry := range b.hosts {
		entry.names.close()
		delete(b.hosts, host)
	}
}

func (b *hostBook) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
}

// named returns facts in the document's spelling of addresses. A replica that is
// listed by a name is left out while it is not known what the name stands for, and,
// as in Sentinel, as long as resolve-hostnames is no.
func (m *Monitor) named(g *group, doc *state.State, agreed *state.Master, f failover.Facts) failover.Facts {
	if f.MasterHost != "" {
		as, _ := m.identify(g, doc, agreed, state.Addr{Host: f.MasterHost, Port: f.MasterPort})
		if as.Host != f.MasterHost {
			f.MasterSaid, f.MasterHost = f.MasterHost, as.Host
		}
	}
	if !slices.ContainsFunc(f.Replicas, func(a state.Addr) bool { return !knows(agreed, a) }) {
		return f
	}
	var unwatched []state.Addr
	listed := f.Replicas
	f.Replicas = make([]state.Addr, 0, len(listed))
	for _, a := range listed {
		as, ips := m.identify(g, doc, agreed, a)
		switch {
		case state.IsIP(as.Host) || knows(agreed, as):
		case len(ips) > 0:
			f.IPs = append(f.IPs, state.AddrIP{Addr: as, IP: ips[0]})
		default:
			unwatched = append(unwatched, a)
			continue
		}
		if !slices.Contains(f.Replicas, as) {
			f.Replicas = append(f.Replicas, as)
		}
	}
	m.sayUnwatched(g, unwatched, doc.ResolveHostnames())
	return f
}

func knows(m *state.Master, a state.Addr) bool {
	_, is := m.Replica(a)
	return is || m.Addr == a
}

// identify returns the group's own spelling of an address, or the address itself if
// it is none of the group's, and what its host is known to stand for.
func (m *Monitor) identify(g *group, doc *state.State, agreed *state.Master, a state.Addr) (state.Addr, []string) {
	if knows(agreed, a) {
		return a, nil
	}
	ips := []string{a.Host}
	if !state.IsIP(a.Host) {
		if ips = nil; doc.ResolveHostnames() {
			ips = m.hosts.addrs(a.Host)
		}
	}
	// Where a server is reached is better evidence than what its name stood for
	// when somebody looked: addresses are given to another server later.
	for _, where := range []func(state.Addr) string{g.connectedTo, agreed.IP} {
		if known, ok := findServer(agreed, a.Port, func(k state.Addr) bool { return slices.Contains(ips, where(k)) }); ok {
			return known, ips
		}
	}
	return a, ips
}

// findServer returns the first server of the group that has that port and suits.
func findServer(m *state.Master, port int, suits func(state.Addr) bool) (state.Addr, bool) {
	if m.Addr.Port == port && suits(m.Addr) {
		return m.Addr, true
	}
	for _, r := range m.Replicas {
		if r.Addr.Port == port && suits(r.Addr) {
			return r.Addr, true
		}
	}
	return state.Addr{}, false
}

// connectedTo is the IP address at which this node is connected to a server of the
// group that is known by name, "" if it is not.
func (g *group) connectedTo(a state.Addr) string {
	if l := g.links[a]; l != nil {
		return l.connectedTo()
	}
	return ""
}

// sayUnwatched warns, once, of the listed replicas that are not watched because of
// their names. The resolver has time until the next look to answer.
func (m *Monitor) sayUnwatched(g *group, list []state.Addr, resolve bool) {
	if text := fmt.Sprint(list, resolve); text != g.unwatched {
		g.unwatched, g.unwatchedSaid = text, len(list) == 0
		if resolve {
			return
		}
	}
	if g.unwatchedSaid {
		return
	}
	g.unwatchedSaid = true
	remedy := "their names cannot be resolved here"
	if !resolve {
		remedy = "SENTINEL CONFIG SET resolve-hostnames yes changes that"
	}
	m.log.Warn("replicas that are listed by host name are not watched; "+remedy, slog.String("master", g.name), slog.Any("servers", list))
}
