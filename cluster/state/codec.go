package state

import (
	"encoding/json"
	"fmt"
)

// The codec of log entries and snapshots is JSON: people can read it, an older
// build can skip what it does not know, and at our sizes (300 bytes an entry)
// its cost is far below that of the fsync behind it. Secrets and nothing else
// are base64 in it (see Secret).

// wireMutation is the envelope of a log entry. It is the same in all schemas:
// every build must be able to tell who proposed what and what it needs.
type wireMutation struct {
	ID   MutationID
	At   Time
	Kind string
	// Schema is the one that the entry needs; it is left out for the first.
	Schema int `json:",omitempty"`
	Op     json.RawMessage
}

// EncodeMutation writes a mutation for a log.
func EncodeMutation(m Mutation) ([]byte, error) {
	var body []byte
	var err error
	if u, ok := m.Op.(OpUnknown); ok {
		body = u.Body
	} else if body, err = json.Marshal(m.Op); err != nil {
		return nil, fmt.Errorf("encode %s: %w", Kind(m.Op), err)
	}
	w := wireMutation{ID: m.ID, At: m.At, Kind: Kind(m.Op), Op: body}
	if need := m.needs(); need > firstSchema {
		w.Schema = need
	}
	return json.Marshal(w)
}

// DecodeMutation reads what EncodeMutation wrote. An op that needs a later
// schema than this build knows, or of an unknown kind, comes out as OpUnknown,
// which Apply refuses.
//
// Anything malformed is an error. If it is the op that is malformed, the mutation
// is there nevertheless, with an OpUnknown: a log that holds such an entry must
// have the same outcome for builds that can read it and for those that cannot.
func DecodeMutation(text []byte) (Mutation, error) {
	var w wireMutation
	if err := json.Unmarshal(text, &w); err != nil {
		return Mutation{}, fmt.Errorf("decode mutation: %w", err)
	}
	m := Mutation{ID: w.ID, At: w.At, Op: OpUnknown{Kind: w.Kind, Body: w.Op}}
	var err error
	if rule, known := opRules[w.Kind]; known && w.Schema <= SchemaVersion {
		var op Op
		if op, err = rule.decode(w.Op); err == nil {
			m.Op = op
		} else {
			err = fmt.Errorf("decode %s: %w", w.Kind, err)
		}
	}
	if w.Schema > m.needs() {
		m.Schema = w.Schema
	}
	return m, err
}

// wireState is State with its hidden tables named for the codec.
type wireState struct {
	Schema   int
	Index    Index
	Epoch    Epoch
	EventSeq uint64
	Masters  table[*Master]
	Members  table[Member]
	Seen     table[window]
	Seeds    table[bool]
	Journal  []Event
	Globals  []Option `json:",omitempty"`
}

// EncodeState writes a whole document for a snapshot.
func EncodeState(s *State) ([]byte, error) {
	return json.Marshal(wireState{
		Schema: s.Schema, Index: s.Index, Epoch: s.Epoch, EventSeq: s.EventSeq,
		Masters: s.masters, Members: s.members, Seen: s.seen, Seeds: s.seeds, Journal: s.journal,
		Globals: s.globals,
	})
}

// check refuses what readers of a document rely on never to meet.
func (w *wireState) check() error {
	for name, m := range w.Masters.all() {
		if m == nil || m.Name != name {
			return fmt.Errorf("the entry of master %q holds another, or none", name)
		}
	}
	for id, m := range w.Members.all() {
		if string(m.ID) != id {
			return fmt.Errorf("the entry of member %q holds %q", id, m.ID)
		}
	}
	for _, o := range w.Globals {
		if err := CheckGlobal(o); err != nil {
			return fmt.Errorf("a global setting: %w", err)
		}
	}
	return nil
}

// DecodeState reads what EncodeState wrote. A document that has a newer schema in
// force than this build knows is ErrNewerSchema. Fields that this build does not
// know are skipped: while an old schema is in force, they hold nothing that
// counts (DESIGN.md, Upgrades).
func DecodeState(text []byte) (*State, error) {
	var version struct{ Schema int }
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	if err := (&State{Schema: version.Schema}).CheckSchema(); err != nil {
		return nil, err
	}
	var w wireState
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	if err := w.check(); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	return &State{
		Schema: w.Schema, Index: w.Index, Epoch: w.Epoch, EventSeq: w.EventSeq,
		masters: w.Masters, members: w.Members, seen: w.Seen, seeds: w.Seeds, journal: w.Journal,
		globals: w.Globals,
	}, nil
}
