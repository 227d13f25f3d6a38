package commands

// Reply is one RESP value, free of protocol version: the server encodes it for
// the session's protocol. The set of implementations is closed; they are the
// types of this file.
type Reply interface{ reply() }

type (
	// Simple is a simple string, "+OK". CR and LF in it are sent as spaces.
	Simple string
	// Error is an error reply with its code, without the leading "-":
	// "ERR unknown command". CR and LF in it are sent as spaces.
	Error string
	// Int is an integer reply.
	Int int64
	// Double is a number with a fraction: a bulk string in RESP2, a double in
	// RESP3.
	Double float64
	// Bulk is a bulk string of any bytes.
	Bulk string
	// Number is an integer that RESP sends as a bulk string, as Sentinel does inside
	// maps. Other protocols can tell it from a text.
	Number int64
	// Verbatim is a text for people: a bulk string in RESP2, a verbatim string
	// of the format "txt" in RESP3.
	Verbatim string
	// Null is the null bulk in RESP2 ("$-1") and "_" in RESP3.
	Null struct{}
	// NullArray is the null array in RESP2 ("*-1") and "_" in RESP3.
	NullArray struct{}
	// Array is an array.
	Array []Reply
	// Set is an array in RESP2 and a set in RESP3.
	Set []Reply
	// Map is a flat array of keys and values in RESP2, a map in RESP3. Its
	// order is kept.
	Map []Pair
	// Push is an array in RESP2 and a push in RESP3 (pub/sub confirmations
	// and messages).
	Push []Reply
	// NoReply sends nothing: the command is never answered, or the session has
	// answered it already (Session.Subscribe).
	NoReply struct{}
)

// Pair is one entry of a Map.
type Pair struct {
	Key   string
	Value Reply
}

func (Simple) reply()    {}
func (Error) reply()     {}
func (Int) reply()       {}
func (Double) reply()    {}
func (Bulk) reply()      {}
func (Number) reply()    {}
func (Verbatim) reply()  {}
func (Null) reply()      {}
func (NullArray) reply() {}
func (Array) reply()     {}
func (Set) reply()       {}
func (Map) reply()       {}
func (Push) reply()      {}
func (NoReply) reply()   {}

// OK is the usual reply of a command that did what it was told.
const OK = Simple("OK")

// bulks is an array of bulk strings.
func bulks(texts []string) Array {
	array := make(Array, len(texts))
	for i, text := range texts {
		array[i] = Bulk(text)
	}
	return array
}

// simples are texts as simple strings, the way flags and help lines are sent.
func simples(texts []string) []Reply {
	list := make([]Reply, len(texts))
	for i, text := range texts {
		list[i] = Simple(text)
	}
	return list
}
