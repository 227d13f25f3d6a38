package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
)

// checkPromotions says which epochs have more than one promotion: by the events,
// by the orders that the nodes gave, or by what a look-up was answered. Only the
// group of that name may fail over.
func checkPromotions(all []event, lives []life, group string) []string {
	var faults []string
	epoch := uint64(0)
	confirmed := map[uint64][]string{} // the promotions and switches of each epoch
	for _, e := range all {
		words := strings.Fields(e.payload)
		switch e.name {
		case state.EventNewEpoch:
			next, err := strconv.ParseUint(words[0], 10, 64)
			if err != nil || next <= epoch {
				faults = append(faults, fmt.Sprintf("after epoch %d comes %v", epoch, e))
			}
			epoch = next
		case state.EventPromoted, state.EventSwitch:
			if !slices.Contains(words, group) {
				faults = append(faults, fmt.Sprintf("another group than %s failed over: %v", group, e))
			}
			confirmed[epoch] = append(confirmed[epoch], e.name+" "+promoted(e, words))
		}
	}
	for _, epoch := range slices.Sorted(maps.Keys(confirmed)) {
		events := confirmed[epoch]
		server := strings.TrimPrefix(events[0], state.EventPromoted+" ")
		if want := []string{state.EventPromoted + " " + server, state.EventSwitch + " " + server}; !slices.Equal(events, want) {
			faults = append(faults, fmt.Sprintf("epoch %d has %q, not one promotion and its switch", epoch, events))
		}
	}
	return append(faults, checkOrdered(lives)...)
}

// promoted is the address of the new master.
func promoted(e event, words []string) string {
	switch {
	case e.name == state.EventPromoted && len(words) > 1:
		return words[1] // slave <ip:port> <ip> <port> @ …
	case e.name == state.EventSwitch && len(words) == 5:
		return words[3] + ":" + words[4] // <name> <ip> <port> <ip> <port>
	}
	return e.payload
}

// checkOrdered says in which epochs more than one server was ordered to be a
// master. The same server may be told again.
func checkOrdered(lives []life) []string {
	var faults []string
	first := map[uint64]string{}
	for _, l := range lives {
		for _, p := range l.promotions {
			if server, ok := first[p.epoch]; ok && server != p.server {
				faults = append(faults, fmt.Sprintf("in epoch %d, %v ordered %s to be a master, and somebody %s", p.epoch, l, p.server, server))
			}
			first[p.epoch] = p.server
		}
	}
	return faults
}
