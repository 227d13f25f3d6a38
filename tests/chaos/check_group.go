package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

// sight is what a node said of the group that fails over.
type sight struct {
	node       int
	begin, end time.Duration
	master     string // "ip:port"
	epoch      uint64 // config-epoch
	strong     bool
}

func (s sight) String() string {
	return fmt.Sprintf("%v–%v node %d says that in epoch %d the master is %s",
		s.begin.Round(time.Microsecond), s.end.Round(time.Microsecond), s.node, s.epoch, s.master)
}

// checkSights says where a node went back to an earlier epoch or master, and
// where one epoch has two masters.
func checkSights(sights []sight, all []event) []string {
	switches := map[string][]uint64{} // the events that made a server the master
	for _, e := range all {
		if words := strings.Fields(e.payload); e.name == state.EventSwitch {
			switches[promoted(e, words)] = append(switches[promoted(e, words)], e.number)
		}
	}
	first := ""
	if len(sights) > 0 {
		first = slices.MinFunc(sights, func(a, b sight) int { return int(a.epoch) - int(b.epoch) }).master
	}
	var faults []string
	masters := map[uint64]sight{}
	epochs, places := map[int][]observation{}, map[int][]observation{}
	for _, s := range sights {
		if other, ok := masters[s.epoch]; ok && other.master != s.master {
			faults = append(faults, fmt.Sprintf("one epoch, two masters:\n  %v\n  %v", other, s))
		}
		masters[s.epoch] = s
		was := switches[s.master]
		if s.master == first {
			was = append([]uint64{0}, was...)
		}
		for _, scope := range scopesOf(s) {
			epochs[scope] = append(epochs[scope], observation{s.begin, s.end, []uint64{s.epoch}, s})
			places[scope] = append(places[scope], observation{s.begin, s.end, was, s})
		}
	}
	for _, kind := range []map[int][]observation{epochs, places} {
		for _, seen := range kind {
			faults = append(faults, checkOrder(seen)...)
		}
	}
	return faults
}

// scopesOf are the nodes that must not go back behind a sight; -1 is all
// together.
func scopesOf(s sight) []int {
	if s.strong {
		return []int{s.node, -1}
	}
	return []int{s.node}
}
