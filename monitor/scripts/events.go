package scripts

import (
	"strconv"

	"redis-failover/cluster/state"
)

// The events of scripts themselves. They concern no master, so no script is run
// for them.
const (
	// EventTimeout: "<path> <pid>", a script was killed because it ran too long.
	EventTimeout = "-script-timeout"
	// EventError: "<path> <signal> <exit code>", a script was given up. Signal
	// 99 says that the system could not start it now.
	EventError = "-script-error"
)

// The options that name scripts.
const (
	settingNotification = "notification-script"
	settingReconfig     = "client-reconfig-script"
)

// notification is the run of a notification-script that an event asks for, nil
// if it asks for none. m is the master it concerns, nil if there is none.
func notification(e state.Event, m *state.Master) *job {
	if e.Level != state.Warning || m == nil || m.NotificationScript == "" {
		return nil
	}
	return &job{argv: []string{m.NotificationScript, e.Name, e.Payload}, master: m.Name}
}

// The words of a client-reconfig-script. Sentinel has never given another state
// than "start".
const (
	roleLeader   = "leader"
	roleObserver = "observer"
	stateStart   = "start"
)

// reconfiguration is the run of a client-reconfig-script that the way from one
// version of a master to another asks for, nil if it asks for none. Whoever was
// away for several switches runs it once: clients are to be brought to where the
// master is, not led past where it has been.
func reconfiguration(before, after *state.Master, self state.MemberID) *job {
	if after.ClientReconfigScript == "" || before.Addr == after.Addr {
		return nil
	}
	f := lastSwitch(after)
	if f == nil || f.Candidate != after.Addr {
		return nil // removed and monitored anew, at another address
	}
	role := roleObserver
	if f.Holder == self {
		role = roleLeader
	}
	argv := []string{after.ClientReconfigScript, after.Name, role, stateStart}
	return &job{argv: append(append(argv, words(before.Addr)...), words(after.Addr)...), master: after.Name, reconfig: true}
}

func words(a state.Addr) []string { return []string{a.Host, strconv.Itoa(a.Port)} }

// lastSwitch is the last failover of a master that changed its address, nil if
// there is none.
func lastSwitch(m *state.Master) *state.Failover {
	if m.Failover != nil && m.Failover.Switched != 0 {
		return m.Failover
	}
	for i := len(m.History) - 1; i >= 0; i-- {
		if m.History[i].Switched != 0 {
			return &m.History[i]
		}
	}
	return nil
}
