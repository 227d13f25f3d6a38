package state

import "fmt"

// Level is the weight of an event, as Sentinel logs it.
type Level int8

const (
	// Note is ours: logged and kept in the journal, never published to
	// clients (Sentinel's debug level behaves so).
	Note Level = iota
	// Verbose is Sentinel's "-".
	Verbose
	// Notice is Sentinel's "*".
	Notice
	// Warning is Sentinel's "#".
	Warning
)

// Event is one thing that happened. Agreed events come out of Apply with a
// number; local ones (this node's own +sdown, -sdown, +reboot, role changes)
// have Seq 0.
type Event struct {
	Seq uint64
	// At is the proposer's (or for local events this node's) wall clock.
	At Time
	// Name is the channel it is published to, "+switch-master".
	Name  string
	Level Level
	// Master is the name of the master it concerns, "" for none.
	Master string
	// Member is the node that it introduces or credits to the others, "" for none.
	// That node itself does not publish it: no Sentinel greets itself.
	Member MemberID `json:",omitzero"`
	// Payload is the message, byte for byte what Sentinel publishes.
	Payload string
}

// The names of the events that Apply emits; all but +pause, +resume and the
// notes are Sentinel's.
const (
	EventMonitor        = "+monitor"
	EventUnmonitor      = "-monitor"
	EventSet            = "+set"
	EventReset          = "+reset-master"
	EventSlave          = "+slave"
	EventSentinel       = "+sentinel"
	EventSentinelMoved  = "+sentinel-address-switch"
	EventSentinelUpdate = "+sentinel-address-update"
	EventODown          = "+odown"
	EventODownEnd       = "-odown"
	EventNewEpoch       = "+new-epoch"
	EventTryFailover    = "+try-failover"
	EventVote           = "+vote-for-leader"
	EventElected        = "+elected-leader"
	EventSelect         = "+failover-state-select-slave"
	EventSelected       = "+selected-slave"
	EventOrder          = "+failover-state-send-slaveof-noone"
	EventWait           = "+failover-state-wait-promotion"
	EventPromoted       = "+promoted-slave"
	EventReconf         = "+failover-state-reconf-slaves"
	EventReconfSent     = "+slave-reconf-sent"
	EventReconfInProg   = "+slave-reconf-inprog"
	EventReconfDone     = "+slave-reconf-done"
	EventReconfTimeout  = "-slave-reconf-sent-timeout"
	EventReconfBestEff  = "+slave-reconf-sent-be"
	EventEnd            = "+failover-end"
	EventEndTimeout     = "+failover-end-for-timeout"
	EventSwitch         = "+switch-master"
	EventConfigFrom     = "+config-update-from"
	EventAbortNoReplica = "-failover-abort-no-good-slave"
	EventAbortTimeout   = "-failover-abort-slave-timeout"
	EventConvert        = "+convert-to-slave"
	EventFix            = "+fix-slave-config"

	// EventAbortOther is ours: a failover was given up for a reason that Sentinel has
	// no event for, which follows in words.
	EventAbortOther = "-failover-abort-other"
	// EventPause and EventResume are ours too: see Pause.
	EventPause  = "+pause"
	EventResume = "+resume"

	// NoteTakeOver: the failover goes on under a new claim.
	NoteTakeOver = "failover-taken-over"
	// NoteAborted stands for EventAbortOther: in mutations, and in the journal of
	// documents of schema 1.
	NoteAborted = "failover-aborted"
	// NoteRepairEnd: a repair was seen to have worked, or was given up.
	NoteRepairEnd = "repair-end"
	// NoteSchema: all members know a later schema, which is in force from now on.
	NoteSchema = "schema-in-force"
	// NoteResolved: a host name stands for another IP address.
	NoteResolved = "host-address"
)

// The local events, published by the node that saw them.
const (
	EventSDown         = "+sdown"
	EventSDownEnd      = "-sdown"
	EventReboot        = "+reboot"
	EventRoleAgrees    = "+role-change"
	EventRoleDisagrees = "-role-change"
)

// MonitorEvent says that a master is watched. It is agreed on at MONITOR, and
// local (without number and time) at the start of a node that finds the master
// in its document.
func (s *State) MonitorEvent(m *Master) Event {
	return Event{
		Name: EventMonitor, Level: Warning, Master: m.Name,
		Payload: fmt.Sprintf("%s quorum %d", s.details(m), m.Quorum),
	}
}

// MasterDetails is Sentinel's "@" for a master: "master <name> <ip> <port>".
func MasterDetails(name string, a Addr) string {
	return fmt.Sprintf("master %s %s %d", name, a.Host, a.Port)
}

// ReplicaDetails is Sentinel's "@" for a replica:
// "slave <ip:port> <ip> <port> @ <master> <mip> <mport>".
func ReplicaDetails(replica Addr, name string, master Addr) string {
	return fmt.Sprintf("slave %s %s %d @ %s %s %d", replica, replica.Host, replica.Port, name, master.Host, master.Port)
}

// SentinelDetails is Sentinel's "@" for a peer:
// "sentinel <id> <ip> <port> @ <master> <mip> <mport>".
func SentinelDetails(m Member, name string, master Addr) string {
	return fmt.Sprintf("sentinel %s %s %d @ %s %s %d", m.ID, m.Addr.Host, m.Addr.Port, name, master.Host, master.Port)
}
