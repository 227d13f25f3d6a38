package commands

import (
	"strconv"
	"strings"

	"redis-failover/cluster/state"
)

// SENTINEL CONFIG. What concerns the whole service is in the document and holds
// for all nodes; what concerns one node (its address, its log level) holds for this
// process, as no configuration file is ever written.

// The settings of one node.
const (
	announceIP   = "announce-ip"
	announcePort = "announce-port"
	logLevel     = "loglevel"
)

// configNames are all settings, in the order in which CONFIG GET lists them.
var configNames = []string{
	state.ResolveHostnames, state.AnnounceHostnames, announceIP, announcePort,
	state.SentinelUser, state.SentinelPass, logLevel,
}

func configCommand() *Command {
	return &Command{
		Name: "config", Arity: -4, Flags: Admin, Since: "6.2.0", Kind: Propose,
		Syntax: "<GET <pattern> [<pattern> ...]|SET <parameter> <value> [<parameter> <value> ...]>",
		Summary: "Shows or changes settings: all of those given, or, if one is wrong, none. " +
			"resolve-hostnames, announce-hostnames, sentinel-user and sentinel-pass hold for all nodes; " +
			"announce-ip, announce-port and loglevel for this one, until it is restarted.",
		Handler: func(c *Context, args []string) Reply {
			switch verb := strings.ToLower(args[0]); {
			case verb == "get":
				return configGet(c, args[1:])
			case verb == "set" && len(args) >= 3:
				return configSet(c, args[1:])
			}
			return errConfigVerb
		},
	}
}

// configGet lists no setting twice. Patterns match in any case.
func configGet(c *Context, patterns []string) Reply {
	list := Map{}
	listed := make(map[string]bool, len(configNames))
	for _, pattern := range patterns {
		pattern = strings.ToLower(pattern)
		for _, name := range configNames {
			if !listed[name] && Match(pattern, name) {
				listed[name] = true
				list = append(list, Pair{name, Bulk(configValue(c, name))})
			}
		}
	}
	return list
}

// configValue shows passwords too, as Sentinel does.
func configValue(c *Context, name string) string {
	switch name {
	case announceIP:
		return c.Node.Announcement.told().Host
	case announcePort:
		return strconv.Itoa(c.Node.Announcement.told().Port)
	case logLevel:
		return c.Node.LogLevel.Name()
	}
	value, _ := c.state().Global(name)
	return value
}

// configChange is what one CONFIG SET is to do.
type configChange struct {
	globals  []state.Option
	announce state.Addr
	level    string
}

func configSet(c *Context, words []string) Reply {
	change := configChange{announce: c.Node.Announcement.told()}
	if fault := change.read(c, words); fault != nil {
		return fault
	}
	if fault := change.commit(c); fault != nil {
		return fault
	}
	c.Node.Announcement.tell(change.announce)
	if change.level != "" {
		c.Node.LogLevel.Set(change.level)
	}
	return OK
}

// read checks all settings before any is applied, in Sentinel's order.
func (change *configChange) read(c *Context, words []string) Reply {
	seen := make(map[string]bool, len(configNames))
	for i := 0; i < len(words); i += 2 {
		name := strings.ToLower(words[i])
		switch {
		case name != announceIP && name != announcePort && name != logLevel && !state.IsGlobal(name):
			return errConfigName(words[i])
		case seen[name]:
			return errConfigTwice(words[i])
		case i+1 == len(words):
			return errConfigMissing(words[i])
		}
		seen[name] = true
		if fault := refuseControl(c.Command, words[i:i+2], 3+i); fault != nil {
			return fault
		}
		if !change.take(c, name, words[i+1]) {
			return errConfigValue(words[i], words[i+1])
		}
	}
	return nil
}

// take notes one setting and returns false if the value is none for it.
func (change *configChange) take(c *Context, name, value string) bool {
	switch name {
	case announceIP:
		change.announce.Host = value
		return value == "" || state.IsHost(value)
	case announcePort:
		n, err := strconv.ParseUint(value, 10, 16)
		change.announce.Port = int(n)
		return err == nil
	case logLevel:
		change.level = value
		return c.Node.LogLevel.Knows(value)
	}
	o := state.Option{Name: name, Values: []string{value}}
	change.globals = append(change.globals, o)
	return state.CheckGlobal(o) == nil
}

// commit puts what all nodes must know into the document, in one piece.
func (change *configChange) commit(c *Context) Reply {
	op := state.OpConfig{Options: change.globals}
	if change.announce != c.Node.Announcement.told() {
		self, ok := c.state().Member(c.Node.Broker.Self())
		if !ok {
			return errNotAnnounced
		}
		self.Addr = c.Node.Announcement.complete(change.announce)
		if len(op.Options) == 0 {
			_, fault := c.propose(state.OpMember{Member: self})
			return fault
		}
		op.Member, op.Announce = self.ID, self.Addr
	}
	if len(op.Options) == 0 {
		return nil
	}
	_, fault := c.propose(op)
	return fault
}
