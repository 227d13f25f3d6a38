package conf

import (
	"fmt"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

func (v *validator) masters() {
	first := make(map[string]*Master, len(v.Masters))
	for i := range v.Masters {
		m := &v.Masters[i]
		v.master(m)
		if other, twice := first[m.Name]; twice {
			v.badMaster(m, fmt.Sprintf("Duplicate master name. %s is given by %s too.", fault.Show(m.Name), other.where()),
				"Keep one of them, or give them different names.")
			continue
		}
		first[m.Name] = m
	}
}

// where is the place of a master for a message about another one.
func (m *Master) where() string {
	if at := m.At.String(); at != "" {
		return at
	}
	return "another entry"
}

func (v *validator) badMaster(m *Master, problem, remedy string) {
	v.faults.Add(m.origin.fault("master", m.Name, problem, remedy))
}

func (v *validator) master(m *Master) {
	if !isMasterName(m.Name) {
		v.badMaster(m, "This is not a usable master name.", "Use letters, digits and the characters .-_")
	}
	if !isAddr(m.Addr) {
		v.badMaster(m, fmt.Sprintf("%q is not an address.", m.Addr), "Give a host and a port from 1 to 65535.")
	}
	if m.Quorum < 0 {
		v.badMaster(m, "Quorum must be 1 or greater.", "Give a number from 1, or 0 for a majority of the nodes.")
	}
	if s := m.Settings; s.DownAfter < minDownAfter || s.FailoverTimeout < minDownAfter || s.ParallelSyncs < 1 {
		v.badMaster(m, "A setting of the master is missing or out of range.",
			"Start from state.DefaultSettings; times are at least 1 ms and parallel-syncs at least 1.")
	}
	v.replicas(m)
}

func (v *validator) replicas(m *Master) {
	seen := make(map[state.Addr]bool, len(m.Replicas))
	for i, r := range m.Replicas {
		var o origin
		if i < len(m.replicaOrigins) {
			o = m.replicaOrigins[i]
		}
		switch value := m.Name + " " + r.String(); {
		case !isAddr(r):
			v.faults.Add(o.fault("replica of", value, "This is not an address.", "Give a host and a port from 1 to 65535."))
		case r == m.Addr:
			v.faults.Add(o.fault("replica of", value, "This is the address of the master itself, given at "+m.where()+".",
				"Remove this line, or name the right master."))
		case seen[r]:
			v.faults.Add(o.fault("replica of", value, "Duplicate hostname and port for replica.", "List it once."))
		}
		seen[r] = true
	}
}
