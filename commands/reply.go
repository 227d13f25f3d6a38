package commands

// Reply is one RESP value, free of protocol version: the server encodes it for
// the session's protocol. The set of implementations is closed; they are the
// types of this file.
type Reply interface{ reply() }

type (
	// Simple is a simple string, "+OK". It must not contain CR or LF.
	Simple string
	// Error is an error reply with its code, without the leading "-":
	// "ERR unknown command". It must not contain CR or LF.
	Error string
	// Int is an integer reply.
	Int int64
	// Bulk is a bulk string of any bytes.
	Bulk string
	// Null is the null bulk in RESP2 ("$-1") and "_" in RESP3.
	Null struct{}
	// NullArray is the null array in RESP2 ("*-1") and "_" in RESP3.
	NullArray struct{}
	// Array is an array.
	Array []Reply
	// Map is a flat array of keys and values in RESP2, a map in RESP3. Its
	// order is kept.
	Map []Pair
	// Push is an array in RESP2 and a push in RESP3 (pub/sub confirmations
	// and messages).
	Push []Reply
	// Many is several replies to one command, one after the other (SUBSCRIBE
	// with several channels).
	Many []Reply
	// NoReply sends nothing (CLIENT REPLY OFF).
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
func (Bulk) reply()      {}
func (Null) reply()      {}
func (NullArray) reply() {}
func (Array) reply()     {}
func (Map) reply()       {}
func (Push) reply()      {}
func (Many) reply()      {}
func (NoReply) reply()   {}

// OK is the usual reply of a command that did what it was told.
const OK = Simple("OK")
