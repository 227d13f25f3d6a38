package failover

import (
	"time"

	"redis-failover/cluster/state"
)

// View is what this node observes of one group, for replies and metrics. It is
// a copy: the reader owns it. Agreed facts (address, quorum, failover) are in
// the document, not here.
type View struct {
	// Generation is the one that the observations belong to.
	Generation uint64
	Master     ServerView
	// Reset: the group was reset (SENTINEL RESET, or MONITOR after REMOVE) while
	// this node watched it, the last time ResetFor ago.
	Reset    bool
	ResetFor time.Duration
	// Why is the reason, in words, why nothing is done at present; "" if none.
	Why string
	// Replicas are sorted by address; those of the document, whether or not
	// they have been reached.
	Replicas []ServerView
	// Foreign are the Sentinels, none of ours, that were heard at the master of
	// late: other authorities over the same group. Their number is 0 in good order.
	Foreign []ForeignView
}

// ForeignView is a Sentinel that is none of ours.
type ForeignView struct {
	Hello
	// LastHeard is the age of its last greeting.
	LastHeard time.Duration
}

// ServerView is what this node observes of one Redis server. Ages are
// durations up to the moment of the copy.
type ServerView struct {
	Addr  state.Addr
	RunID state.RunID
	// Linked: the connection is up and authenticated.
	Linked bool
	// Pending is the number of requests that have no reply yet.
	Pending int
	// LastPingSent is the age of the oldest unanswered PING, 0 if none.
	LastPingSent time.Duration
	// LastOKPing is the age of the last valid PING reply, LastPing that of the
	// last reply of any kind; both count from the start of the observation
	// while there was none.
	LastOKPing time.Duration
	LastPing   time.Duration
	// Trouble is why it gives no valid answer, and since when, in words; "" while
	// it answers.
	Trouble string
	SDown   bool
	// SDownFor is how long SDown has stood.
	SDownFor time.Duration
	// InfoAge is the age of the last INFO, 0 if there was none (HasInfo).
	InfoAge time.Duration
	HasInfo bool
	// Info is the text of the last full INFO, "" if none.
	Info string
	// Role is what the server says it is ("master" or "slave"); before it has
	// said anything, what the document expects. RoleFor is since when.
	Role    string
	RoleFor time.Duration

	// The following come from INFO replication of a replica.

	// MasterHost and MasterPort: whom it follows; "" and 0 while unknown.
	MasterHost string
	MasterPort int
	// MasterLinkUp: its replication link is up.
	MasterLinkUp bool
	// MasterLinkDown is for how long its link has been down; -1 s if it never
	// was up; 0 when up or unknown.
	MasterLinkDown time.Duration
	Priority       int
	Offset         int64
	// Announced is false when the replica asked not to be listed.
	Announced bool
	// RebootPending is Sentinel's master_reboot flag.
	RebootPending bool
	// ScriptKillSent is Sentinel's script_kill_sent flag: in the present SDOWN the
	// server was told to end the script that keeps it busy.
	ScriptKillSent bool
}

// MemberView is what this node observes of another member: what it is told when
// it asks that member for its id. Whether the member counts as alive is agreed
// and in the document.
type MemberView struct {
	// Heard: it has answered this process at least once.
	Heard bool
	// LastHeard is the age of its last valid answer. Before the first one it is
	// for how long this process has known the member.
	LastHeard time.Duration
	// Silent is LastHeard without what was before the last long pause of this
	// process, in which nobody could have been heard.
	Silent time.Duration
	// Connected: a connection is up and the credentials were accepted.
	Connected bool
	// LinkPending: a question has no answer yet, and was asked PendingFor ago.
	LinkPending bool
	PendingFor  time.Duration
	// IP is where it was reached last, if it is announced with a host name; "" if
	// it was not, or is not.
	IP string
	// Trouble is why the last question was not answered, in words; "" if it was,
	// or if none has ended yet.
	Trouble string
}

// memberSilence is after how long without an answer a member is down for this
// node, whatever the members agree on: a node without a majority agrees with
// nobody. With a majority they have agreed on it before.
const memberSilence = 5 * time.Second

// Down reports whether a member is down for this node: by agreement, or because
// this node does not hear it.
func (v MemberView) Down(m state.Member) bool { return !m.Alive || v.Silent >= memberSilence }

// DownFor is for how long a member that is Down has been so, as far as this node
// can tell.
func (v MemberView) DownFor() time.Duration { return max(0, v.Silent-memberSilence) }
