package state

import "fmt"

// introduce tells the clients of all masters of a member that is new or has
// moved, in Sentinel's words: a peer that is new is announced for each master,
// one that has moved once, with the number of the others.
func (d *draft) introduce(old, now Member) {
	switch {
	case now.Addr == old.Addr || now.Addr.IsZero():
	case old.Addr.IsZero():
		for m := range d.Masters() {
			d.emitSentinel(EventSentinel, d.edit(m.Name), now, "")
		}
	default:
		d.moved(now)
	}
}

func (d *draft) moved(now Member) {
	for first := range d.Masters() {
		m := d.edit(first.Name)
		d.emitAbout(now.ID, Notice, EventSentinelMoved, m, fmt.Sprintf("%s ip %s port %d for %s",
			d.details(m), now.Addr.Host, now.Addr.Port, now.ID))
		if others := d.Len() - 1; others > 0 {
			d.emitSentinel(EventSentinelUpdate, m, now, fmt.Sprintf(" %d additional matching instances", others))
		}
		return
	}
}

// introduceAll tells the clients of a new master who watches it. A node that is
// alone has nobody to introduce.
func (d *draft) introduceAll(m *Master) {
	if d.MemberCount() < 2 {
		return
	}
	for member := range d.Members() {
		if member.Alive && !member.Addr.IsZero() {
			d.emitSentinel(EventSentinel, m, member, "")
		}
	}
}

func (d *draft) emitSentinel(name string, m *Master, member Member, more string) {
	d.emitAbout(member.ID, Notice, name, m, SentinelDetails(member, m.Name, d.Shown(m, m.Addr))+more)
}

// tellSource tells the clients of all nodes but the one that has carried a
// failover out from whom they have the news, as Sentinels do that learn of a new
// master from another one.
func (d *draft) tellSource(m *Master) {
	member, ok := d.members.get(string(m.Failover.Claim.Holder))
	if !ok || d.Schema < 2 || d.MemberCount() < 2 || member.Addr.IsZero() {
		return
	}
	d.emitAbout(member.ID, Warning, EventConfigFrom, m, SentinelDetails(member, m.Name, d.Shown(m, m.Addr)))
}

// emitAbout emits an event about a member, which that member does not publish.
func (d *draft) emitAbout(id MemberID, level Level, name string, m *Master, payload string) {
	d.emit(level, name, m.Name, payload)
	d.out.Events[len(d.out.Events)-1].Member = id
}

// forget takes a member out of the document. What it said and what it held goes
// with it: votes of a stranger do not count, and its claims may be taken over.
// Which of its mutations were applied stays known, as one may still be on its
// way.
func (d *draft) forget(op OpForget) {
	if _, ok := d.members.get(string(op.Member)); !ok {
		d.out.Unchanged = true
		return
	}
	d.members = d.members.without(string(op.Member))
	d.dropVotesOf(op.Member)
	d.raiseSchema() // it may have been the last one that knew less
}
