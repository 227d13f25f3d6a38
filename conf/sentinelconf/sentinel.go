package sentinelconf

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// The passes in which sentinel lines are applied.
const (
	nodePass    = iota // what the whole node needs to know
	monitorPass        // the masters
	masterPass         // what is said of them
	passes
)

// sentinelDirective is the form of a sentinel line.
type sentinelDirective struct {
	pass int
	// min and max number of arguments.
	min, max int
	usage    string
	// secret: no argument may be shown.
	secret bool
}

// sentinelDirectives are those that are not settings of a master; the settings
// are in the option table of cluster/state.
var sentinelDirectives = map[string]sentinelDirective{
	"announce-ip":           {pass: nodePass, min: 1, max: 1, usage: "<ip>"},
	"announce-port":         {pass: nodePass, min: 1, max: 1, usage: "<port>"},
	"deny-scripts-reconfig": {pass: nodePass, min: 1, max: 1, usage: "yes|no"},
	"sentinel-user":         {pass: nodePass, min: 1, max: 1, usage: "<user>"},
	"sentinel-pass":         {pass: nodePass, min: 1, max: 1, usage: "<password>", secret: true},
	"current-epoch":         {pass: nodePass, min: 1, max: 1, usage: "<epoch>"},
	"myid":                  {pass: nodePass, min: 1, max: 1, usage: "<40 hex digits>"},
	"resolve-hostnames":     {pass: nodePass, min: 1, max: 1, usage: "yes|no"},
	"announce-hostnames":    {pass: nodePass, min: 1, max: 1, usage: "yes|no"},
	// Ours: see conf.LookUps.
	"isolated-answers":   {pass: nodePass, min: 1, max: 1, usage: "yes|no"},
	"linearizable-reads": {pass: nodePass, min: 1, max: 1, usage: "yes|no"},

	"monitor": {pass: monitorPass, min: 4, max: 4, usage: "<master> <host> <port> <quorum>"},

	"config-epoch":   {pass: masterPass, min: 2, max: 2, usage: "<master> <epoch>"},
	"leader-epoch":   {pass: masterPass, min: 2, max: 2, usage: "<master> <epoch>"},
	"known-replica":  {pass: masterPass, min: 3, max: 3, usage: "<master> <host> <port>"},
	"known-slave":    {pass: masterPass, min: 3, max: 3, usage: "<master> <host> <port>"},
	"known-sentinel": {pass: masterPass, min: 3, max: 4, usage: "<master> <host> <port> <run id>"},
}

// isOption reports whether a line sets an option of a master. The quorum is
// one to SENTINEL SET only; in the file it stands in the monitor line.
func isOption(name string) bool {
	_, ok := state.OptionValues(name)
	return ok && !strings.EqualFold(name, "quorum")
}

// form returns the form of a sentinel line, false if there is no such line.
func form(name string) (sentinelDirective, bool) {
	if d, ok := sentinelDirectives[name]; ok {
		return d, true
	}
	if !isOption(name) {
		return sentinelDirective{}, false
	}
	values, _ := state.OptionValues(name)
	return sentinelDirective{pass: masterPass, min: 1 + values, max: 1 + values,
		usage: "<master>" + strings.Repeat(" <value>", values)}, true
}

// sentinelNames are the words that may follow "sentinel".
func sentinelNames() []string {
	var names []string
	for name := range sentinelDirectives {
		names = append(names, name)
	}
	for _, name := range state.OptionNames() {
		if isOption(name) {
			names = append(names, name)
		}
	}
	return names
}

const unrecognized = "Unrecognized sentinel configuration statement."

// queue puts a sentinel line aside for its pass. The word alone means nothing.
func (p *parser) queue(l Line) {
	if len(l.Words) == 1 {
		return
	}
	q := queuedLine{Line: l, name: strings.ToLower(l.Words[1]), args: l.Words[2:]}
	d, known := form(q.name)
	switch {
	case !known:
		p.fault(l, unrecognized, fault.DidYouMean(q.name, sentinelNames(), "No version of Sentinel knows a directive of this name."))
	case len(q.args) < d.min || len(q.args) > d.max:
		p.fault(l, unrecognized, "The form is: sentinel "+q.name+" "+d.usage)
	default:
		p.queued[d.pass] = append(p.queued[d.pass], q)
	}
}

// sentinelLines applies what was queued.
func (p *parser) sentinelLines() {
	for _, q := range p.queued[nodePass] {
		p.node(q)
	}
	for _, q := range p.queued[monitorPass] {
		p.monitor(q)
	}
	for _, q := range p.queued[masterPass] {
		p.aboutMaster(q)
	}
}

// node applies a line about the node itself. Empty addresses, users and
// passwords are as if the line were not there.
func (p *parser) node(q queuedLine) {
	f, l, value := p.file, q.Line, q.args[0]
	switch q.name {
	case "announce-ip":
		p.announceIP(l, value)
	case "announce-port":
		p.announcePort(l, value)
	case "deny-scripts-reconfig":
		p.yesNo(&f.DenyScriptsReconfig, l, value, "Please specify yes or no for the deny-scripts-reconfig options.")
	case "resolve-hostnames":
		p.yesNo(&f.ResolveHostnames, l, value, "Please specify yes or no for the resolve-hostnames option.")
	case "announce-hostnames":
		p.yesNo(&f.AnnounceHostnames, l, value, "Please specify yes or no for the announce-hostnames option.")
	case "isolated-answers":
		p.yesNo(&f.IsolatedAnswers, l, value, "Please specify yes or no for the isolated-answers option.")
	case "linearizable-reads":
		p.yesNo(&f.LinearizableReads, l, value, "Please specify yes or no for the linearizable-reads option.")
	case "sentinel-user":
		if value != "" {
			f.SentinelUser = Given[string]{value, l}
		}
	case "sentinel-pass":
		if value != "" {
			f.SentinelPass = Given[state.Secret]{state.Secret(value), l}
		}
	case "current-epoch":
		if e, ok := p.epoch(l, value); ok {
			p.raiseEpoch(e)
		}
	case "myid":
		p.myID(l, value)
	}
}

func (p *parser) announceIP(l Line, host string) {
	switch {
	case host == "":
	case !isHost(host):
		p.fault(l, "This is not an address.", "Give the IP address or host name that others reach this node by.")
	default:
		p.file.AnnounceIP = Given[string]{host, l}
	}
}

// announcePort takes 0 as Sentinel does: the port that the node listens on.
func (p *parser) announcePort(l Line, text string) {
	if n, ok := p.number(l, text, 0, math.MaxUint16); ok && n > 0 {
		p.file.AnnouncePort = Given[int]{n, l}
	}
}

func (p *parser) yesNo(g *Given[bool], l Line, value, problem string) {
	switch strings.ToLower(value) {
	case "yes":
		*g = Given[bool]{true, l}
	case "no":
		*g = Given[bool]{false, l}
	default:
		p.fault(l, problem, "Nothing else is accepted here.")
	}
}

func (p *parser) epoch(l Line, text string) (state.Epoch, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		p.fault(l, "'"+fault.Show(text)+"' is not an epoch.", "Give a whole number from 0.")
	}
	return state.Epoch(n), err == nil
}

func (p *parser) myID(l Line, id string) {
	if len(id) != 40 || strings.ContainsFunc(id, func(r rune) bool { return r > 0x7f || !isHex(byte(r)) }) {
		p.fault(l, "Malformed Sentinel id in myid option.", "Give 40 hex digits, or remove the line to have an id drawn.")
		return
	}
	p.file.MyID = Given[state.MemberID]{state.MemberID(strings.ToLower(id)), l}
}

// isIP reports whether a host needs no name service.
func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// maxHost is the longest name that DNS can hold.
const maxHost = 253

// isHost reports whether text can be an IP address or a host name.
func isHost(text string) bool {
	if isIP(text) {
		return true
	}
	return text != "" && len(text) <= maxHost && !strings.ContainsFunc(text, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`:/[]@,"'`, r)
	})
}

// SentinelForms returns the forms of all lines that begin with "sentinel", without
// that word, sorted: "monitor <master> <host> <port> <quorum>".
func SentinelForms() []string {
	var forms []string
	for _, name := range sentinelNames() {
		f, _ := form(name)
		forms = append(forms, name+" "+f.usage)
	}
	slices.Sort(forms)
	return forms
}
