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
	switch name {
	case "port":
		p.port(l)
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

func (p *parser) port(l Line) {
	n, ok := p.number(l, l.Words[1], 0, math.MaxUint16)
	switch {
	case !ok:
	case n == 0:
		p.fault(l, "port 0 would turn plain TCP off, and this program serves nothing else yet.",
			"Give a port from 1 to 65535; to serve this machine only, add: bind 127.0.0.1")
	default:
		p.file.Port = Given[int]{n, l}
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

func (p *parser) timeout(l Line) {
	if n, ok := p.number(l, l.Words[1], 0, math.MaxInt32); ok {
		p.file.Timeout = Given[time.Duration]{time.Duration(n) * time.Second, l}
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
	if why := lessProtected(l.name(), l.Words[1:]); why != "" {
		p.notice(l, l.name()+" has no effect yet: "+why, true)
		return
	}
	p.notice(l, l.name()+" has no effect here.", false)
}

// lessProtected says what a directive without effect was meant to protect, ""
// if it was not.
func lessProtected(name string, args []string) string {
	first := strings.ToLower(args[0])
	switch name {
	case "user":
		if isOpenDefaultUser(args) {
			return ""
		}
		return "ACL users are not applied. Clients are held back by requirepass only."
	case "aclfile":
		if first == "" {
			return ""
		}
		return "ACL users are not applied. Clients are held back by requirepass only."
	case "protected-mode":
		if first != "yes" {
			return ""
		}
		return "Clients of other machines are not refused. Use bind or requirepass."
	case "tls-port":
		if first == "0" {
			return ""
		}
		return "The node serves plain TCP only."
	case "tls-replication":
		if first != "yes" {
			return ""
		}
		return "The links to Redis are plain TCP."
	}
	return ""
}

// isOpenDefaultUser recognises the line that Sentinel itself writes for a
// default user that may do anything without a password.
func isOpenDefaultUser(args []string) bool {
	for _, word := range []string{"default", "on", "nopass", "+@all"} {
		if !slices.Contains(args, word) {
			return false
		}
	}
	return true
}
