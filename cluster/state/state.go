package state

import (
	"iter"
	"slices"
)

const (
	// journalLength bounds the journal of one master: some ten failovers.
	// Events on the wire come from the changes themselves; the journal serves
	// those who were away, and people.
	journalLength = 128
	// historyLength bounds the finished failovers that are kept for one master.
	historyLength = 16
	// pastReplIDs bounds Master.PastReplIDs.
	pastReplIDs = 4
)

// State is the agreed document at one position of the log. It is immutable;
// read it from any goroutine, for as long as you like.
type State struct {
	// Schema is the one in force: what the builds of all members know. It never
	// falls.
	Schema int
	// Index is the position of the last mutation applied.
	Index Index
	// Epoch is the highest epoch given out. Epochs are shared by all masters.
	Epoch Epoch
	// EventSeq is the number of the last event; a number is never given twice.
	EventSeq uint64

	masters table[*Master]
	members table[Member]
	// seen holds, for each member, which of its mutations were applied.
	seen table[window]
	// seeds are the names that a configuration file has brought in once.
	// A name stays here when the master is removed: the file does not bring
	// back what a person removed.
	seeds table[bool]
	// journal holds the events that belong to no master that still exists.
	journal []Event
	// globals are the global settings that were ever set, sorted by name, with
	// one value each.
	globals []Option
}

// New returns the empty document.
func New() *State { return &State{Schema: firstSchema} }

// Master returns the master of that name. The value must not be changed.
func (s *State) Master(name string) (*Master, bool) { return s.masters.get(name) }

// Masters yields all masters by rising name.
func (s *State) Masters() iter.Seq[*Master] {
	return func(yield func(*Master) bool) {
		for _, m := range s.masters.all() {
			if !yield(m) {
				return
			}
		}
	}
}

// Len is the number of masters.
func (s *State) Len() int { return s.masters.len() }

// Member returns the member of that id.
func (s *State) Member(id MemberID) (Member, bool) { return s.members.get(string(id)) }

// Members yields all members by rising id.
func (s *State) Members() iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for _, m := range s.members.all() {
			if !yield(m) {
				return
			}
		}
	}
}

// MemberCount is the number of members, dead ones included.
func (s *State) MemberCount() int { return s.members.len() }

// Seeded reports whether a configuration file has brought this name in before.
func (s *State) Seeded(name string) bool {
	_, ok := s.seeds.get(name)
	return ok
}

// LastSeq is the highest mutation number of a member that was applied.
func (s *State) LastSeq(id MemberID) uint64 {
	w, _ := s.seen.get(string(id))
	return w.Top
}

// EventsAfter returns the events that are still in the journals and have a
// number above seq, by rising number. It walks all masters: for readers that
// were away, not for every change.
func (s *State) EventsAfter(seq uint64) []Event {
	var events []Event
	take := func(journal []Event) {
		for _, e := range journal {
			if e.Seq > seq {
				events = append(events, e)
			}
		}
	}
	take(s.journal)
	for m := range s.Masters() {
		take(m.Journal)
	}
	slices.SortFunc(events, func(a, b Event) int { return cmpUint(a.Seq, b.Seq) })
	return events
}

func cmpUint(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Master is one watched master and all that is agreed about its group.
type Master struct {
	Name string
	// Addr is the address that clients are told, or what they are told stands
	// for (see State.Shown). It changes in the same mutation that records a
	// confirmed promotion, and nowhere else.
	Addr   Addr
	Quorum int
	Settings
	// ConfigEpoch is the epoch of the failover that made Addr the master.
	ConfigEpoch Epoch
	// Generation grows whenever observations of the group must begin with a
	// clean slate: at MONITOR, at a switch and at RESET. Votes and facts carry
	// the generation they were formed under and count only in it.
	Generation uint64
	// RunID and ReplID are those that Addr last reported. ReplID outlives the
	// master, so that a replica with a foreign history can be told apart.
	// PastReplIDs are the group's earlier histories, newest first: a master
	// that came back empty and died again must not make every replica foreign.
	RunID       RunID
	ReplID      ReplID
	PastReplIDs []ReplID
	// Replicas are sorted by address. The old master becomes one at a switch.
	Replicas []Replica
	// Votes hold who says that the master is down, sorted by member.
	Votes []Vote
	// ODown: Quorum votes of living members stand.
	ODown bool
	// Failover is the running failover, nil if there is none.
	Failover *Failover
	// LastAttempt is the epoch of the last failover attempt, 0 for none, and
	// LastAttemptAt its start. A proposal to begin must name it, so that the
	// wait between attempts (2 x failover-timeout) can be judged by the
	// proposer's monotonic clock and still holds for all.
	LastAttempt   Epoch
	LastAttemptAt Time
	// RetryNow: what stopped the last attempt was one candidate's fault, so
	// another attempt need not wait.
	RetryNow bool
	// Pause is why nothing is done to this group by itself at present, nil if
	// all is.
	Pause *Pause `json:",omitempty"`
	// History holds the last finished failovers, oldest first.
	History []Failover
	// IPs are what the names of servers stand for, as far as known, sorted by
	// address; see Shown.
	IPs []AddrIP `json:",omitempty"`
	// Journal holds the last events of this master, oldest first.
	Journal []Event
}

// Replica is a server known to replicate (or to have replicated) the master.
type Replica struct {
	Addr  Addr
	RunID RunID
	// FirstSeen is when a master first listed it, or when it became a replica.
	FirstSeen Time
	// Repair is who has been granted to re-point this replica, nil if nobody.
	Repair *Repair
}

// RepairKind says what is wrong with a replica.
type RepairKind string

const (
	// RepairConvert: it says that it is a master (Sentinel's convert-to-slave).
	RepairConvert RepairKind = "convert-to-slave"
	// RepairFix: it follows somebody else (Sentinel's fix-slave-config).
	RepairFix RepairKind = "fix-slave-config"
)

// Repair is the right to send one replica back to its master, outside of a
// failover. Like a claim it is granted by Apply before the order goes out, so a
// node that is cut off from the others cannot re-point anything.
type Repair struct {
	Kind   RepairKind
	Member MemberID
	// Number tells this grant from later ones of the same replica.
	Number uint64
}

// Vote is one member's word that the master is down.
type Vote struct {
	Member MemberID
	// At is when the member first voted so, by its own wall clock.
	At Time
}

// FailoverKind says why a failover runs.
type FailoverKind string

const (
	// Auto: the master is objectively down.
	Auto FailoverKind = "auto"
	// Manual: somebody asked with SENTINEL FAILOVER.
	Manual FailoverKind = "manual"
)

// Phase is the step a failover is at. The names are Sentinel's
// failover-state strings.
type Phase string

// The phases in their order. A phase is committed before the effect that it
// announces, so that whoever takes over knows what may have been done.
const (
	// PhaseSelect: replicas are asked for fresh facts, one is to be chosen.
	PhaseSelect Phase = "select_slave"
	// PhaseOrder: the candidate is chosen; the order to become master may or
	// may not have been sent.
	PhaseOrder Phase = "send_slaveof_noone"
	// PhaseWait: the order was sent and not yet confirmed by looking.
	PhaseWait Phase = "wait_promotion"
	// PhaseReconf: the promotion is confirmed, clients have the new address,
	// the other replicas are being re-pointed.
	PhaseReconf Phase = "reconf_slaves"
)

// Claim is the right to carry out a failover: one holder at a time. Number
// grows at each take-over; orders of a lower number are void.
type Claim struct {
	Epoch  Epoch
	Number uint64
	Holder MemberID
}

// Same reports whether both are the same grant.
func (c Claim) Same(d Claim) bool { return c == d }

// Verdict is why a replica was or was not chosen.
type Verdict struct {
	Addr   Addr
	Chosen bool
	Reason string
}

// ReconfStatus is how far the re-pointing of one replica has come.
type ReconfStatus string

// The words are those of Sentinel's flags.
const (
	ReconfSent   ReconfStatus = "reconf_sent"
	ReconfInProg ReconfStatus = "reconf_inprog"
	ReconfDone   ReconfStatus = "reconf_done"
)

// Reconf is the progress of one replica in PhaseReconf.
type Reconf struct {
	Addr   Addr
	Status ReconfStatus
	// TimedOut: it counts as done because it took too long.
	TimedOut bool
}

// Failover is the record of one failover, running or finished.
type Failover struct {
	Claim
	Kind FailoverKind
	// Reason is why it was begun, in plain words.
	Reason string
	// From is the master's address at the start.
	From Addr
	// Evidence holds the votes that stood at the start.
	Evidence []Vote
	Phase    Phase
	// Candidate is the chosen replica from PhaseOrder on.
	Candidate Addr
	// Verdicts hold why each replica was or was not chosen.
	Verdicts []Verdict
	// Reconf holds the replicas that were re-pointed, by rising address.
	Reconf []Reconf

	Started    Time
	PhaseSince Time
	// Phases holds the phases that were entered, in order.
	Phases []PhaseTime `json:",omitempty"`
	// Switched is when the promotion was committed, 0 if it was not.
	Switched Time
	// Ended and Outcome are set when it is over: Outcome is "" while it runs,
	// "done", "done-timeout" or "aborted", and EndReason says why.
	Ended     Time
	Outcome   string
	EndReason string
}

// PhaseTime is when a phase was entered, by the clock of the member that
// carried the failover out then: the times of a record may come from two clocks.
type PhaseTime struct {
	Phase Phase
	At    Time
}

// ReconfOf returns the progress of a replica, "" if it has not been ordered.
func (f *Failover) ReconfOf(a Addr) ReconfStatus {
	for _, r := range f.Reconf {
		if r.Addr == a {
			return r.Status
		}
	}
	return ""
}

// Member is one node of redis-failover.
type Member struct {
	ID MemberID
	// RunID is the id of its present process.
	RunID string
	// Addr is what clients and the other members are told to connect to.
	Addr Addr
	// Version is the version of its build, for people.
	Version string
	// Schema is the newest one that its build knows; 0 counts as 1.
	Schema int `json:",omitempty"`
	// Alive: its votes count and it may hold claims.
	Alive bool
}

// Replica returns the known replica at an address.
func (m *Master) Replica(a Addr) (Replica, bool) {
	for _, r := range m.Replicas {
		if r.Addr == a {
			return r, true
		}
	}
	return Replica{}, false
}

// VotedDown reports whether that member says that the master is down.
func (m *Master) VotedDown(id MemberID) bool {
	for _, v := range m.Votes {
		if v.Member == id {
			return true
		}
	}
	return false
}
