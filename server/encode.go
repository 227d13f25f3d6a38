package server

import (
	"fmt"
	"strconv"

	"github.com/tidwall/redcon"

	"redis-failover/commands"
)

// appendReply encodes a reply for a protocol version, 2 or 3. What RESP2 does
// not have is sent as what Redis sends in its place.
func appendReply(b []byte, reply commands.Reply, protocol int) []byte {
	switch r := reply.(type) {
	case commands.Simple:
		return redcon.AppendString(b, string(r))
	case commands.Error:
		return redcon.AppendError(b, string(r))
	case commands.Int:
		return redcon.AppendInt(b, int64(r))
	case commands.Double:
		return appendDouble(b, float64(r), protocol)
	case commands.Bulk:
		return redcon.AppendBulkString(b, string(r))
	case commands.Number:
		return redcon.AppendBulkString(b, strconv.FormatInt(int64(r), 10))
	case commands.Verbatim:
		return appendVerbatim(b, string(r), protocol)
	case commands.Null:
		return appendNull(b, "$-1\r\n", protocol)
	case commands.NullArray:
		return appendNull(b, "*-1\r\n", protocol)
	case commands.Array:
		return appendList(b, '*', '*', r, protocol)
	case commands.Set:
		return appendList(b, '*', '~', r, protocol)
	case commands.Push:
		return appendList(b, '*', '>', r, protocol)
	case commands.Map:
		return appendMap(b, r, protocol)
	case commands.NoReply:
		return b
	}
	panic(fmt.Sprintf("server: a handler returned %T, which is no reply", reply))
}

func appendNull(b []byte, resp2 string, protocol int) []byte {
	if protocol == 2 {
		return append(b, resp2...)
	}
	return append(b, "_\r\n"...)
}

func appendDouble(b []byte, f float64, protocol int) []byte {
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if protocol == 2 {
		return redcon.AppendBulkString(b, text)
	}
	return append(append(append(b, ','), text...), '\r', '\n')
}

func appendVerbatim(b []byte, text string, protocol int) []byte {
	if protocol == 2 {
		return redcon.AppendBulkString(b, text)
	}
	b = appendHeader(b, '=', len("txt:")+len(text))
	b = append(b, "txt:"...)
	b = append(b, text...)
	return append(b, '\r', '\n')
}

func appendHeader(b []byte, kind byte, n int) []byte {
	b = append(b, kind)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, '\r', '\n')
}

func appendList(b []byte, resp2, resp3 byte, list []commands.Reply, protocol int) []byte {
	kind := resp3
	if protocol == 2 {
		kind = resp2
	}
	b = appendHeader(b, kind, len(list))
	for _, r := range list {
		b = appendReply(b, r, protocol)
	}
	return b
}

func appendMap(b []byte, pairs commands.Map, protocol int) []byte {
	if protocol == 2 {
		b = appendHeader(b, '*', 2*len(pairs))
	} else {
		b = appendHeader(b, '%', len(pairs))
	}
	for _, p := range pairs {
		b = redcon.AppendBulkString(b, p.Key)
		b = appendReply(b, p.Value, protocol)
	}
	return b
}

// message is one pub/sub message, encoded at most once for each protocol
// however many subscribers it goes to.
type message struct {
	reply commands.Push
	wire  [2][]byte // for RESP2 and RESP3, nil until somebody needs it
}

func newMessage(words ...string) *message {
	m := &message{}
	for _, word := range words {
		m.reply = append(m.reply, commands.Bulk(word))
	}
	return m
}

func (m *message) encoded(protocol int) []byte {
	wire := &m.wire[protocol-2]
	if *wire == nil {
		*wire = appendReply(nil, m.reply, protocol)
	}
	return *wire
}
