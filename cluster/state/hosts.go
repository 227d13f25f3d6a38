package state

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"
)

// A server that was made known by its host name is known by it for good: the name
// is its identity in the document, whatever it stands for today. Each node looks
// names up by itself to connect. But what clients, events and other servers are
// told must be the same on all nodes, though resolvers differ and fail; so beside
// the name the document holds the one IP address that it stands for (Master.IPs).
//
// Rejected: an IP address as the identity, as it changes when a container is
// started anew; and addresses that each node puts in its answers by itself, as two
// nodes could then name two masters, and events could not come out of Apply.

// hostsSchema is the schema that brought in what host names stand for.
const hostsSchema = 2

// HostIP is what a host name stands for.
type HostIP struct{ Host, IP string }

// IsIP reports whether a host is an IP address and not a name.
func IsIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// maxHost is the length of the longest host name.
const maxHost = 253

// IsHost reports whether a text is an IP address, or could be a host name: one that
// cannot be taken for something else in an address, an event or INFO.
func IsHost(text string) bool {
	if IsIP(text) {
		return true
	}
	return text != "" && len(text) <= maxHost && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`:/[]@,=%"'`, r)
	})
}

// IP is the address that a host of the group stands for: the host itself if it is
// one, "" while it is not known.
func (m *Master) IP(host string) string {
	for _, k := range m.IPs {
		if k.Host == host {
			return k.IP
		}
	}
	if IsIP(host) {
		return host
	}
	return ""
}

// Shown is how clients and servers are told an address of m's group: with the name
// if announce-hostnames is yes, else with the IP address. A name whose address is
// not known yet is shown as it is: it may well mean something to the client.
func (s *State) Shown(m *Master, a Addr) Addr {
	if len(m.IPs) == 0 || s.AnnounceHostnames() {
		return a
	}
	if ip := m.IP(a.Host); ip != "" {
		a.Host = ip
	}
	return a
}

// details is Sentinel's "@" for a master.
func (s *State) details(m *Master) string { return MasterDetails(m.Name, s.Shown(m, m.Addr)) }

// replicaDetails is Sentinel's "@" for a replica.
func (s *State) replicaDetails(m *Master, replica Addr) string {
	return ReplicaDetails(s.Shown(m, replica), m.Name, s.Shown(m, m.Addr))
}

// uses reports whether a server of the group has that host.
func (m *Master) uses(host string) bool {
	return m.Addr.Host == host || slices.ContainsFunc(m.Replicas, func(r Replica) bool { return r.Addr.Host == host })
}

// usedIPs returns a list of its own, without the names that no server of the group
// has any more.
func (m *Master) usedIPs() []HostIP {
	var used []HostIP
	for _, k := range m.IPs {
		if m.uses(k.Host) {
			used = append(used, k)
		}
	}
	return used
}

// setIP records what a name stands for. The list is copied: older documents share
// it.
func (m *Master) setIP(host, ip string) {
	kept := slices.DeleteFunc(m.usedIPs(), func(k HostIP) bool { return k.Host == host })
	i, _ := slices.BinarySearchFunc(kept, host, func(k HostIP, host string) int { return strings.Compare(k.Host, host) })
	m.IPs = slices.Insert(kept, i, HostIP{host, ip})
}

// learnIP records what a name stands for unless that is known already.
func (m *Master) learnIP(host, ip string) bool {
	if ip == "" || checkHostIP(host, ip) != "" || m.IP(host) != "" {
		return false
	}
	m.setIP(host, ip)
	return true
}

// checkHostIP says why a host cannot stand for an address, "" if it can.
func checkHostIP(host, ip string) string {
	switch {
	case IsIP(host):
		return fmt.Sprintf("%s is no host name and stands for itself", host)
	case !IsIP(ip):
		return fmt.Sprintf("%q is no IP address", ip)
	}
	return ""
}

// needs is the schema that knows what host names stand for, if any is told.
func (op OpObserve) needs() int {
	if slices.ContainsFunc(op.Replicas, func(r SeenReplica) bool { return r.IP != "" }) {
		return hostsSchema
	}
	return firstSchema
}

func (d *draft) resolve(op OpResolve) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	if !m.uses(op.Host) {
		d.refuse(RefusedStale, "no server of %q has the host %q", op.Name, op.Host)
		return
	}
	if fault := checkHostIP(op.Host, op.IP); fault != "" {
		d.refuse(RefusedInvalid, "%s", fault)
		return
	}
	was := m.IP(op.Host)
	if d.out.Unchanged = was == op.IP; d.out.Unchanged {
		return
	}
	m.setIP(op.Host, op.IP)
	if was != "" {
		d.emit(Note, NoteResolved, m.Name, fmt.Sprintf("%s: host %s is at %s now, and was at %s", d.details(m), op.Host, op.IP, was))
	}
}
