package commands

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"
)

func monitorCommand() *Command {
	return &Command{
		Name: "monitor", Arity: 6, Flags: Admin, Since: "2.8.4", Kind: Propose,
		Syntax: "<name> <ip> <port> <quorum>",
		Summary: "Starts monitoring a master, on all nodes. " +
			"The same name, address and quorum again is OK, so scripts may tell every node.",
		Handler: monitor,
	}
}

// monitor checks its arguments in Sentinel's order.
func monitor(c *Context, args []string) Reply {
	name, host, portText, quorumText := args[0], args[1], args[2], args[3]
	if fault := refuseControl(c.Command, args, 2); fault != nil {
		return fault
	}
	quorum, err := strconv.ParseInt(quorumText, 10, 64)
	if err != nil || quorum > maxQuorum {
		return errInvalidQuorum
	}
	port, err := strconv.ParseInt(portText, 10, 64)
	if err != nil {
		return errInvalidPort
	}
	if quorum < 1 {
		return errQuorumLow
	}
	host, ip := resolve(c, name, host)
	if host == "" {
		return errInvalidHost
	}
	if port < 1 || port > 65535 {
		return errPortRange
	}
	if _, fault := c.propose(state.OpMonitor{
		Name: name, Addr: state.Addr{Host: host, Port: int(port)}, IP: ip,
		Quorum: int(quorum), Settings: c.Node.Tuning.Defaults(),
	}); fault != nil {
		return fault
	}
	return OK
}

// resolveWithin bounds how long MONITOR waits for a resolver.
const resolveWithin = 5 * time.Second

// resolve returns a master's host as the document keeps it, and what it stands for
// if it is a name; "" for a host that is not accepted. A name must be known to the
// resolver, or a slip of the pen would be watched for ever; but not for a master
// that is there already, as scripts tell every node.
func resolve(c *Context, master, host string) (as, ip string) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip.Zone() != "" {
			return "", ""
		}
		return ip.String(), ""
	}
	if !c.state().ResolveHostnames() || !state.IsHost(host) {
		return "", ""
	}
	if m, ok := c.state().Master(master); ok && m.Addr.Host == host {
		return host, ""
	}
	ctx, cancel := context.WithTimeout(c, resolveWithin)
	defer cancel()
	addrs, err := c.Node.Resolve(ctx, host)
	if err != nil || len(addrs) == 0 || !state.IsIP(addrs[0]) {
		return "", ""
	}
	return host, addrs[0]
}

// maxQuorum is far above any number of nodes, and fits everywhere.
const maxQuorum = 1<<31 - 1

// refuseControl refuses control characters, which could break lines of
// configuration files, events and INFO. first is the position of args[0] in the
// whole command, counting from zero.
func refuseControl(cmd *Command, args []string, first int) Reply {
	for i, arg := range args {
		for _, b := range []byte(arg) {
			if b < 0x20 || b == 0x7f {
				return errControlCharacters(first+i, cmd)
			}
		}
	}
	return nil
}

func removeCommand() *Command {
	return &Command{
		Name: "remove", Arity: 3, Flags: Admin, Since: "2.8.4", Kind: Propose,
		Syntax: "<master-name>", Summary: "Stops monitoring a master, on all nodes.",
		Handler: func(c *Context, args []string) Reply {
			if _, fault := c.propose(state.OpRemove{Name: args[0]}); fault != nil {
				return fault
			}
			return OK
		},
	}
}

func setCommand() *Command {
	return &Command{
		Name: "set", Arity: -5, Flags: Admin, Since: "2.8.4", Kind: Propose,
		Syntax: "<master-name> <option> <value> [<option> <value> ...]",
		Summary: "Changes settings of a master, on all nodes: all of them, or, if one is wrong, none. Options: " +
			strings.Join(state.OptionNames(), ", ") + ".",
		Handler: set,
	}
}

// set changes all or nothing. Sentinel applies the options before a wrong one.
func set(c *Context, args []string) Reply {
	if fault := refuseControl(c.Command, args[1:], 3); fault != nil {
		return fault
	}
	options, fault := parseOptions(c, args[1:])
	if fault != nil {
		if _, unknown := c.master(args[0]); unknown != nil {
			return unknown // Sentinel looks at the name first
		}
		return fault
	}
	if _, fault := c.propose(state.OpSet{Name: args[0], Options: options}); fault != nil {
		return fault
	}
	return OK
}

// parseOptions reads and checks options with their values.
func parseOptions(c *Context, words []string) ([]state.Option, Reply) {
	var options []state.Option
	// Options are valid or not whatever the master's other settings are.
	var scratch state.Master
	for len(words) > 0 {
		count, ok := state.OptionValues(words[0])
		if !ok || len(words) < 1+count {
			return nil, errSetUnknown(words[0])
		}
		o := state.Option{Name: words[0], Values: words[1 : 1+count]}
		words = words[1+count:]
		if fault := checkScript(c, o); fault != nil {
			return nil, fault
		}
		if err := scratch.Set(o); err != nil {
			return nil, setFault(o, err)
		}
		options = append(options, o)
	}
	return options, nil
}

func setFault(o state.Option, err error) Reply {
	if invalid, ok := errors.AsType[state.ErrInvalidValue](err); ok {
		value := invalid.Value
		if len(o.Values) == 2 && o.Values[0] != "" {
			value = o.Values[1] // of rename-command, it is the empty one that is wrong
		}
		return errSetInvalid(o.Name, value)
	}
	return errSetUnknown(o.Name)
}

// checkScript guards the options that name programs to be run here: whoever
// may call SENTINEL SET could run anything with them.
func checkScript(c *Context, o state.Option) Reply {
	missing := map[string]Error{
		"notification-script":    errNotifyScript,
		"client-reconfig-script": errReconfigScript,
	}[strings.ToLower(o.Name)]
	switch {
	case missing == "":
		return nil
	case !c.Node.AllowScripts:
		return errScriptsDenied
	case o.Values[0] != "" && c.Node.Scripts.Runnable(o.Values[0]) != nil:
		return missing
	}
	return nil
}

func resetCommand() *Command {
	return &Command{
		Name: "reset", Arity: 3, Flags: Admin, Since: "2.8.4", Kind: Propose,
		Syntax: "<pattern>",
		Summary: "Forgets what was learned of the masters whose names match, on all nodes, " +
			"and ends a failover that runs. Returns how many they were.",
		Handler: reset,
	}
}

// reset matches the pattern on a current document: what another node was told
// a moment ago is included.
func reset(c *Context, args []string) Reply {
	if fault := c.sync(); fault != nil {
		return fault
	}
	var names []string
	for _, name := range masterNames(c.state()) {
		if Match(args[0], name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return Int(0)
	}
	out, fault := c.propose(state.OpReset{Names: names})
	if fault != nil {
		return fault
	}
	return Int(out.Count)
}
