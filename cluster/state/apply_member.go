package state

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
