package sentinelconf

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// general applies one directive of redis.conf. Those without a case are
// accepted without effect.
func (p *parser) general(l Line) {
	name, args := l.name(), l.Words[1:]
	d, known := redisDirectives[name]
	if !known {
		p.fault(l, "Bad directive or wrong number of arguments.",
			fault.DidYouMean(name, DirectiveNames(), "No version of Redis knows a directive of this name."))
		return
	}
	if len(args) < d.min || d.max >= 0 && len(args) > d.max {
		p.fault(l, "Bad directive or wrong number of arguments.", argumentsRemedy(name, d, args))
		return
	}
	if _, ok := others[name]; ok {
		p.file.Others[name] = Given[string]{args[0], l}
		return
	}
	switch name {
	case "port":
		p.port(&p.file.Port, l)
	case "tls-port":
		p.port(&p.file.TLSPort, l)
	case "protected-mode":
		p.yesNo(&p.file.ProtectedMode, l, args[0], yesOrNo)
	case "tls-session-caching":
		p.yesNo(&p.file.SessionTickets, l, args[0], yesOrNo)
	case "tcp-keepalive":
		p.keepAlive(l)
	case "tcp-backlog":
		p.backlog(l)
	case "bind":
		p.bind(l)
	case "dir":
		p.dir(l)
	case "logfile":
		p.file.LogFile = Given[string]{args[0], l}
	case "loglevel":
		p.logLevel(l)
	case "requirepass":
		p.file.RequirePass = Given[state.Secret]{state.Secret(args[0]), l}
	case "user":
		p.user(l)
	case "timeout":
		p.timeout(l)
	case "maxclients":
		p.maxClients(l)
	case "client-output-buffer-limit":
		p.bufferLimits(l)
	default:
		p.withoutEffect(l)
	}
}

func argumentsRemedy(name string, d redisDirective, args []string) string {
	if slices.ContainsFunc(args, func(w string) bool { return strings.HasPrefix(w, "#") }) {
		return "A comment must stand on a line of its own."
	}
	switch {
	case d.min == d.max && d.min == 1:
		return name + ` takes one argument; put quotes around one that contains spaces, and "" for an empty one.`
	case d.min == d.max:
		return name + " takes " + strconv.Itoa(d.min) + " arguments."
	case d.max > 0:
		return name + " takes " + strconv.Itoa(d.min) + " to " + strconv.Itoa(d.max) + " arguments."
	}
	return name + " takes at least " + strconv.Itoa(d.min) + " arguments."
}

// number reads an argument that must be a whole number from least to most.
func (p *parser) number(l Line, text string, least, most int) (int, bool) {
	n, err := strconv.Atoi(text)
	if err == nil && n >= least && n <= most {
		return n, true
	}
	bounds := strconv.Itoa(least) + " and " + strconv.Itoa(most)
	if err != nil {
		p.fault(l, "argument couldn't be parsed into an integer.", "Give a whole number between "+bounds+".")
	} else {
		p.fault(l, "argument must be between "+bounds+" inclusive.", "Give a number in that range.")
	}
	return 0, false
}

// yesOrNo is Redis's word for anything else.
const yesOrNo = "argument must be 'yes' or 'no'."

// others are the directives of File.Others.
var others = map[string]otherKind{
	"aclfile": isPath, "acllog-max-len": isText, "acl-pubsub-default": isText, "pidfile": isPath, "supervised": isText, "unixsocket": isPath, "unixsocketperm": isText, "bind-source-addr": isText,
	"tls-cert-file": isPath, "tls-key-file": isPath, "tls-key-file-pass": isText,
	"tls-client-cert-file": isPath, "tls-client-key-file": isPath, "tls-client-key-file-pass": isText,
	"tls-ca-cert-file": isPath, "tls-ca-cert-dir": isPath,
	"tls-auth-clients": isText, "tls-protocols": isText, "tls-ciphers": isText, "tls-replication": isText,
}

type otherKind int8

const (
	isText otherKind = iota + 1
	isPath
)

func (p *parser) port(g *Given[int], l Line) {
	if n, ok := p.number(l, l.Words[1], 0, math.MaxUint16); ok {
		*g = Given[int]{n, l}
	}
}

// bind takes the addresses as they are written; the caller knows the port.
func (p *parser) bind(l Line) {
	for _, host := range l.Words[1:] {
		if bare := strings.TrimPrefix(host, "-"); bare != "*" && bare != "::*" && !isHost(bare) {
			p.fault(l, "'"+fault.Show(host)+"' is not an address to listen on.",
				"Give IP addresses, * for all of IPv4 or ::* for all of IPv6; a - before one lets it be missing.")
			return
		}
	}
	p.file.Bind = Given[[]string]{slices.Clone(l.Words[1:]), l}
}

// dir must exist, as in Redis: a mistyped one would begin an empty history in a
// new place.
func (p *parser) dir(l Line) {
	dir := p.reader.path(l.Words[1])
	if !p.disk.IsDir(dir) {
		p.fault(l, "No such file or directory.", "Create the directory "+fault.Show(dir)+", or name one that exists.")
		return
	}
	p.reader.dir = dir
	p.file.Dir = Given[string]{dir, l}
}

// logLevels are Redis's, the most talkative first.
var logLevels = []string{"debug", "verbose", "notice", "warning", "nothing"}

func (p *parser) logLevel(l Line) {
	level := strings.ToLower(l.Words[1])
	if !slices.Contains(logLevels, level) {
		all := strings.Join(logLevels, ", ")
		p.fault(l, "argument(s) must be one of the following: "+all+".", fault.DidYouMean(level, logLevels, "Give one of these."))
		return
	}
	p.file.LogLevel = Given[string]{level, l}
}

func (p *parser) user(l Line) {
	user := User{Line: l, Name: l.Words[1]}
	for _, rule := range l.Words[2:] {
		user.Rules = append(user.Rules, state.Secret(rule))
	}
	p.file.Users = append(p.file.Users, user)
}

func (p *parser) timeout(l Line) {
	if n, ok := p.number(l, l.Words[1], 0, math.MaxInt32); ok {
		p.file.Timeout = Given[time.Duration]{time.Duration(n) * time.Second, l}
	}
}

func (p *parser) keepAlive(l Line) {
	if n, ok := p.number(l, l.Words[1], 0, math.MaxInt32); ok {
		p.file.KeepAlive = Given[time.Duration]{time.Duration(n) * time.Second, l}
	}
}

func (p *parser) backlog(l Line) {
	if n, ok := p.number(l, l.Words[1], 0, math.MaxInt32); ok {
		p.file.Backlog = Given[int]{n, l}
	}
}

func (p *parser) maxClients(l Line) {
	if n, ok := p.number(l, l.Words[1], 1, math.MaxInt32); ok {
		p.file.MaxClients = Given[int]{n, l}
	}
}

// bufferLimits reads groups of class, hard limit, soft limit and seconds. Only
// the class pubsub means anything here: other clients get one reply at a time.
func (p *parser) bufferLimits(l Line) {
	args := l.Words[1:]
	if len(args)%4 != 0 {
		p.fault(l, "Wrong number of arguments in buffer limit configuration.",
			"Each class takes three numbers: client-output-buffer-limit pubsub 32mb 8mb 60")
		return
	}
	for group := range slices.Chunk(args, 4) {
		class := strings.ToLower(group[0])
		if !slices.Contains([]string{"normal", "replica", "slave", "pubsub"}, class) {
			p.fault(l, "Invalid client class specified in buffer limit configuration.", "Give normal, replica or pubsub.")
			return
		}
		limit, ok := bufferLimit(group[1:])
		if !ok {
			p.fault(l, "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
				"Give two sizes such as 32mb, 8mb or 0, and a number of seconds.")
			return
		}
		if class == "pubsub" {
			p.file.PubSubLimit = Given[BufferLimit]{limit, l}
		} else {
			p.notice(l, "The output buffer limit of "+class+" clients has no effect; that of pubsub clients has.", false)
		}
	}
}

func bufferLimit(words []string) (BufferLimit, bool) {
	hard, ok1 := memory(words[0])
	soft, ok2 := memory(words[1])
	seconds, err := strconv.ParseInt(words[2], 10, 32)
	limit := BufferLimit{Hard: hard, Soft: soft, SoftFor: time.Duration(seconds) * time.Second}
	return limit, ok1 && ok2 && err == nil && seconds >= 0
}

// memory reads a size with Redis's units: k, m and g are powers of 1000, kb, mb
// and gb powers of 1024.
func memory(text string) (int64, bool) {
	digits := strings.TrimRight(strings.ToLower(text), "bgkm")
	factor, ok := map[string]int64{
		"": 1, "b": 1, "k": 1e3, "kb": 1 << 10, "m": 1e6, "mb": 1 << 20, "g": 1e9, "gb": 1 << 30,
	}[strings.ToLower(text)[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 0 || n > math.MaxInt64/factor {
		return 0, false
	}
	return n * factor, true
}

// withoutEffect records a directive that is accepted and not acted on.
func (p *parser) withoutEffect(l Line) {
	if why, ok := otherwise[l.name()]; ok && strings.ToLower(l.Words[1]) != "no" {
		p.notice(l, l.name()+" has no effect here: "+why, false)
		return
	}
	p.notice(l, l.name()+" has no effect here.", false)
}

// otherwise says what is done in place of what some directives ask for.
var otherwise = map[string]string{
	"daemonize":                 "the process stays in the foreground; a service manager puts it into the background.",
	"syslog-enabled":            "the log goes to logfile, or to standard output, which a service manager keeps.",
	"tls-dh-params-file":        "keys are exchanged by elliptic curves only, which take no parameters.",
	"tls-ciphersuites":          "with TLS 1.3 Go offers all its ciphers, each of which is safe.",
	"tls-prefer-server-ciphers": "Go chooses the best cipher that both ends have.",
	"tls-session-cache-size":    "sessions are resumed by tickets, which take no memory of the node.",
	"tls-session-cache-timeout": "sessions are resumed by tickets, which are good until the certificates are read anew.",
}
