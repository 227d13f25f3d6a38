package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// observation is something that was seen of a thing that has versions, each
// newer than those before.
type observation struct {
	begin, end time.Duration
	// versions are those that it may have been, rising.
	versions []uint64
	// what is said when it is wrong.
	what fmt.Stringer
}

// checkOrder says which observations went back: they are older than one that had
// ended before they began. The versions are chosen as old as they can be, so
// what is found is certain.
func checkOrder(seen []observation) []string {
	byBegin, byEnd := make([]*placed, len(seen)), make([]*placed, len(seen))
	for i, o := range seen {
		p := &placed{observation: o}
		byBegin[i], byEnd[i] = p, p
	}
	slices.SortStableFunc(byBegin, func(a, b *placed) int { return cmp.Compare(a.begin, b.begin) })
	slices.SortStableFunc(byEnd, func(a, b *placed) int { return cmp.Compare(a.end, b.end) })
	var faults []string
	newest := &placed{} // of those that have ended
	for _, p := range byBegin {
		for len(byEnd) > 0 && byEnd[0].end < p.begin {
			if byEnd[0].version >= newest.version {
				newest = byEnd[0]
			}
			byEnd = byEnd[1:]
		}
		if !p.place(newest.version) {
			faults = append(faults, fmt.Sprintf("went back:\n  %v, of version %d at most, after\n  %v, of version %d at least",
				p.what, p.version, newest.what, newest.version))
		}
	}
	return faults
}

// placed is an observation with the version that was chosen for it.
type placed struct {
	observation
	version uint64
}

// place chooses the oldest version that is not older than floor. If there is
// none, it chooses the newest.
func (p *placed) place(floor uint64) bool {
	for _, v := range p.versions {
		p.version = v
		if v >= floor {
			return true
		}
	}
	return false
}
