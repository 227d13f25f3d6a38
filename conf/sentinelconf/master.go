package sentinelconf

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// monitor adds a master: name, host, port, quorum.
func (p *parser) monitor(q queuedLine) {
	name := q.args[0]
	p.broken[name] = true
	if _, twice := p.masters[name]; twice {
		first := p.file.Masters[p.masters[name]].Line.At
		p.fault(q.Line, "Duplicate master name.", "It is monitored at "+first.String()+" already; remove one of the lines.")
		return
	}
	quorum, ok := p.quorum(q.Line, q.args[3])
	if !ok || !p.masterName(q.Line, name) {
		return
	}
	addr, ok := p.addr(q.Line, q.args[1], q.args[2])
	if !ok {
		return
	}
	delete(p.broken, name)
	p.masters[name] = len(p.file.Masters)
	p.file.Masters = append(p.file.Masters, Master{
		Line: q.Line, Name: name, Addr: addr, Quorum: quorum,
		Settings: state.DefaultSettings(), sentinels: make(map[string]bool), options: make(map[string]bool),
	})
}

func (p *parser) quorum(l Line, text string) (int, bool) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		p.fault(l, "Quorum must be 1 or greater.", "Give how many nodes must agree that the master is down.")
		return 0, false
	}
	return int(n), true
}

// masterName refuses names that cannot be shown or written in a command.
func (p *parser) masterName(l Line, name string) bool {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		p.fault(l, "This is not a usable master name.", "Use letters, digits and the characters .-_")
		return false
	}
	return true
}

// addr reads the address of a Redis server.
func (p *parser) addr(l Line, host, port string) (state.Addr, bool) {
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > math.MaxUint16 {
		p.fault(l, "Invalid port number.", "Give a port from 1 to 65535.")
		return state.Addr{}, false
	}
	switch {
	case !isHost(host):
		p.fault(l, "Can't resolve instance hostname.", "Give an IP address.")
	case !isIP(host) && !p.file.ResolveHostnames.Value:
		p.fault(l, "Can't resolve instance hostname.",
			"Give an IP address, or allow host names with: sentinel resolve-hostnames yes")
	default:
		return state.Addr{Host: host, Port: n}, true
	}
	return state.Addr{}, false
}

// aboutMaster applies a line about one master.
func (p *parser) aboutMaster(q queuedLine) {
	m := p.master(q)
	if m == nil {
		return
	}
	switch q.name {
	case "config-epoch":
		if e, ok := p.epoch(q.Line, q.args[1]); ok {
			m.ConfigEpoch = e
			p.raiseEpoch(e)
		}
	case "leader-epoch":
		if _, ok := p.epoch(q.Line, q.args[1]); ok {
			p.notice(q.Line, "leader-epoch has no effect here: votes of Sentinel's protocol are not carried over.", false)
		}
	case "known-replica", "known-slave":
		p.knownReplica(m, q)
	case "known-sentinel":
		p.knownSentinel(m, q)
	default:
		p.option(m, q)
	}
}

// master finds the master that a line speaks of. For one whose monitor line is
// wrong it returns a stand-in, so that the line itself is still checked.
func (p *parser) master(q queuedLine) *Master {
	name := q.args[0]
	if i, ok := p.masters[name]; ok {
		return &p.file.Masters[i]
	}
	if p.broken[name] {
		return &Master{Name: name, Settings: state.DefaultSettings(), sentinels: make(map[string]bool), options: make(map[string]bool)}
	}
	names := make([]string, len(p.file.Masters))
	for i, m := range p.file.Masters {
		names[i] = m.Name
	}
	p.fault(q.Line, "No such master with specified name.",
		fault.DidYouMean(name, names, "Add the line: sentinel monitor "+fault.Show(name)+" <host> <port> <quorum>"))
	return nil
}

func (p *parser) knownReplica(m *Master, q queuedLine) {
	addr, ok := p.addr(q.Line, q.args[1], q.args[2])
	if !ok {
		return
	}
	if i := slices.IndexFunc(m.Replicas, func(r Replica) bool { return r.Addr == addr }); i >= 0 {
		p.fault(q.Line, "Duplicate hostname and port for replica.",
			"It is listed at "+m.Replicas[i].Line.At.String()+" already; remove one of the lines.")
		return
	}
	m.Replicas = append(m.Replicas, Replica{Line: q.Line, Addr: addr})
}

// knownSentinel checks the line. Who the other nodes are is the broker's to
// know, and a Sentinel cannot be one.
func (p *parser) knownSentinel(m *Master, q queuedLine) {
	if len(q.args) == 4 {
		if _, ok := p.addr(q.Line, q.args[1], q.args[2]); !ok {
			return
		}
		if id := q.args[3]; m.sentinels[id] {
			p.fault(q.Line, "Duplicate runid for sentinel.", "Remove one of the lines with this run id.")
			return
		} else {
			m.sentinels[id] = true
		}
	}
	p.notice(q.Line, "known-sentinel has no effect here: the nodes know each other through the broker.", false)
}

// optionFaults are Redis's words for a bad value of an option.
var optionFaults = map[string][2]string{
	"down-after-milliseconds":          {"negative or zero time parameter.", "Give milliseconds, from 1."},
	"failover-timeout":                 {"negative or zero time parameter.", "Give milliseconds, from 1."},
	"master-reboot-down-after-period":  {"negative time parameter.", "Give milliseconds, from 1, or 0 to turn the rule off."},
	"primary-reboot-down-after-period": {"negative time parameter.", "Give milliseconds, from 1, or 0 to turn the rule off."},
	"replica-witness-wait":             {"negative time parameter.", "Give milliseconds, from 1, or 0 to turn the rule off."},
	"stop-after-failed-failover":       {"argument must be 'yes' or 'no'", "Give yes or no."},
	"parallel-syncs":                   {"This is not a number of replicas.", "Give a whole number from 1."},
	"rename-command":                   {"A command cannot be renamed to or from nothing.", "Give the command and its new name."},
}

// option sets an option of a master by the table that SENTINEL SET uses.
func (p *parser) option(m *Master, q queuedLine) {
	values := q.args[1:]
	switch q.name {
	case "parallel-syncs":
		values = p.atLeastOne(q.Line, values)
	case "notification-script":
		values = p.script(q.Line, values, "Notification script seems non existing or non executable.")
	case "client-reconfig-script":
		values = p.script(q.Line, values, "Client reconfiguration script seems non existing or non executable.")
	case "rename-command":
		values = p.renameOnce(m, q.Line, values)
	}
	if values == nil {
		return
	}
	scratch := state.Master{Settings: m.Settings}
	if err := scratch.Set(state.Option{Name: q.name, Values: values}); err != nil {
		text, ok := optionFaults[q.name]
		if !ok {
			text = [2]string{fault.Sentence(err), "Give a value that SENTINEL SET accepts."}
		}
		p.fault(q.Line, text[0], text[1])
		return
	}
	m.Settings = scratch.Settings
	m.options[q.name] = true
}

// atLeastOne reads parallel-syncs 0, which Sentinel accepts in a file and then
// re-points no replica until the failover times out, as the least that works.
func (p *parser) atLeastOne(l Line, values []string) []string {
	if values[0] != "0" {
		return values
	}
	p.notice(l, "parallel-syncs 0 would re-point no replica after a failover; 1 is used.", false)
	return []string{"1"}
}

// script makes the path of a script independent of the working directory and
// returns nil if it cannot be run.
func (p *parser) script(l Line, values []string, problem string) []string {
	if values[0] == "" {
		return values
	}
	path := p.reader.path(values[0])
	if !p.disk.Runnable(path) {
		p.fault(l, problem, "Create "+fault.Show(path)+" and make it executable (chmod +x).")
		return nil
	}
	return []string{path}
}

// renameOnce returns nil if the command has a new name already.
func (p *parser) renameOnce(m *Master, l Line, values []string) []string {
	if command := strings.ToUpper(values[0]); m.Settings.CommandName(command) != command {
		p.fault(l, "Same command renamed multiple times with rename-command.", "Keep one line for each command of a master.")
		return nil
	}
	return values
}
