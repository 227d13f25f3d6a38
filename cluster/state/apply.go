package state

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Apply is the one function that changes the document. Every broker runs it on
// the same mutations in the same order and so reaches the same document.
//
// It never fails: a mutation that may not be carried out is an Outcome with a
// Refusal, and the returned State differs from s in its Index only (and in what
// it remembers of mutation ids). s itself is never changed. Apply must be
// called for the mutations in the order of their indexes, and for no document
// that CheckSchema finds too new for this build.
func Apply(s *State, index Index, m Mutation) (*State, Outcome) {
	d := &draft{State: *s, at: m.At}
	d.Index = index
	fresh := d.remember(m.ID)
	refused := d.State // what is left of a refused mutation
	if !fresh {
		d.refuse(RefusedDuplicate, "mutation %s/%d was applied before, or carries no id", m.ID.Member, m.ID.Seq)
		return &refused, d.out
	}
	if d.allows(m.needs()) {
		d.apply(m.Op)
	}
	if d.out.Refused() {
		return &refused, d.out
	}
	d.commit()
	return &d.State, d.out
}

func (d *draft) apply(op Op) {
	rule, known := opRules[op.kind()]
	if _, unread := op.(OpUnknown); unread || !known {
		d.refuse(RefusedUnknown, "this build does not know the operation %q", op.kind())
		return
	}
	rule.apply(d, op)
}

// draft is a document being changed: a shallow copy whose masters are copied
// when first edited. A refusal discards the edits, because they reach the
// tables only in commit.
type draft struct {
	State
	at     Time
	out    Outcome
	edited []*Master          // in order of first edit
	byName map[string]*Master // the same, for looking up only: a map has no order
}

func (d *draft) refuse(r Refusal, format string, args ...any) {
	d.out = Outcome{Refusal: r, Detail: fmt.Sprintf(format, args...)}
}

// edit returns the draft's own copy of a master, or refuses.
func (d *draft) edit(name string) *Master {
	if m, ok := d.byName[name]; ok {
		return m
	}
	old, ok := d.masters.get(name)
	if !ok {
		d.refuse(RefusedNoMaster, "no master named %q is monitored", name)
		return nil
	}
	m := *old
	if m.Failover != nil {
		f := *m.Failover
		m.Failover = &f
	}
	d.put(&m)
	return &m
}

// put makes m the draft's own copy of the master of its name.
func (d *draft) put(m *Master) {
	if d.byName == nil {
		d.byName = map[string]*Master{}
	}
	d.byName[m.Name] = m
	d.edited = append(d.edited, m)
}

// look returns a master as the draft has it by now. It must not be changed.
func (d *draft) look(name string) (*Master, bool) {
	if m, ok := d.byName[name]; ok {
		return m, true
	}
	return d.masters.get(name)
}

// emit gives an event its number. Events are kept in the journal of the master
// they concern.
func (d *draft) emit(level Level, name, master, payload string) {
	d.EventSeq++
	e := Event{Seq: d.EventSeq, At: d.at, Name: name, Level: level, Master: master, Payload: payload}
	d.out.Events = append(d.out.Events, e)
}

func (d *draft) emitMaster(level Level, name string, m *Master) {
	d.emit(level, name, m.Name, d.details(m))
}

func (d *draft) emitReplica(level Level, name string, m *Master, replica Addr) {
	d.emit(level, name, m.Name, d.replicaDetails(m, replica))
}

// commit files the events in the journals and the edited masters in the table.
func (d *draft) commit() {
	own := map[string][]Event{}
	for _, e := range d.out.Events {
		own[e.Master] = append(own[e.Master], e)
	}
	for _, m := range d.edited {
		m.Journal = appendBounded(m.Journal, own[m.Name], journalLength)
		d.masters = d.masters.with(m.Name, m)
		d.out.Masters = append(d.out.Masters, m.Name)
	}
	var orphans []Event
	for _, e := range d.out.Events {
		if _, ok := d.masters.get(e.Master); !ok {
			orphans = append(orphans, e)
		}
	}
	if len(orphans) > 0 {
		d.journal = appendBounded(d.journal, orphans, journalLength)
	}
}

// appendBounded returns a new slice of at most limit elements, the last ones of
// old and more. It never writes into old's array: older documents share it.
func appendBounded[T any](old, more []T, limit int) []T {
	if len(more) == 0 {
		return old
	}
	all := slices.Concat(old, more)
	return slices.Clip(all[max(0, len(all)-limit):])
}

func (d *draft) member(op OpMember) {
	if op.Member.ID == "" {
		d.refuse(RefusedInvalid, "a member needs an id")
		return
	}
	if op.Member.knows() < d.Schema {
		d.refuse(RefusedSchema, "schema %d is in force, and member %s (version %s) knows %d: start a build that knows it there",
			d.Schema, op.Member.ID, op.Member.Version, op.Member.knows())
		return
	}
	old, ok := d.members.get(string(op.Member.ID))
	if ok && old == op.Member {
		d.out.Unchanged = true
		return
	}
	d.members = d.members.with(string(op.Member.ID), op.Member)
	if old.Alive != op.Member.Alive || old.RunID != op.Member.RunID {
		d.dropVotesOf(op.Member.ID)
	}
	d.introduce(old, op.Member)
	d.raiseSchema()
}

func (d *draft) alive(op OpAlive) {
	member, ok := d.members.get(string(op.Member))
	if !ok {
		d.refuse(RefusedInvalid, "no member %q", op.Member)
		return
	}
	if member.Alive == op.Alive {
		d.out.Unchanged = true
		return
	}
	member.Alive = op.Alive
	d.members = d.members.with(string(op.Member), member)
	d.dropVotesOf(op.Member)
}

// dropVotesOf forgets what a member has said: it is dead, or it has come to life
// or begun anew and what it said before is no more than history. (If it stood, a
// node that comes back after an hour would bring a master down that everybody
// sees, until it gets to withdraw.) Members that still mean it say so again.
func (d *draft) dropVotesOf(id MemberID) {
	for m := range d.Masters() {
		if m.VotedDown(id) {
			m = d.edit(m.Name)
			m.Votes = slices.DeleteFunc(slices.Clone(m.Votes), func(v Vote) bool { return v.Member == id })
			d.recount(m)
		}
	}
}

func (d *draft) isAlive(id MemberID) bool {
	member, ok := d.members.get(string(id))
	return ok && member.Alive
}

// recount sets ODown from the votes of living members (contract 4.4, but as a
// fact that all nodes share).
func (d *draft) recount(m *Master) {
	have := 0
	for _, v := range m.Votes {
		if d.isAlive(v.Member) {
			have++
		}
	}
	odown := have >= m.Quorum
	if odown == m.ODown {
		return
	}
	m.ODown = odown
	if odown {
		d.emit(Warning, EventODown, m.Name, fmt.Sprintf("%s #quorum %d/%d", d.details(m), have, m.Quorum))
		return
	}
	d.emitMaster(Warning, EventODownEnd, m)
}

// CheckName says what is wrong with a master's name, "" if nothing is. Names
// travel in space-separated event payloads and in JSON, so control characters
// and broken UTF-8 are refused (as Valkey does since 2026); the rest is allowed
// as Sentinel allows it.
func CheckName(name string) string {
	switch {
	case name == "":
		return "a master needs a name"
	case len(name) > 255:
		return "a master's name has at most 255 bytes"
	case !utf8.ValidString(name):
		return fmt.Sprintf("the master name %q is not valid UTF-8", name)
	case strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return fmt.Sprintf("the master name %q contains control characters", name)
	}
	return ""
}

func (d *draft) monitor(op OpMonitor) {
	if op.Seed {
		defer d.seed(op.Name)
	}
	if old, ok := d.masters.get(op.Name); ok {
		if !op.Seed && (old.Addr != op.Addr || old.Quorum != op.Quorum) {
			d.refuse(RefusedExists, "master %q is monitored at %s with quorum %d", op.Name, old.Addr, old.Quorum)
			return
		}
		d.out.Unchanged = true
		return
	}
	if fault := checkMonitor(op); fault != "" {
		d.refuse(RefusedInvalid, "%s", fault)
		return
	}
	m := &Master{
		Name: op.Name, Addr: op.Addr, Quorum: op.Quorum, Settings: op.Settings,
		ConfigEpoch: op.ConfigEpoch,
		// Unique over the document's life, so that votes and facts about an
		// earlier master of the same name never count.
		Generation: uint64(d.Index),
		RetryNow:   true,
	}
	d.Epoch = max(d.Epoch, op.ConfigEpoch, op.Epoch)
	for _, a := range op.Replicas {
		if a != m.Addr && !a.IsZero() {
			m.addReplica(SeenReplica{Addr: a}, d.at)
		}
	}
	m.learnIP(m.Addr, op.IP)
	d.put(m)
	d.out.Count = 1
	watched := d.MonitorEvent(m)
	d.emit(watched.Level, watched.Name, watched.Master, watched.Payload)
	d.introduceAll(m)
	if p := op.Pause; p != nil {
		d.setPause(m, Pause{By: p.By, Why: p.Why, For: p.For})
	}
}

// maxGivenEpoch bounds the epochs that come from outside. The document counts on
// from there, and must never come round to 0 again.
const maxGivenEpoch = 1 << 62

func checkMonitor(op OpMonitor) string {
	if fault := CheckName(op.Name); fault != "" {
		return fault
	}
	if op.Pause != nil {
		if fault := checkPause(*op.Pause); fault != "" {
			return fault
		}
	}
	switch {
	case op.Addr.Host == "" || op.Addr.Port < 1 || op.Addr.Port > 65535:
		return fmt.Sprintf("%s is no address of a server", op.Addr)
	case op.Quorum < 1:
		return fmt.Sprintf("quorum %d: it must be 1 or greater", op.Quorum)
	case op.Settings.DownAfter <= 0 || op.Settings.FailoverTimeout <= 0:
		return "down-after-milliseconds and failover-timeout must be above 0"
	case op.Settings.ParallelSyncs < 1:
		return fmt.Sprintf("parallel-syncs %d: it must be 1 or greater", op.Settings.ParallelSyncs)
	case op.ConfigEpoch > maxGivenEpoch || op.Epoch > maxGivenEpoch:
		return fmt.Sprintf("epoch %d: it must not be above %d", max(op.ConfigEpoch, op.Epoch), maxGivenEpoch)
	}
	return ""
}

func (d *draft) seed(name string) {
	if !d.out.Refused() && !d.Seeded(name) {
		d.seeds = d.seeds.with(name, true)
	}
}

func (d *draft) remove(op OpRemove) {
	m, ok := d.masters.get(op.Name)
	if !ok {
		d.refuse(RefusedNoMaster, "no master named %q is monitored", op.Name)
		return
	}
	d.masters = d.masters.without(op.Name)
	d.out.Count = 1
	d.out.Masters = []string{op.Name}
	d.emitMaster(Warning, EventUnmonitor, m)
}

func (d *draft) set(op OpSet) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	for _, o := range op.Options {
		if err := m.Set(o); err != nil {
			d.refuse(RefusedInvalid, "%s", err)
			return
		}
		shown := strings.Join(o.Values, " ")
		if OptionSecret(o.Name) {
			shown = "******"
		}
		d.emit(Warning, EventSet, m.Name, fmt.Sprintf("%s %s %s", d.details(m), o.Name, shown))
	}
	d.out.Count = 1
	d.recount(m)
}

func (d *draft) reset(op OpReset) {
	for _, name := range op.Names {
		if _, ok := d.masters.get(name); !ok || d.byName[name] != nil {
			continue // removed meanwhile, or named twice
		}
		m := d.edit(name)
		d.finish(m, "aborted", "SENTINEL RESET")
		m.Replicas, m.Votes, m.ODown = nil, nil, false
		m.RunID, m.ReplID, m.PastReplIDs = "", "", nil
		m.IPs = m.usedIPs()
		m.Generation = uint64(d.Index)
		m.RetryNow = true
		d.out.Count++
		d.emitMaster(Warning, EventReset, m)
		if d.Schema >= 2 { // whoever follows the events forgets the other nodes at +reset-master
			d.introduceAll(m)
		}
	}
}

func (d *draft) observe(op OpObserve) {
	m := d.edit(op.Name)
	if m == nil {
		return
	}
	if m.Generation != op.Generation {
		d.refuse(RefusedStale, "facts of generation %d, now %d", op.Generation, m.Generation)
		return
	}
	before := *m
	if op.RunID != "" {
		m.RunID = op.RunID
	}
	m.setReplID(op.ReplID)
	changed := m.RunID != before.RunID || m.ReplID != before.ReplID
	for _, r := range op.Replicas {
		if r.Addr == m.Addr || r.Addr.IsZero() {
			continue
		}
		added, updated := m.addReplica(r, d.at)
		updated = m.learnIP(r.Addr, r.IP) || updated
		if added {
			d.emitReplica(Notice, EventSlave, m, r.Addr)
		}
		changed = changed || added || updated
	}
	d.out.Unchanged = !changed
}

// setReplID records the present history and keeps the one before; "" leaves
// both.
func (m *Master) setReplID(id ReplID) {
	if id == "" || id == m.ReplID {
		return
	}
	if m.ReplID != "" {
		past := slices.DeleteFunc(slices.Clone(m.PastReplIDs), func(p ReplID) bool { return p == id || p == m.ReplID })
		past = slices.Insert(past, 0, m.ReplID)
		m.PastReplIDs = past[:min(len(past), pastReplIDs)]
	}
	m.ReplID = id
}

// addReplica adds or updates a replica. The slice is copied: older documents
// share it.
func (m *Master) addReplica(r SeenReplica, at Time) (added, updated bool) {
	i, found := slices.BinarySearchFunc(m.Replicas, r.Addr, func(k Replica, a Addr) int { return k.Addr.Compare(a) })
	if !found {
		m.Replicas = slices.Insert(slices.Clone(m.Replicas), i, Replica{Addr: r.Addr, RunID: r.RunID, FirstSeen: at})
		return true, false
	}
	if r.RunID == "" || m.Replicas[i].RunID == r.RunID {
		return false, false
	}
	m.Replicas = slices.Clone(m.Replicas)
	m.Replicas[i].RunID = r.RunID
	return false, true
}

func (d *draft) vote(op OpVote) {
	d.out.Unchanged = true
	for _, b := range op.Votes {
		m, ok := d.look(b.Name) // a batch may name a master twice
		if !ok || m.Generation != b.Generation || m.VotedDown(op.Member) == b.Down {
			continue
		}
		m = d.edit(b.Name)
		if b.Down {
			m.Votes = append(slices.Clone(m.Votes), Vote{Member: op.Member, At: d.at})
			slices.SortFunc(m.Votes, func(a, b Vote) int { return strings.Compare(string(a.Member), string(b.Member)) })
		} else {
			m.Votes = slices.DeleteFunc(slices.Clone(m.Votes), func(v Vote) bool { return v.Member == op.Member })
		}
		d.recount(m)
		d.out.Unchanged = false
		d.out.Count++
	}
}
