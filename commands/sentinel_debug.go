package commands

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
	"redis-failover/monitor/scripts"
)

// Tuning holds what SENTINEL DEBUG changes and what no other part of a node
// keeps. It is safe for all goroutines.
type Tuning struct {
	// mu guards what follows, and that a change of several periods is one.
	mu       sync.Mutex
	defaults state.Settings
	unused   map[string]time.Duration
}

// NewTuning returns the tuning of a node that gives a new master these settings.
func NewTuning(defaults state.Settings) *Tuning {
	return &Tuning{defaults: defaults, unused: map[string]time.Duration{
		// Sentinel's own periods.
		"ask-period": time.Second, "publish-period": 2 * time.Second,
		"min-link-reconnect-period": 15 * time.Second, "election-timeout": 10 * time.Second,
	}}
}

// Defaults are the settings that SENTINEL MONITOR gives a new master.
func (t *Tuning) Defaults() state.Settings {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.defaults
}

// periods are all that SENTINEL DEBUG shows and changes, as a copy.
type periods struct {
	timing   failover.Timing
	times    scripts.Times
	defaults state.Settings
	unused   map[string]time.Duration
}

// debugParameters are Sentinel's, in its order. Those without a place are asked
// for by name in periods.unused: nodes of redis-failover ask each other nothing,
// publish no greeting, elect nobody and reconnect as soon as it is of use.
var debugParameters = []struct {
	name  string
	place func(*periods) *time.Duration
}{
	{"info-period", func(p *periods) *time.Duration { return &p.timing.InfoPeriod }},
	{"ping-period", func(p *periods) *time.Duration { return &p.timing.CheckInterval }},
	{"ask-period", nil},
	{"publish-period", nil},
	{"default-down-after", func(p *periods) *time.Duration { return &p.defaults.DownAfter }},
	{"default-failover-timeout", func(p *periods) *time.Duration { return &p.defaults.FailoverTimeout }},
	{"tilt-trigger", func(p *periods) *time.Duration { return &p.timing.TiltTrigger }},
	{"tilt-period", func(p *periods) *time.Duration { return &p.timing.TiltPeriod }},
	{"slave-reconf-timeout", func(p *periods) *time.Duration { return &p.timing.ReconfLimit }},
	{"min-link-reconnect-period", nil},
	{"election-timeout", nil},
	{"script-max-runtime", func(p *periods) *time.Duration { return &p.times.MaxRuntime }},
	{"script-retry-delay", func(p *periods) *time.Duration { return &p.times.RetryDelay }},
}

// longestPeriod keeps sums and multiples of periods far from the overflow of
// time.Duration.
const longestPeriod = 365 * 24 * time.Hour

func debugCommand() *Command {
	return &Command{
		Name: "debug", Arity: -2, Flags: Admin, Since: "7.0.0", Kind: Local,
		Syntax: "[<parameter> <milliseconds> [<parameter> <milliseconds> ...]]",
		Summary: "Shows the periods that this node goes by, or changes them until it stops: all that are given, or, " +
			"if one is wrong, none. " + unusedPeriods() + " are noted only: nothing here goes by them.",
		Handler: debug,
	}
}

// unusedPeriods are the names of those without a place, in words.
func unusedPeriods() string {
	var names []string
	for _, parameter := range debugParameters {
		if parameter.place == nil {
			names = append(names, parameter.name)
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func debug(c *Context, args []string) Reply {
	t := c.Node.Tuning
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &periods{timing: c.Node.Watcher.Timing(), times: c.Node.Scripts.Times(), defaults: t.defaults, unused: map[string]time.Duration{}}
	for name, period := range t.unused {
		p.unused[name] = period
	}
	if len(args) == 0 {
		return p.show()
	}
	for ; len(args) > 0; args = args[2:] {
		if fault := p.set(args); fault != nil {
			return fault
		}
	}
	c.Node.Watcher.SetTiming(p.timing)
	c.Node.Scripts.SetTimes(p.times)
	t.defaults, t.unused = p.defaults, p.unused
	return OK
}

// show is the reply without arguments: names in capitals, as Sentinel has it.
func (p *periods) show() Reply {
	list := make(Map, len(debugParameters))
	for i, parameter := range debugParameters {
		period := p.unused[parameter.name]
		if parameter.place != nil {
			period = *parameter.place(p)
		}
		list[i] = Pair{strings.ToUpper(parameter.name), Bulk(strconv.FormatInt(period.Milliseconds(), 10))}
	}
	return list
}

// set takes the first parameter of args, with its value.
func (p *periods) set(args []string) Reply {
	name := strings.ToLower(args[0])
	for _, parameter := range debugParameters {
		if parameter.name != name || len(args) < 2 {
			continue
		}
		millis, err := strconv.ParseInt(args[1], 10, 64)
		if err != nil || millis < 1 || millis > longestPeriod.Milliseconds() {
			return errDebugInvalid(args[0], args[1])
		}
		period := time.Duration(millis) * time.Millisecond
		if parameter.place == nil {
			p.unused[name] = period
		} else {
			*parameter.place(p) = period
		}
		return nil
	}
	return errDebugUnknown(args[0])
}
