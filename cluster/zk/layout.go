package zk

import (
	"fmt"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
)

// layout is where things are below the base path. docs/ZOOKEEPER.md describes
// it for people and for other programs.
type layout struct{ base string }

func (l layout) log() string             { return l.base + "/log" }
func (l layout) generation(g int) string { return fmt.Sprintf("%s/%010d", l.log(), g) }

// newEntry is what a name of the log begins with; ZooKeeper appends the number.
func (l layout) newEntry(g int) string { return l.generation(g) + "/e-" }
func (l layout) entry(p place) string {
	return fmt.Sprintf("%s%010d", l.newEntry(p.Generation), p.Next)
}
func (l layout) head() string                { return l.base + "/head" }
func (l layout) snapshots() string           { return l.base + "/snapshots" }
func (l layout) snapshot(name string) string { return l.snapshots() + "/" + name }
func (l layout) chunk(name string, n int) string {
	return fmt.Sprintf("%s/c-%04d", l.snapshot(name), n)
}
func (l layout) nodes() string                       { return l.base + "/nodes" }
func (l layout) node(id state.MemberID) string       { return l.nodes() + "/" + string(id) }
func (l layout) steward() string                     { return l.base + "/steward" }
func (l layout) view() string                        { return l.base + "/view" }
func (l layout) viewMasters() string                 { return l.view() + "/masters" }
func (l layout) viewMaster(name string) string       { return l.viewMasters() + "/" + escape(name) }
func (l layout) viewMembers() string                 { return l.view() + "/members" }
func (l layout) viewMember(id state.MemberID) string { return l.viewMembers() + "/" + string(id) }

// place is a place in the log: the entries before it are numbered lower in its
// generation, or belong to an earlier one.
type place struct {
	Generation int `json:"generation"`
	// Next is the number of the entry that comes at this place.
	Next int `json:"next"`
}

func (p place) before(q place) bool {
	return p.Generation < q.Generation || p.Generation == q.Generation && p.Next < q.Next
}

// numberOf reads the number at the end of an entry's name or path.
func numberOf(name string) (int, error) {
	const digits = 10
	if len(name) < digits {
		return 0, fmt.Errorf("the name %q has no number", name)
	}
	n, err := strconv.Atoi(name[len(name)-digits:])
	if err != nil {
		return 0, fmt.Errorf("the name %q has no number: %w", name, err)
	}
	return n, nil
}

// plainBytes stay as they are in the name of a node.
const plainBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:@=+,~()"

// escape makes the name of a node out of that of a master, which may contain
// slashes and what ZooKeeper does not take: as in URLs.
func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		if strings.IndexByte(plainBytes, c) >= 0 && name != "." && name != ".." {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
