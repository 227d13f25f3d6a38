package conf

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// setting is one row of the table of all that flags, the environment and keyed
// files can set.
type setting struct {
	// name is the flag, with '_' inside; the variable is envPrefix and the name
	// in upper case, and the name is a key of TOML and YAML too.
	name string
	// aliases are further names of the flag and the variable; keys are further
	// keys, such as "raft.addr".
	aliases, keys []string
	// arg stands for the value in the help text, "" for a flag without one.
	arg string
	// help says what it does; want says what is accepted, as a sentence.
	help, want string
	// secret: the value must not be shown. show returns hidden for one that is
	// set.
	secret bool
	// list settings take a comma list, or a list in TOML and YAML.
	list bool
	// flagOnly settings are no keys of a file.
	flagOnly bool
	// set reads a text into c, or returns what is wrong with it.
	set func(c *Config, text string) error
	// show is the text of the value in c.
	show func(c *Config) string
}

// fold makes one of the spellings of a name.
func fold(name string) string { return strings.ReplaceAll(name, "-", "_") }

// table is all settings.
type table []setting

// settings returns the table.
func settings() table {
	return slices.Concat(table{}, listenSettings(), userSettings(), tlsSettings(), masterSettings(), brokerSettings(), lookUpSettings(), hostSettings(), logSettings(), actionSettings())
}

// flag finds a setting by a flag's name without dashes.
func (t table) flag(name string) *setting {
	name = fold(name)
	for i := range t {
		if t[i].name == name || slices.Contains(t[i].aliases, name) {
			return &t[i]
		}
	}
	return nil
}

// key finds a setting by a key of a file, in any case.
func (t table) key(key string) *setting {
	key = strings.ToLower(fold(key))
	for i := range t {
		s := &t[i]
		if !s.flagOnly && (s.name == key || slices.Contains(s.aliases, key) || slices.Contains(s.keys, key)) {
			return s
		}
	}
	return nil
}

// flagNames are all names of flags, without dashes.
func (t table) flagNames() []string {
	var names []string
	for _, s := range t {
		names = append(names, s.name)
		names = append(names, s.aliases...)
	}
	return names
}

// keyNames are all keys of files.
func (t table) keyNames() []string {
	var names []string
	for _, s := range t {
		if s.flagOnly {
			continue
		}
		names = append(names, s.name)
		names = append(names, s.aliases...)
		names = append(names, s.keys...)
	}
	return names
}

// hidden stands for a value that must not be shown.
const hidden = "******"

// shown is a value as messages may contain it.
func (s *setting) shown(text string) string {
	if s.secret && text != "" {
		return hidden
	}
	return fault.Show(text)
}

// faults are the faults of a value that set refused, one for each joined error.
func (s *setting) faults(o origin, err error) []fault.Fault {
	errs := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs = joined.Unwrap()
	}
	faults := make([]fault.Fault, len(errs))
	for i, err := range errs {
		faults[i] = fault.Fault{At: o.at, Subject: o.subject, Problem: fault.Sentence(err), Remedy: s.want}
	}
	return faults
}

func listenSettings() table {
	return table{
		{
			name: "addr", arg: "HOST:PORT",
			help: "where the node listens",
			want: "Give host:port, or :port for all addresses of the machine; port 0 is any free port, and off is no such listener.",
			set:  func(c *Config, text string) error { return setListen(&c.Server.Listen, text) },
			show: func(c *Config) string { return orElse(listenText(c.Server.Listen), listenOff) },
		},
		{
			name: "tls_addr", arg: "HOST:PORT", keys: []string{"tls.addr"},
			help: "where the node listens with TLS, beside -addr or, with -addr off, alone",
			want: "Give host:port, or :port for all addresses of the machine, or off.",
			set:  func(c *Config, text string) error { return setTLSListen(&c.Server.TLSListen, text) },
			show: func(c *Config) string { return listenText(c.Server.TLSListen) },
		},
		{
			name: "socket", arg: "PATH",
			help: "a Unix socket to listen on, beside -addr or, with -addr off, alone",
			want: "Name a path in a directory that this process may write to.",
			set:  func(c *Config, text string) error { c.Server.UnixSocket = text; return nil },
			show: func(c *Config) string { return c.Server.UnixSocket },
		},
		{
			name: "socket_mode", arg: "OCTAL",
			help: "the permissions of -socket, such as 770; what the umask leaves if not given",
			want: "Give octal digits, from 0 to 777.",
			set:  func(c *Config, text string) error { return setMode(&c.Server.UnixSocketMode, text) },
			show: func(c *Config) string { return modeText(c.Server.UnixSocketMode) },
		},
		{
			name: "password", arg: "PASSWORD", secret: true,
			help: "what clients must show with AUTH; the command line can be seen by others, the variable and the file less so",
			want: "Give any text.",
			set:  func(c *Config, text string) error { c.Server.RequirePass = state.Secret(text); return nil },
			show: func(c *Config) string { return hiddenText(c.Server.RequirePass) },
		},
		{
			name: "http_addr", arg: "HOST:PORT",
			help: "a listener of its own for HTTP, or 'off'; without it HTTP is served on the node's address",
			want: "Give host:port, 'off' for no HTTP, or nothing to serve it on the node's address.",
			set:  setHTTPAddr,
			show: func(c *Config) string { return c.Server.HTTPAddr },
		},
		{
			name: "http_hosts", arg: "LIST", list: true,
			help: "host names by which HTTP clients may call the node, besides its addresses, localhost and its announced name",
			want: "Give host names without ports, with commas between, or * for any name.",
			set:  setHTTPHosts,
			show: func(c *Config) string { return strings.Join(c.Server.HTTPHosts, ",") },
		},
		{
			name: "announce_addr", arg: "HOST:PORT",
			help: "what others are told to connect to, if it is not -addr",
			want: "Give the host:port that others reach this node by.",
			set:  func(c *Config, text string) error { return setAddr(&c.Server.AnnounceAddr, text) },
			show: func(c *Config) string { return c.Server.announceText() },
		},
	}
}

// listenOff as an address is no address to listen on.
const listenOff = "off"

// setTLSListen is setListen for an address that need not be given.
func setTLSListen(listen *[]Listen, text string) error {
	if text == "" {
		text = listenOff
	}
	return setListen(listen, text)
}

// setListen reads one address to listen on, or that there is none.
func setListen(listen *[]Listen, text string) error {
	if strings.EqualFold(text, listenOff) {
		*listen = nil
		return nil
	}
	addr, err := parseListenAddr(text)
	if err == nil {
		*listen = []Listen{{Network: "tcp", Addr: addr}}
	}
	return err
}

// setMode reads permissions; an empty text is none.
func setMode(mode *fs.FileMode, text string) error {
	if text == "" {
		*mode = 0
		return nil
	}
	n, err := strconv.ParseUint(text, 8, 32)
	if err != nil || n > 0o777 {
		return errors.New("these are no permissions")
	}
	*mode = fs.FileMode(n)
	return nil
}

func modeText(mode fs.FileMode) string {
	if mode == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(mode), 8)
}

// hiddenText shows that there is a secret.
func hiddenText(s state.Secret) string {
	if s == "" {
		return ""
	}
	return hidden
}

func setHTTPAddr(c *Config, text string) error {
	if text == "" || text == HTTPOff {
		c.Server.HTTPAddr = text
		return nil
	}
	addr, err := parseListenAddr(text)
	if err == nil {
		c.Server.HTTPAddr = addr
	}
	return err
}

func setHTTPHosts(c *Config, text string) error {
	hosts := splitList(text)
	var errs []error
	for _, host := range hosts {
		if strings.ContainsAny(host, " \t\r\n:/@") {
			errs = append(errs, fmt.Errorf("%q is not a host name", host))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.Server.HTTPHosts = hosts
	return nil
}

func masterSettings() table {
	return table{
		{
			name: "masters", arg: "LIST", list: true,
			help: "masters to watch: host:port or name=host:port, with commas between",
			want: "Give host:port or name=host:port; the host may be a name, IPv6 goes into brackets.",
			set:  setMasters,
			show: func(c *Config) string { return c.mastersText() },
		},
		{
			name: "masters_state", arg: "STATE",
			help: "'existing' keeps the masters that were saved, 'new' forgets them",
			want: "Give existing or new.",
			set: func(c *Config, text string) error {
				return setWord(&c.MastersState, text, MastersExisting, MastersNew)
			},
			show: func(c *Config) string { return string(c.MastersState) },
		},
		{
			name: "check_interval", arg: "MS",
			help: "time between two probes of a healthy server",
			want: "Give 10 to 60000 milliseconds, or a duration such as 500ms.",
			set: func(c *Config, text string) error {
				return setDuration(&c.Monitor.CheckInterval, text, time.Millisecond)
			},
			show: func(c *Config) string { return inUnits(c.Monitor.CheckInterval, time.Millisecond) },
		},
		{
			name: "source_addr", arg: "IP",
			help: "the address of this machine that servers and members are connected to from",
			want: "Give an IP address of this machine.",
			set:  setSource,
			show: func(c *Config) string { return c.Monitor.BindSource },
		},
		{
			name: "max_down_time", arg: "SECONDS",
			help: "down-after of the masters of -masters; fractions are accepted",
			want: "Give seconds such as 3 or 0.2, or a duration such as 500ms; the least is 1ms, the most 24h.",
			set: func(c *Config, text string) error {
				d, err := parseDuration(text, time.Second)
				if err == nil {
					c.NewMaster.DownAfter = d.Round(minDownAfter)
				}
				return err
			},
			show: func(c *Config) string { return inUnits(c.NewMaster.DownAfter, time.Second) },
		},
		{
			name: "quorum", arg: "N",
			help: "how many nodes must agree that a master of -masters is down; 0 is a majority",
			want: "Give a whole number from 1, or 0 for a majority of the nodes.",
			set: func(c *Config, text string) error {
				n, err := parseInt(text)
				if err == nil {
					c.NewMaster.Quorum = n
				}
				return err
			},
			show: func(c *Config) string { return fmt.Sprint(c.NewMaster.Quorum) },
		},
		yesNoSetting("stop_after_failed_failover", "after an automatic failover that failed, wait for SENTINEL RESUME; default of all masters",
			func(c *Config) *bool { return &c.NewMaster.StopAfterFailure }),
	}
}

func setSource(c *Config, text string) error {
	if _, err := netip.ParseAddr(text); text != "" && err != nil {
		return errors.New("this is not an IP address")
	}
	c.Monitor.BindSource = text
	return nil
}

func setMasters(c *Config, text string) error {
	var masters []Master
	var errs []error
	for _, item := range splitList(text) {
		name, addr, err := ParseMaster(item)
		if err == nil {
			masters = append(masters, Master{Name: name, Addr: addr, FromFlags: true})
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.Masters = masters
	return nil
}

func setDuration(d *time.Duration, text string, unit time.Duration) error {
	parsed, err := parseDuration(text, unit)
	if err == nil {
		*d = parsed
	}
	return err
}

// setWord reads one of a few words; an empty text is the first of them.
func setWord[T ~string](word *T, text string, allowed ...T) error {
	chosen := T(strings.ToLower(text))
	if chosen == "" {
		chosen = allowed[0]
	}
	if !slices.Contains(allowed, chosen) {
		return fmt.Errorf("there is no choice %q", text)
	}
	*word = chosen
	return nil
}

func lookUpSettings() table {
	return table{
		yesNoSetting("isolated_answers", "without a majority, answer look-ups with what was last known; 'no' makes clients ask another node",
			func(c *Config) *bool { return &c.LookUps.IsolatedAnswers }),
		yesNoSetting("linearizable_reads", "have a majority confirm the answer to each look-up",
			func(c *Config) *bool { return &c.LookUps.Linearizable }),
	}
}

func hostSettings() table {
	return table{
		globalSetting("resolve_hostnames", state.ResolveHostnames, "accept host names of servers, on all nodes, unless that was said before"),
		globalSetting("announce_hostnames", state.AnnounceHostnames, "tell clients these names, on all nodes, unless that was said before"),
	}
}

// globalSetting is a setting that holds for all nodes and is yes or no.
func globalSetting(name, global, help string) setting {
	return setting{
		name: name, arg: "YES|NO", help: help, want: "Give yes or no.",
		set: func(c *Config, text string) error {
			var is bool
			err := setBool(&is, text, "yes nor no")
			if err == nil {
				c.Sentinel.set(global, map[bool]string{true: "yes", false: "no"}[is])
			}
			return err
		},
		show: func(c *Config) string { return cmp.Or(c.Sentinel.Global(global), "no") },
	}
}

func yesNoSetting(name, help string, field func(*Config) *bool, keys ...string) setting {
	return setting{
		name: name, arg: "YES|NO", keys: keys, help: help, want: "Give yes or no.",
		set:  func(c *Config, text string) error { return setBool(field(c), text, "yes nor no") },
		show: func(c *Config) string { return map[bool]string{true: "yes", false: "no"}[*field(c)] },
	}
}

// setBool reads a truth. words are those that the setting is documented with.
func setBool(b *bool, text, words string) error {
	switch strings.ToLower(text) {
	case "true", "yes", "1":
		*b = true
	case "false", "no", "0":
		*b = false
	default:
		return fmt.Errorf("%q is neither %s", text, words)
	}
	return nil
}

func logSettings() table {
	return table{
		{
			name: "log_level", arg: "LEVEL",
			help: "debug, verbose, notice (info), warning (warn), error or nothing",
			want: "Give debug, verbose, notice (info), warning (warn), error or nothing.",
			set: func(c *Config, text string) error {
				level, err := ParseLevel(text)
				if err == nil {
					c.Log.Level = level
				}
				return err
			},
			show: func(c *Config) string { return LevelName(c.Log.Level) },
		},
		{
			name: "log_format", arg: "FORMAT",
			help: "text or json",
			want: "Give text or json.",
			set: func(c *Config, text string) error {
				return setWord(&c.Log.Format, text, "text", "json")
			},
			show: func(c *Config) string { return c.Log.Format },
		},
		{
			name: "service_manager", arg: "WHICH",
			help: "who is told how the node is: auto (whom NOTIFY_SOCKET names, if any), systemd or no",
			want: "Give auto, systemd or no.",
			set:  setSupervised,
			show: func(c *Config) string { return string(c.Supervised) },
		},
	}
}

// setSupervised takes Redis's words. Upstart asked its services to stop
// themselves, and is gone.
func setSupervised(c *Config, text string) error {
	if strings.EqualFold(text, "upstart") {
		text = string(SupervisedNo)
	}
	return setWord(&c.Supervised, text, SupervisedAuto, SupervisedSystemd, SupervisedNo)
}

// actionSettings are those that say what to do, and so make no sense in a file.
func actionSettings() table {
	return table{
		{
			name: "config", arg: "FILE", flagOnly: true,
			help: "the configuration file, the same as CONFIG",
			want: "Name one file.",
			set:  func(c *Config, text string) error { c.File = text; return nil },
			show: func(c *Config) string { return c.File },
		},
		actionSetting("check", "validate the configuration, say all that is wrong with it, and exit",
			func(c *Config) *bool { return &c.Check }),
		actionSetting("version", "print the version and exit", func(c *Config) *bool { return &c.Version }, "v"),
		actionSetting("help", "print this text and exit", func(c *Config) *bool { return &c.Help }, "h"),
	}
}

func actionSetting(name, help string, field func(*Config) *bool, aliases ...string) setting {
	return setting{
		name: name, aliases: aliases, help: help, flagOnly: true,
		want: "Give -" + name + " alone, or with =true or =false.",
		set:  func(c *Config, text string) error { return setBool(field(c), text, "true nor false") },
		show: func(c *Config) string { return fmt.Sprint(*field(c)) },
	}
}
