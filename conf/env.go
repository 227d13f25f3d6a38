package conf

import (
	"strings"

	"redis-failover/conf/fault"
)

// envPrefix begins the name of each variable.
const envPrefix = "REDIS_FAILOVER_"

// variable is the environment's name of a setting.
func variable(name string) string { return envPrefix + strings.ToUpper(name) }

// layer is what one place gives: for each setting, by name, the text and where
// it stands.
type layer map[string]entry

type entry struct {
	text   string
	origin origin
}

// readEnv picks the settings out of "NAME=value" pairs. An empty variable is as
// good as none: that is how scripts and containers unset one.
//
// Unknown names are no fault: a cluster manager that runs a service by our name
// puts REDIS_FAILOVER_PORT, REDIS_FAILOVER_SERVICE_HOST and the like into every
// environment. A name that is nearly right is worth a notice.
func readEnv(t table, environ []string, c *Config, faults *fault.Collector) layer {
	given := make(layer)
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		bare, ours := strings.CutPrefix(name, envPrefix)
		if !ours || value == "" {
			continue
		}
		s := t.variable(bare)
		if s == nil {
			noticeMistyped(t, name, bare, c)
			continue
		}
		o := origin{at: Pos{Name: name}, subject: name + "=" + s.shown(value)}
		given.add(s, entry{value, o}, faults)
	}
	return given
}

// variable finds a setting by the end of a variable's name. What a process is
// asked to do once has none.
func (t table) variable(bare string) *setting {
	s := t.flag(strings.ToLower(bare))
	if s == nil || s.arg == "" || bare != strings.ToUpper(bare) {
		return nil
	}
	return s
}

func noticeMistyped(t table, name, bare string, c *Config) {
	near := fault.Nearest(bare, t.flagNames())
	if near == "" || strings.HasPrefix(bare, "PORT") {
		return
	}
	text := "This variable is not read; did you mean " + variable(near) + "?"
	if variable(near) == name {
		text = "This variable is not read; -" + near + " is a flag only."
	}
	c.Notices = append(c.Notices, Notice{At: Pos{Name: name}, Text: text})
}

// add records one value. Two names for one setting in one place must agree.
func (l layer) add(s *setting, e entry, faults *fault.Collector) {
	if old, ok := l[s.name]; ok && old.origin.at != e.origin.at && old.text != e.text {
		faults.Add(fault.Fault{At: e.origin.at, Subject: e.origin.subject,
			Problem: "This is the same setting as '" + old.origin.subject + "', with another value.", Remedy: "Keep one of them."})
		return
	}
	l[s.name] = e
}
