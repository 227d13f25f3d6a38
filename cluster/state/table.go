package state

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
)

// chunkSize bounds what one change copies: a chunk of at most this many entries
// and one slice header for every chunk. With 10,000 entries that is about 4 KB.
const chunkSize = 128

// table is an immutable sorted map: every change returns a new table that
// shares the chunks it did not touch. A plain map would be copied whole at each
// change and iterated in random order; a balanced tree is more code for the
// same at our sizes. The zero table is empty and ready.
type table[V any] struct {
	chunks [][]row[V] // sorted, none empty, keys rising across chunks
	count  int
}

type row[V any] struct {
	key   string
	value V
}

func (t table[V]) len() int { return t.count }

// find returns the chunk that holds or would hold key, and its place there.
func (t table[V]) find(key string) (chunk, place int, found bool) {
	chunk, _ = slices.BinarySearchFunc(t.chunks, key, func(c []row[V], key string) int {
		return strings.Compare(c[len(c)-1].key, key)
	})
	if chunk == len(t.chunks) {
		chunk = max(0, chunk-1)
	}
	if len(t.chunks) == 0 {
		return 0, 0, false
	}
	place, found = slices.BinarySearchFunc(t.chunks[chunk], key, func(r row[V], key string) int {
		return strings.Compare(r.key, key)
	})
	return chunk, place, found
}

func (t table[V]) get(key string) (V, bool) {
	chunk, place, found := t.find(key)
	if !found {
		var none V
		return none, false
	}
	return t.chunks[chunk][place].value, true
}

// with returns a table in which key has value.
func (t table[V]) with(key string, value V) table[V] {
	entry := row[V]{key, value}
	if len(t.chunks) == 0 {
		return table[V]{chunks: [][]row[V]{{entry}}, count: 1}
	}
	chunk, place, found := t.find(key)
	rows := slices.Clone(t.chunks[chunk])
	if found {
		rows[place] = entry
	} else {
		rows = slices.Insert(rows, place, entry)
		t.count++
	}
	chunks := slices.Clone(t.chunks)
	chunks[chunk] = rows
	if len(rows) > chunkSize {
		half := len(rows) / 2
		chunks[chunk] = rows[:half:half]
		chunks = slices.Insert(chunks, chunk+1, rows[half:])
	}
	t.chunks = chunks
	return t
}

// without returns a table that lacks key.
func (t table[V]) without(key string) table[V] {
	chunk, place, found := t.find(key)
	if !found {
		return t
	}
	rows := slices.Delete(slices.Clone(t.chunks[chunk]), place, place+1)
	chunks := slices.Clone(t.chunks)
	if len(rows) == 0 {
		chunks = slices.Delete(chunks, chunk, chunk+1)
	} else {
		chunks[chunk] = rows
	}
	return table[V]{chunks: chunks, count: t.count - 1}
}

// all yields keys and values, keys rising.
func (t table[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, rows := range t.chunks {
			for _, r := range rows {
				if !yield(r.key, r.value) {
					return
				}
			}
		}
	}
}

// MarshalJSON writes the values in key order; the keys are inside the values or
// written beside them as pairs.
func (t table[V]) MarshalJSON() ([]byte, error) {
	type pair struct {
		K string
		V V
	}
	pairs := make([]pair, 0, t.count)
	for k, v := range t.all() {
		pairs = append(pairs, pair{k, v})
	}
	return json.Marshal(pairs)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *table[V]) UnmarshalJSON(text []byte) error {
	var pairs []struct {
		K string
		V V
	}
	if err := json.Unmarshal(text, &pairs); err != nil {
		return err
	}
	*t = table[V]{}
	for _, p := range pairs {
		*t = t.with(p.K, p.V)
	}
	return nil
}
