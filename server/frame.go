package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/tidwall/redcon"
)

// The limits of what a client may send, as Redis has them.
const (
	// Before authentication a stranger must not be able to make the server
	// keep more than a log-in takes.
	maxWordsUnknown  = 10
	maxLengthUnknown = 16 * 1024
	// maxWords is the number of words of one command.
	maxWords = 1024 * 1024
	// maxInline is the length of a command without RESP framing.
	maxInline = 64 * 1024
	// maxNumber is more than the digits of any number that is not refused.
	maxNumber = 32
)

const (
	readBuffer = 4096
	// keepFrame is how much memory a session keeps between commands; commands
	// of a Sentinel are some hundred bytes.
	keepFrame = 16 * 1024
)

// protocolError is what a client did wrong. It is the text behind
// "ERR Protocol error: ", after which the connection ends.
type protocolError string

func (e protocolError) Error() string { return "protocol error: " + string(e) }

const (
	errMultibulkLength  protocolError = "invalid multibulk length"
	errBulkLength       protocolError = "invalid bulk length"
	errUnknownMultibulk protocolError = "unauthenticated multibulk length"
	errUnknownBulk      protocolError = "unauthenticated bulk length"
	errInlineLength     protocolError = "too big inline request"
	errQuotes           protocolError = "unbalanced quotes in request"
	// Redis drops a client with too long a query without a word.
	errQueryLength protocolError = "too big query"
)

// frames reads commands off a connection, one at a time, and stands between
// the network and redcon's parser, which has no limits of its own: its buffer
// only grows, it looks through an unfinished command again at every packet, it
// stops with a panic on lengths near the largest integer and drops the commands
// that came before a malformed one. Here every byte is looked at once, memory
// grows with what has arrived and not with what was announced, and what redcon
// gets is complete, within the limits, and framed by the book.
//
// The grammar is Redis's, tolerance included: "*0" and empty lines mean nothing,
// the two bytes that end a number or a bulk string are skipped unseen, and a
// command without framing is split as a shell would.
type frames struct {
	src io.Reader
	// known reports whether the client is logged in. It is asked when a length
	// is read, so an AUTH counts for what follows it in the same packet.
	known func() bool
	// idle is called before each read that may block.
	idle func() error
	// maxQuery is how long a whole command may be.
	maxQuery int

	in    []byte // received: in[at:] has not been looked at
	at    int
	frame []byte // the command being read, by the book
	words [][]byte
}

func newFrames(src io.Reader, maxQuery int, known func() bool, idle func() error) *frames {
	return &frames{src: src, known: known, idle: idle, maxQuery: maxQuery, in: make([]byte, 0, readBuffer)}
}

// next returns the words of the next command, at least one. They are valid
// until the next call. The error is a protocolError, or one of the reader.
func (f *frames) next() ([][]byte, error) {
	if cap(f.frame) > keepFrame {
		f.frame, f.words = nil, nil
	}
	for {
		f.frame = f.frame[:0]
		first, err := f.peek()
		if err != nil {
			return nil, err
		}
		var count int
		if first == '*' {
			count, err = f.multibulk()
		} else {
			count, err = f.inline()
		}
		if err != nil {
			return nil, err
		}
		if count > 0 {
			return f.parse()
		}
	}
}

// parse hands the frame to redcon.
func (f *frames) parse() ([][]byte, error) {
	complete, words, _, rest, err := redcon.ReadNextCommand(f.frame, f.words)
	if err != nil || !complete || len(rest) > 0 || len(words) == 0 {
		return nil, fmt.Errorf("a frame of %d bytes was not one command to redcon: %w", len(f.frame), errors.Join(err, errFraming))
	}
	f.words = words
	return words, nil
}

// errFraming is a fault of this file, not of a client.
var errFraming = errors.New("wrong framing")

// waiting is the number of bytes that were received and not yet answered.
func (f *frames) waiting() int { return len(f.in) - f.at + len(f.frame) }

// unread are the bytes that were received and not looked at, valid until the
// next read.
func (f *frames) unread() []byte { return f.in[f.at:] }

// more waits for further bytes behind the unread ones, of which there must be less
// than readBuffer, and nothing be read before.
func (f *frames) more() error {
	n, err := f.src.Read(f.in[len(f.in):cap(f.in)])
	f.in = f.in[:len(f.in)+n]
	if n > 0 {
		return nil // an error that came with data comes again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// multibulk reads a command in RESP and returns the number of its words.
func (f *frames) multibulk() (int, error) {
	count, err := f.number(errMultibulkLength)
	if err != nil {
		return 0, err
	}
	if count > maxWords {
		return 0, errMultibulkLength
	}
	if count > maxWordsUnknown && !f.known() {
		return 0, errUnknownMultibulk
	}
	if count <= 0 {
		return 0, nil
	}
	f.frame = redcon.AppendArray(f.frame, int(count))
	for range count {
		if err := f.bulk(); err != nil {
			return 0, err
		}
	}
	return int(count), nil
}

// bulk reads one word.
func (f *frames) bulk() error {
	first, err := f.peek()
	if err != nil {
		return err
	}
	if first != '$' {
		return protocolError("expected '$', got '" + string([]byte{first}) + "'")
	}
	length, err := f.number(errBulkLength)
	if err != nil {
		return err
	}
	if length < 0 || length > int64(f.maxQuery) {
		return errBulkLength
	}
	if length > maxLengthUnknown && !f.known() {
		return errUnknownBulk
	}
	f.frame = append(f.frame, '$')
	f.frame = strconv.AppendInt(f.frame, length, 10)
	f.frame = append(f.frame, '\r', '\n')
	if len(f.frame)+int(length) > f.maxQuery {
		return errQueryLength
	}
	return f.body(int(length))
}

// body takes over length bytes and skips the two that follow.
func (f *frames) body(length int) error {
	for length > 0 {
		if err := f.fill(); err != nil {
			return err
		}
		n := min(length, len(f.in)-f.at)
		f.frame = append(f.frame, f.in[f.at:f.at+n]...)
		f.at += n
		length -= n
	}
	f.frame = append(f.frame, '\r', '\n')
	if err := f.skip(); err != nil {
		return err
	}
	return f.skip()
}

// number reads the number after a type byte, up to its CR and the byte behind
// that. wrong is the error for what is no number.
func (f *frames) number(wrong protocolError) (int64, error) {
	if err := f.skip(); err != nil { // the type
		return 0, err
	}
	var digits [maxNumber]byte
	for n := 0; ; n++ {
		b, err := f.peek()
		if err != nil {
			return 0, err
		}
		f.at++
		if b == '\r' {
			value, ok := integer(digits[:n])
			if !ok {
				return 0, wrong
			}
			return value, f.skip()
		}
		if n == len(digits) {
			return 0, wrong
		}
		digits[n] = b
	}
}

// integer reads a decimal as Redis writes it: no plus sign, no leading zeros.
func integer(digits []byte) (int64, bool) {
	value, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil {
		return 0, false
	}
	return value, string(strconv.AppendInt(nil, value, 10)) == string(digits)
}

// inline reads a command that is a line of text and returns the number of its
// words.
func (f *frames) inline() (int, error) {
	var line []byte
	for {
		if err := f.fill(); err != nil {
			return 0, err
		}
		piece, _, found := bytes.Cut(f.in[f.at:], []byte{'\n'})
		if len(line)+len(piece) > maxInline {
			return 0, errInlineLength
		}
		f.at += len(piece)
		line = append(line, piece...)
		if found {
			f.at++
			break
		}
	}
	words, ok := splitLine(bytes.TrimSuffix(line, []byte{'\r'}))
	if !ok {
		return 0, errQuotes
	}
	f.frame = redcon.AppendArray(f.frame, len(words))
	for _, word := range words {
		f.frame = redcon.AppendBulk(f.frame, word)
	}
	return len(words), nil
}

// peek waits for a byte and returns it without taking it.
func (f *frames) peek() (byte, error) {
	if err := f.fill(); err != nil {
		return 0, err
	}
	return f.in[f.at], nil
}

// skip takes one byte.
func (f *frames) skip() error {
	err := f.fill()
	if err == nil {
		f.at++
	}
	return err
}

// fill waits until there is a byte to look at.
func (f *frames) fill() error {
	if f.at < len(f.in) {
		return nil
	}
	if err := f.idle(); err != nil {
		return err
	}
	n, err := f.src.Read(f.in[:cap(f.in)])
	f.in, f.at = f.in[:n], 0
	if n > 0 {
		return nil // an error that came with data comes again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}
