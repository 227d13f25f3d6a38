package state

import (
	"fmt"
	"strings"
)

// While a group is upgraded, nodes of two builds run the same log, and must come
// to the same document. So a build that brings something new does not use it at
// once. What is new has a number, the schema that brought it in. Each member
// states in its OpMember which schema its build knows; what all of them know is
// in force, and the document says so (State.Schema). A log entry carries the
// schema that it needs, outside of its body, so that a build that cannot read
// the body comes to the same answer as one that can: not in force yet, refused.
//
// The schema in force is derived from the log alone, never from the build that
// reads it, and never falls. A build that knows less than what is in force must
// not go on: see State.CheckSchema.
//
// The alternative, to let a build skip what it does not know, makes the members'
// documents differ without anybody noticing; a version that an operator raises
// by a command when the last node is done is one more thing to forget.
//
// DESIGN.md has the rules for whoever adds a kind of op, a field or an option.

// SchemaVersion is the newest schema that this build knows. It rises when a kind
// of op, a field or an option is added, or when Apply is to judge otherwise.
const SchemaVersion = 2

// firstSchema is in force in an empty document, whatever build begins it: builds
// that begin the same log must begin with the same.
const firstSchema = 1

// ErrNewerSchema is what DecodeState and CheckSchema return for a document that
// has a newer schema in force than this build knows.
type ErrNewerSchema struct{ Found, Known int }

func (e ErrNewerSchema) Error() string {
	return fmt.Sprintf("the document has schema version %d in force, this build knows up to %d: start the build that wrote it, or a later one", e.Found, e.Known)
}

// CheckSchema returns ErrNewerSchema if this build is too old for the document:
// nothing more may be applied to it, and it must not be written anywhere.
// Brokers ask after each Apply, before they go on.
func (s *State) CheckSchema() error {
	if s.Schema > SchemaVersion {
		return ErrNewerSchema{Found: s.Schema, Known: SchemaVersion}
	}
	return nil
}

// knows is the newest schema that the member's build knows.
func (m Member) knows() int { return max(firstSchema, m.Schema) }

// laterOp is an op whose content may need a later schema than its kind.
type laterOp interface{ needs() int }

// needs is the schema that must be in force for m to be carried out: the one it
// carries, or a later one that this build sees in it.
func (m Mutation) needs() int {
	need := max(firstSchema, m.Schema)
	if _, unread := m.Op.(OpUnknown); unread {
		return need
	}
	need = max(need, opRules[m.Op.kind()].schema)
	if op, ok := m.Op.(laterOp); ok {
		need = max(need, op.needs())
	}
	return need
}

// allows refuses what needs a later schema than the one in force, and names the
// members in whose way it is.
func (d *draft) allows(need int) bool {
	if need <= d.Schema {
		return true
	}
	var behind []string
	for m := range d.Members() {
		if m.knows() < need {
			behind = append(behind, fmt.Sprintf("%.8s (version %s) knows %d", m.ID, m.Version, m.knows()))
		}
	}
	if len(behind) == 0 {
		behind = []string{"no member has said yet that it knows it"}
	}
	d.refuse(RefusedSchema, "this needs schema %d, and %d is in force: %s; upgrade all members first", need, d.Schema, strings.Join(behind, ", "))
	return false
}

// raiseSchema puts in force what all members know by now. Dead members count:
// they may come back with the build they had.
func (d *draft) raiseSchema() {
	lowest := 0
	for m := range d.Members() {
		if lowest == 0 || m.knows() < lowest {
			lowest = m.knows()
		}
	}
	if lowest > d.Schema {
		d.Schema = lowest
		d.emit(Note, NoteSchema, "", fmt.Sprintf("schema %d is in force: all members know it", lowest))
	}
}
