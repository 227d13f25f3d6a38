package monitor

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"redis-failover/cluster/state"
	"redis-failover/monitor/failover"
)

// Bounds on what a reply may claim, so that a stranger's server at a wrong
// address can neither flood the document nor overflow a duration.
const (
	maxListedReplicas = 1024
	maxHostLen        = 255
	maxPort           = 65535
	maxInfoSeconds    = 1 << 32 // 136 years
)

// idLen is the length of a run id and of a replication id, in hex digits.
const idLen = 40

// noHistory is how a server writes that it has no (second) replication history.
var noHistory = strings.Repeat("0", idLen)

// defaultPriority is that of a replica that does not report slave_priority.
const defaultPriority = 100

// ParseInfo reads the text of an INFO reply, full or of one section. It never
// fails: lines that it does not know, and values that cannot be true (a port
// above 65535, an id that is not 40 hex digits), count as absent. The order of
// the lines does not matter; they may end in CRLF or LF. The result shares no
// memory with text, so keeping it does not keep the reply.
func ParseInfo(text string) failover.Facts {
	p := infoParser{
		facts: failover.Facts{
			SecondOffset: -1,
			LastIO:       -time.Second,
			Priority:     defaultPriority,
			Announced:    true,
		},
		masterOffset:  absent,
		replicaOffset: absent,
	}
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":"); ok {
			p.line(key, value)
		}
	}
	return p.finish()
}

// absent marks an offset that was not reported. Reported ones are at least -1.
const absent = math.MinInt64

// infoParser collects facts line by line. The two offsets wait here until the
// role says which of them counts.
type infoParser struct {
	facts                       failover.Facts
	masterOffset, replicaOffset int64
}

func (p *infoParser) line(key, value string) {
	f := &p.facts
	switch key {
	case "run_id":
		setID(&f.RunID, value)
	case "loading":
		f.Loading = value == "1"
	case "role":
		p.role(value)
	case "slaves":
		p.listedTogether(value)
	case "master_replid":
		setHistory(&f.ReplID, value)
	case "master_replid2":
		setHistory(&f.ReplID2, value)
	case "second_repl_offset":
		setNumber(&f.SecondOffset, value, -1, math.MaxInt64)
	case "master_repl_offset":
		setNumber(&p.masterOffset, value, -1, math.MaxInt64)
	default:
		if isReplicaKey(key) {
			p.listed(value)
			return
		}
		p.replicaLine(key, value)
	}
}

// replicaLine reads what a replica says of itself and of the link to its master.
func (p *infoParser) replicaLine(key, value string) {
	f := &p.facts
	switch key {
	case "master_host":
		if validHost(value) {
			f.MasterHost = strings.Clone(value)
		}
	case "master_port":
		setNumber(&f.MasterPort, value, 1, maxPort)
	case "slaveof":
		p.upstream(value)
	case "master_link_status":
		f.LinkUp = value == "up"
	case "master_sync_in_progress":
		f.Syncing = value == "1"
	case "master_link_down_since_seconds":
		setSeconds(&f.LinkDown, value)
	case "master_last_io_seconds_ago":
		setSeconds(&f.LastIO, value)
	case "slave_priority":
		setNumber(&f.Priority, value, 0, math.MaxInt32)
	case "slave_repl_offset":
		setNumber(&p.replicaOffset, value, -1, math.MaxInt64)
	case "replica_announced":
		f.Announced = value != "0"
	}
}

func (p *infoParser) role(value string) {
	switch value {
	case "master":
		p.facts.Role = failover.RoleMaster
	case "slave":
		p.facts.Role = failover.RoleReplica
	}
}

// listed reads one replica of a master's list.
func (p *infoParser) listed(value string) {
	if len(p.facts.Replicas) >= maxListedReplicas {
		return
	}
	if addr, ok := parseListed(value); ok {
		p.facts.Replicas = append(p.facts.Replicas, addr)
	}
}

// listedTogether reads the replicas of an engine that has one line for all of
// them, "host:port,host:port".
func (p *infoParser) listedTogether(value string) {
	for value != "" && len(p.facts.Replicas) < maxListedReplicas {
		var one string
		one, value, _ = strings.Cut(value, ",")
		if addr, ok := parseJoined(one); ok {
			p.facts.Replicas = append(p.facts.Replicas, addr)
		}
	}
}

// upstream reads the master of a replica that has one line for both halves of
// its address, "host:port"; it is empty for a master.
func (p *infoParser) upstream(value string) {
	if addr, ok := parseJoined(value); ok {
		p.facts.MasterHost, p.facts.MasterPort = addr.Host, addr.Port
	}
}

// parseJoined reads "host:port", with brackets around IPv6.
func parseJoined(value string) (state.Addr, bool) {
	addr, err := state.ParseAddr(value)
	if err != nil || !validHost(addr.Host) {
		return state.Addr{}, false
	}
	return state.Addr{Host: strings.Clone(addr.Host), Port: addr.Port}, true
}

// finish drops what does not count under the reported role and returns the
// facts.
func (p *infoParser) finish() failover.Facts {
	f := p.facts
	offset := p.masterOffset
	switch f.Role {
	case failover.RoleMaster:
		f.MasterHost, f.MasterPort = "", 0
		f.LinkUp, f.Syncing, f.LinkDown, f.LastIO = false, false, 0, -time.Second
	case failover.RoleReplica:
		// Its own replicas are not the group's: those of the master are.
		f.Replicas = nil
		offset = p.replicaOffset
	}
	if offset != absent {
		f.Offset, f.HasOffset = offset, true
	}
	return f
}

// isReplicaKey recognises "slave0", "slave12", … and leaves slave_priority and
// its like alone.
func isReplicaKey(key string) bool {
	const prefix = "slave"
	return strings.HasPrefix(key, prefix) && len(key) > len(prefix) && isDigit(key[len(prefix)])
}

// parseListed reads both forms of a listed replica: "ip=…,port=…,…" and, of
// servers before 2.8, "ip,port,state".
func parseListed(value string) (state.Addr, bool) {
	var host, port string
	if strings.Contains(value, "=") {
		for rest := value; rest != ""; {
			var field string
			field, rest, _ = strings.Cut(rest, ",")
			if v, ok := strings.CutPrefix(field, "ip="); ok {
				host = v
			} else if v, ok := strings.CutPrefix(field, "port="); ok {
				port = v
			}
		}
	} else {
		var rest string
		host, rest, _ = strings.Cut(value, ",")
		port, _, _ = strings.Cut(rest, ",")
	}
	var n int
	setNumber(&n, port, 1, maxPort)
	if n == 0 || !validHost(host) {
		return state.Addr{}, false
	}
	return state.Addr{Host: strings.Clone(host), Port: n}, true
}

// validHost accepts IP addresses, and as a name whatever could not be mistaken
// for something else in an address or in INFO.
func validHost(host string) bool {
	if host == "" || len(host) > maxHostLen {
		return false
	}
	colon := false
	for i := range len(host) {
		switch c := host[i]; {
		case c <= ' ', c == 0x7f, c == ',', c == '[', c == ']':
			return false
		case c == ':':
			colon = true
		}
	}
	if !colon {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

func setID[T ~string](id *T, value string) {
	if len(value) != idLen {
		return
	}
	for i := range idLen {
		if c := value[i] | 0x20; !isDigit(value[i]) && (c < 'a' || c > 'f') {
			return
		}
	}
	*id = T(strings.Clone(value))
}

func setHistory(id *state.ReplID, value string) {
	if value != noHistory {
		setID(id, value)
	}
}

func setSeconds(d *time.Duration, value string) {
	seconds := int64(absent)
	setNumber(&seconds, value, -1, maxInfoSeconds)
	if seconds != absent {
		*d = time.Duration(seconds) * time.Second
	}
}

// setNumber leaves n alone unless value is a whole number from least to most.
func setNumber[T int | int64](n *T, value string, least, most int64) {
	parsed, err := strconv.ParseInt(value, 10, 64)
	if err == nil && least <= parsed && parsed <= most {
		*n = T(parsed)
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
