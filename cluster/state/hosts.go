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

// AddrIP is what the host name of a server stands for. It belongs to the server and
// not to the name: a name may stand for several addresses (localhost for an IPv4 and
// an IPv6 one), and two servers of that name be reached at different ones.
type AddrIP struct {
	Addr Addr
	IP   string
}

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

// IP is the IP address of a server of the group: its host itself if that is one, ""
// while it is not known.
func (m *Master) IP(a Addr) string {
	for _, k := range m.IPs {
		if k.Addr == a {
			return k.IP
		}
	}
	if IsIP(a.Host) {
		return a.Host
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
	if ip := m.IP(a); ip != "" {
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

// has reports whether a server is one of the group.
func (m *Master) has(a Addr) bool {
	_, is := m.Replica(a)
	return is || m.Addr == a
}

// usedIPs returns a list of its own, without servers that are not of the group any
// more.
func (m *Master) usedIPs() []AddrIP {
	var used []AddrIP
	for _, k := range m.IPs {
		if m.has(k.Addr) {
			used = append(used, k)
		}
	}
	return used
}

// setIP records what the name of a server stands for. The list is copied: older
// documents share it.
func (m *Master) setIP(a Addr, ip string) {
	kept := slices.DeleteFunc(m.usedIPs(), func(k AddrIP) bool { return k.Addr == a })
	i, _ := slices.BinarySearchFunc(kept, a, func(k AddrIP, a Addr) int { return k.Addr.Compare(a) })
	m.IPs = slices.Insert(kept, i, AddrIP{a, ip})
}

// learnIP records what the name of a server stands for unless that is known already.
func (m *Master) learnIP(a Addr, ip string) bool {
	if ip == "" || checkIP(a, ip) != "" || m.IP(a) != "" {
		return false
	}
	m.setIP(a, ip)
	return true
}

// checkIP says why a server cannot have an IP address beside its host, "" if it can.
func checkIP(a Addr, ip string) string {
	switch {
	case IsIP(a.Host):
		return fmt.Sprintf("%s is no host name and stands for itself", a.Host)
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
	if !m.has(op.Addr) {
		d.refuse(RefusedStale, "no server of %q is at %s", op.Name, op.Addr)
		return
	}
	if fault := checkIP(op.Addr, op.IP); fault != "" {
		d.refuse(RefusedInvalid, "%s", fault)
		return
	}
	was := m.IP(op.Addr)
	if d.out.Unchanged = was == op.IP; d.out.Unchanged {
		return
	}
	m.setIP(op.Addr, op.IP)
	if was != "" {
		d.emit(Note, NoteResolved, m.Name, fmt.Sprintf("%s: the host of %s is at %s now, and was at %s", d.details(m), op.Addr, op.IP, was))
	}
}
