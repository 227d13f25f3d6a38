package failover

import (
	"time"

	"redis-failover/cluster/state"
)

// Role is what a server says it is.
type Role string

// The roles on the wire.
const (
	RoleMaster  Role = "master"
	RoleReplica Role = "slave"
)

// Facts are what one INFO reply (full, or its replication section) says. What
// an engine does not report is the zero value, and the Has… fields tell it from
// a reported zero.
type Facts struct {
	// RunID is "" in a reply that holds the replication section only.
	RunID state.RunID
	// Role is "" if the reply has no role line.
	Role Role
	// ReplID and ReplID2 are the present and the previous replication history;
	// "" when the engine reports none, and ReplID2 also when it is all zeros.
	ReplID  state.ReplID
	ReplID2 state.ReplID
	// SecondOffset is second_repl_offset: up to where ReplID2 is valid; -1 none.
	SecondOffset int64

	// Of a master: its directly attached replicas, in its order.
	Replicas []state.Addr
	// IPs are what the names among them stand for that the document lacks.
	IPs []state.AddrIP

	// Of a replica.

	MasterHost string
	MasterPort int
	// MasterSaid is the host as the replica wrote it, where MasterHost is the
	// document's other spelling of it; else "".
	MasterSaid string
	// LinkUp is master_link_status:up. Syncing is master_sync_in_progress:1.
	LinkUp  bool
	Syncing bool
	// LinkDown is master_link_down_since_seconds: 0 if the line is absent
	// (link up), -1 s if the link never was up.
	LinkDown time.Duration
	// LastIO is master_last_io_seconds_ago; -1 s if never or absent.
	LastIO time.Duration
	// Priority is slave_priority, 100 when absent. 0 means "never promote".
	Priority int
	// Offset is slave_repl_offset of a replica, master_repl_offset of a master.
	Offset    int64
	HasOffset bool
	// Announced is replica_announced, true when absent.
	Announced bool
	// Loading is loading:1 of a full INFO.
	Loading bool
}

// ip is what the name of a listed replica stands for, "" if that was not said.
func (f *Facts) ip(a state.Addr) string {
	for _, k := range f.IPs {
		if k.Addr == a {
			return k.IP
		}
	}
	return ""
}
