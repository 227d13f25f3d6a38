package state

import "time"

// MutationID names a mutation for ever: the member that proposed it and that
// member's own rising number. A mutation that arrives twice is applied once.
type MutationID struct {
	Member MemberID
	Seq    uint64
}

// Mutation is one entry of the agreed log.
type Mutation struct {
	ID MutationID
	// At is the proposer's wall clock.
	At Time
	Op Op
	// Schema is set by DecodeMutation, if the log says that the entry needs a
	// later schema than can be seen from Op; else it is 0.
	Schema int
}

// Op is what a mutation does. The set of ops is closed: ops.go of this package
// lists them. An op that a build does not know is refused by Apply (a Refusal,
// never an error or a panic).
type Op interface{ kind() string }

// Outcome is what Apply says about one mutation.
type Outcome struct {
	// Refusal is "" when the mutation was accepted.
	Refusal Refusal
	// Detail is the refusal in plain words.
	Detail string
	// Unchanged: accepted, and the document was like that already.
	Unchanged bool
	// Count is how many masters were affected (OpReset, OpMonitor, …).
	Count int
	// Claim is what an OpBegin or OpTakeOver was granted.
	Claim Claim
	// Number is what an OpRepair was granted.
	Number uint64
	// Events are the new journal entries, in order.
	Events []Event
	// Masters are the names of the masters that the mutation touched.
	Masters []string
}

// Refused reports whether the mutation changed nothing by rule.
func (o Outcome) Refused() bool { return o.Refusal != "" }

// Refusal is the class of a refusal, a stable word for programs.
type Refusal string

const (
	// RefusedDuplicate: this mutation id was applied before. Its own outcome
	// is not kept; look at the document.
	RefusedDuplicate Refusal = "duplicate"
	// RefusedNoMaster: no master of that name.
	RefusedNoMaster Refusal = "no-such-master"
	// RefusedExists: a master of that name is there with another address.
	RefusedExists Refusal = "exists"
	// RefusedInvalid: a value out of range.
	RefusedInvalid Refusal = "invalid"
	// RefusedUnknown: an op that this build does not know, or cannot read.
	RefusedUnknown Refusal = "unknown-op"
	// RefusedSchema: it needs a later schema than the one in force, or it comes
	// from a member whose build knows less than what is in force.
	RefusedSchema Refusal = "schema"
	// RefusedInProgress: a failover runs.
	RefusedInProgress Refusal = "in-progress"
	// RefusedStale: formed under an older generation, claim, epoch or phase.
	RefusedStale Refusal = "stale"
	// RefusedNotDown: an automatic failover without ODOWN.
	RefusedNotDown Refusal = "not-odown"
	// RefusedPaused: an automatic failover or a repair of a paused group.
	RefusedPaused Refusal = "paused"
)

// OpMember says that a member runs, with its present process and address.
// Proposed by each node at its start and by a broker on membership changes.
type OpMember struct{ Member Member }

// OpAlive says that a member is or is not heard of. Dead members' votes do not
// count and their claims may be taken over.
type OpAlive struct {
	Member MemberID
	Alive  bool
}

// OpForget takes a member out of the document for good; one that is not there is
// accepted and changes nothing. A member that still runs comes back with its next
// OpMember, so its engine has to be rid of it first.
type OpForget struct{ Member MemberID }

// OpMonitor adds a master. The same name, address and quorum again is accepted
// and changes nothing.
type OpMonitor struct {
	Name     string
	Addr     Addr
	Quorum   int
	Settings Settings
	// IP is what Addr's host stands for, if that is a name and this is known.
	IP string `json:",omitzero"`
	// Replicas, ConfigEpoch and Epoch (the highest one that the file mentions)
	// come from a sentinel.conf that carries them.
	Replicas    []Addr
	ConfigEpoch Epoch
	Epoch       Epoch
	// Pause, if it is not nil, pauses the new master from its first moment; the
	// name in it does not matter.
	Pause *OpPause `json:",omitempty"`
	// Seed: it comes from a configuration file; see State.Seeded. A seed never
	// changes a master that exists.
	Seed bool
}

// OpRemove forgets a master.
type OpRemove struct{ Name string }

// OpSet changes settings: all of them, or none and a refusal.
type OpSet struct {
	Name    string
	Options []Option
}

// OpReset forgets what was learned of the named masters and ends what runs.
type OpReset struct{ Names []string }

// OpObserve records what the master at Addr (as of Generation) said of itself
// and of its replicas. Replicas are added, never removed.
type OpObserve struct {
	Name       string
	Generation uint64
	RunID      RunID  // "" leaves it
	ReplID     ReplID // "" leaves it
	Replicas   []SeenReplica
}

// SeenReplica is a replica as somebody listed it.
type SeenReplica struct {
	Addr  Addr
	RunID RunID // "" leaves it
	// IP is what a new replica's host stands for, if that is a name.
	IP string `json:",omitzero"`
}

// OpVote sets or withdraws one member's votes, a batch at a time.
type OpVote struct {
	Member MemberID
	Votes  []Ballot
}

// Ballot is one vote; it counts only in its generation.
type Ballot struct {
	Name       string
	Generation uint64
	Down       bool
}

// OpBegin asks for the claim on a new failover. The first valid one wins.
type OpBegin struct {
	Name       string
	Generation uint64
	Kind       FailoverKind
	Member     MemberID
	// After is the LastAttempt that the proposer saw when it judged that it
	// had waited long enough.
	After  Epoch
	Reason string
}

// OpTakeOver asks for the claim on a running failover.
type OpTakeOver struct {
	Name string
	// From is the claim to be replaced, as the proposer saw it.
	From   Claim
	Member MemberID
	Reason string
}

// OpSelect records the chosen candidate and leads to PhaseOrder.
type OpSelect struct {
	Name      string
	Claim     Claim
	Candidate Addr
	Verdicts  []Verdict
}

// OpWait records that the order was sent and not confirmed at once.
type OpWait struct {
	Name  string
	Claim Claim
}

// OpPromoted records that the candidate was seen to be a master: the switch.
type OpPromoted struct {
	Name   string
	Claim  Claim
	RunID  RunID
	ReplID ReplID
}

// OpProgress records how far the re-pointing has come.
type OpProgress struct {
	Name   string
	Claim  Claim
	Reconf []Reconf
}

// OpEnd ends a failover in PhaseReconf. Timeout: not all replicas were seen to
// follow in time; BestEffort lists those that are ordered once more, blindly.
type OpEnd struct {
	Name       string
	Claim      Claim
	Timeout    bool
	BestEffort []Addr
}

// OpAbort gives a failover up before its promotion was confirmed. Event is the
// Sentinel event that names the case, or NoteAborted.
type OpAbort struct {
	Name     string
	Claim    Claim
	Event    string
	Reason   string
	Verdicts []Verdict
	// RetryNow: see Master.RetryNow.
	RetryNow bool
}

// OpRepair asks for the right to re-point one replica outside of a failover.
type OpRepair struct {
	Name       string
	Generation uint64
	Addr       Addr
	Kind       RepairKind
	Member     MemberID
	Reason     string
}

// OpRepaired ends a repair: OK says that the replica was seen to follow.
type OpRepaired struct {
	Name   string
	Addr   Addr
	Number uint64
	OK     bool
	Reason string
}

// OpConfig changes global settings: all of them, or none and a refusal.
type OpConfig struct {
	Options []Option
	// Member, if set, is announced with the address Announce from now on: for a
	// command that changes both, and must not be taken halfway.
	Member   MemberID `json:",omitzero"`
	Announce Addr     `json:",omitzero"`
	// Seed: it comes from a configuration file, which changes nothing that was
	// ever set.
	Seed bool `json:",omitzero"`
}

// OpResolve says what the host name of a server of a group stands for. One member
// corrects what is known, see failover.Step; any may say what is not.
type OpResolve struct {
	Name string
	Addr Addr
	IP   string
}

// OpPause keeps redis-failover's hands off a group, see [Pause]. It replaces a
// pause that stands.
type OpPause struct {
	Name    string
	By, Why string
	For     time.Duration
}

// OpResume ends a pause: the one of Number, or, with 0, whichever stands. If none
// does, 0 is accepted and changes nothing.
type OpResume struct {
	Name   string
	Number uint64
	By     string
}

// OpUnknown stands for an op of a newer build, or one that cannot be read, as the
// codec found it.
type OpUnknown struct {
	Kind string
	Body []byte
}

func (OpMember) kind() string    { return "member" }
func (OpAlive) kind() string     { return "alive" }
func (OpForget) kind() string    { return "forget" }
func (OpMonitor) kind() string   { return "monitor" }
func (OpRemove) kind() string    { return "remove" }
func (OpSet) kind() string       { return "set" }
func (OpReset) kind() string     { return "reset" }
func (OpObserve) kind() string   { return "observe" }
func (OpVote) kind() string      { return "vote" }
func (OpBegin) kind() string     { return "begin" }
func (OpTakeOver) kind() string  { return "take-over" }
func (OpSelect) kind() string    { return "select" }
func (OpWait) kind() string      { return "wait" }
func (OpPromoted) kind() string  { return "promoted" }
func (OpProgress) kind() string  { return "progress" }
func (OpEnd) kind() string       { return "end" }
func (OpAbort) kind() string     { return "abort" }
func (OpRepair) kind() string    { return "repair" }
func (OpRepaired) kind() string  { return "repaired" }
func (OpConfig) kind() string    { return "config" }
func (OpResolve) kind() string   { return "resolve" }
func (OpPause) kind() string     { return "pause" }
func (OpResume) kind() string    { return "resume" }
func (o OpUnknown) kind() string { return o.Kind }

// Kind is the codec's name of an op.
func Kind(op Op) string { return op.kind() }
