// Package state is the vocabulary of redis-failover and the one document that
// all nodes agree on.
//
// The document changes only through [Apply], a pure function that every broker
// runs on the same mutations in the same order: no clock, no randomness, no
// I/O, and nothing that depends on the order of a Go map. A State is immutable
// once published; Apply returns a new one that shares all it did not change, so
// a change to one of 10,000 masters copies that master and a few hundred
// pointers.
//
// See DESIGN.md in this folder for what is in the document and what is not.
package state

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
)

// MemberID names a node of redis-failover for its whole life: 40 lower-case hex
// digits, drawn once, independent of any address (Sentinel's "myid").
type MemberID string

// RunID is the run id that a Redis server draws at each of its starts: 40 hex
// digits, empty while unknown.
type RunID string

// ReplID is the replication id of a Redis data set's history (INFO's
// master_replid): 40 hex digits, empty while unknown or not offered by the
// engine.
type ReplID string

// Epoch numbers failover attempts over the whole document. It only grows; 0 is
// "none yet".
type Epoch uint64

// Index is the position of a mutation in the agreed log, from 1. 0 is "before
// the first".
type Index uint64

// Time is a wall-clock time in milliseconds since the Unix epoch. It is data
// put into a mutation by its proposer, shown to people and never compared for a
// decision: clocks step, and nodes disagree.
type Time int64

// Addr is the address of a server. The zero Addr is "none". Host is an IPv4 or
// IPv6 address without brackets, or a host name.
type Addr struct {
	Host string
	Port int
}

// ParseAddr reads "host:port" or "[ipv6]:port". Port is 1 to 65535.
func ParseAddr(s string) (Addr, error) {
	host, portText, err := net.SplitHostPort(s)
	if err != nil {
		return Addr{}, fmt.Errorf("address %q is not host:port", s)
	}
	port, err := strconv.Atoi(portText)
	if err != nil || port < 1 || port > 65535 {
		return Addr{}, fmt.Errorf("address %q has port %q, which is not a number from 1 to 65535", s, portText)
	}
	if host == "" || strings.ContainsAny(host, " ,\t\r\n\x00") {
		return Addr{}, fmt.Errorf("address %q has no usable host", s)
	}
	return Addr{Host: host, Port: port}, nil
}

// String is "host:port", with brackets around IPv6.
func (a Addr) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// IsZero reports whether a is no address at all.
func (a Addr) IsZero() bool { return a == Addr{} }

// Compare orders addresses by host, then by port.
func (a Addr) Compare(b Addr) int {
	if c := strings.Compare(a.Host, b.Host); c != 0 {
		return c
	}
	return a.Port - b.Port
}

// MarshalText makes an Addr a string in JSON; the zero Addr is "".
func (a Addr) MarshalText() ([]byte, error) {
	if a.IsZero() {
		return nil, nil
	}
	return []byte(a.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (a *Addr) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Addr{}
		return nil
	}
	parsed, err := ParseAddr(string(text))
	*a = parsed
	return err
}

// Secret is a password. Every way of printing it gives ******; only a
// conversion to string gives the text. In the codec it is base64, because a
// password may be any bytes.
type Secret string

// String hides the text, for fmt.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "******"
}

// GoString hides the text, for %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue hides the text, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes the text in base64. Only the codec may call it, by way of
// encoding/json: logs and HTTP answers must not contain it.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(s)) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Secret) UnmarshalJSON(text []byte) error {
	var raw []byte
	if err := json.Unmarshal(text, &raw); err != nil {
		return fmt.Errorf("secret: %w", err)
	}
	*s = Secret(raw)
	return nil
}
