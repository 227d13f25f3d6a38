package state

import (
	"encoding/json"
	"fmt"
)

// The codec of log entries and snapshots is JSON: people can read it, an older
// build can skip what it does not know, and at our sizes (300 bytes an entry)
// its cost is far below that of the fsync behind it. Secrets and nothing else
// are base64 in it (see Secret).

type wireMutation struct {
	ID   MutationID
	At   Time
	Kind string
	Op   json.RawMessage
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
	return json.Marshal(wireMutation{ID: m.ID, At: m.At, Kind: Kind(m.Op), Op: body})
}

// DecodeMutation reads what EncodeMutation wrote. An op of a newer build comes
// out as OpUnknown, which Apply refuses; anything malformed is an error.
func DecodeMutation(text []byte) (Mutation, error) {
	var w wireMutation
	if err := json.Unmarshal(text, &w); err != nil {
		return Mutation{}, fmt.Errorf("decode mutation: %w", err)
	}
	decode, ok := decoders[w.Kind]
	if !ok {
		return Mutation{ID: w.ID, At: w.At, Op: OpUnknown{Kind: w.Kind, Body: w.Op}}, nil
	}
	op, err := decode(w.Op)
	if err != nil {
		return Mutation{}, fmt.Errorf("decode %s: %w", w.Kind, err)
	}
	return Mutation{ID: w.ID, At: w.At, Op: op}, nil
}

func decodeAs[T Op](text []byte) (Op, error) {
	var op T
	err := json.Unmarshal(text, &op)
	return op, err
}

var decoders = map[string]func([]byte) (Op, error){
	OpMember{}.kind():   decodeAs[OpMember],
	OpAlive{}.kind():    decodeAs[OpAlive],
	OpForget{}.kind():   decodeAs[OpForget],
	OpMonitor{}.kind():  decodeAs[OpMonitor],
	OpRemove{}.kind():   decodeAs[OpRemove],
	OpSet{}.kind():      decodeAs[OpSet],
	OpReset{}.kind():    decodeAs[OpReset],
	OpObserve{}.kind():  decodeAs[OpObserve],
	OpVote{}.kind():     decodeAs[OpVote],
	OpBegin{}.kind():    decodeAs[OpBegin],
	OpTakeOver{}.kind(): decodeAs[OpTakeOver],
	OpSelect{}.kind():   decodeAs[OpSelect],
	OpWait{}.kind():     decodeAs[OpWait],
	OpPromoted{}.kind(): decodeAs[OpPromoted],
	OpProgress{}.kind(): decodeAs[OpProgress],
	OpEnd{}.kind():      decodeAs[OpEnd],
	OpAbort{}.kind():    decodeAs[OpAbort],
	OpRepair{}.kind():   decodeAs[OpRepair],
	OpRepaired{}.kind(): decodeAs[OpRepaired],
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
}

// EncodeState writes a whole document for a snapshot.
func EncodeState(s *State) ([]byte, error) {
	return json.Marshal(wireState{
		Schema: s.Schema, Index: s.Index, Epoch: s.Epoch, EventSeq: s.EventSeq,
		Masters: s.masters, Members: s.members, Seen: s.seen, Seeds: s.seeds, Journal: s.journal,
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
	return nil
}

// ErrNewerSchema is what DecodeState returns for a document that a newer build
// wrote.
type ErrNewerSchema struct{ Found, Known int }

func (e ErrNewerSchema) Error() string {
	return fmt.Sprintf("the document has schema version %d, this build knows up to %d: start the build that wrote it, or a later one", e.Found, e.Known)
}

// DecodeState reads what EncodeState wrote. A document of a newer schema is
// ErrNewerSchema.
func DecodeState(text []byte) (*State, error) {
	var version struct{ Schema int }
	if err := json.Unmarshal(text, &version); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	if version.Schema > SchemaVersion {
		return nil, ErrNewerSchema{Found: version.Schema, Known: SchemaVersion}
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
	}, nil
}
