package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

const testQuery = 1 << 20

// readAll reads all commands, and what ended them: "" for the end of the input.
func readAll(src io.Reader, known bool, maxQuery int) (cmds [][]string, verdict string) {
	f := newFrames(src, maxQuery, func() bool { return known }, func() error { return nil })
	for {
		words, err := f.next()
		var wrong protocolError
		switch {
		case errors.As(err, &wrong):
			return cmds, string(wrong)
		case errors.Is(err, io.EOF):
			return cmds, ""
		case err != nil:
			return cmds, "BUG: " + err.Error()
		}
		cmd := make([]string, len(words))
		for i, word := range words {
			cmd[i] = string(word)
		}
		cmds = append(cmds, cmd)
	}
}

func TestFrames(t *testing.T) {
	tests := []struct {
		name, in string
		unknown  bool // not logged in
		want     [][]string
		verdict  string
	}{
		{name: "one", in: "*1\r\n$4\r\nPING\r\n", want: [][]string{{"PING"}}},
		{name: "two", in: "*1\r\n$1\r\na\r\n*2\r\n$1\r\nb\r\n$0\r\n\r\n", want: [][]string{{"a"}, {"b", ""}}},
		{name: "any bytes", in: "*1\r\n$6\r\n\r\n\x00\xff*$\r\n", want: [][]string{{"\r\n\x00\xff*$"}}},
		{name: "nothing", in: "*0\r\n*-1\r\n\r\n\n   \r\n*-2147483648\r\n*1\r\n$1\r\na\r\n", want: [][]string{{"a"}}},
		{name: "the ends are not looked at", in: "*1\rx$1\rxaxx*1\r\n$1\r\nb\r\n", want: [][]string{{"a"}, {"b"}}},
		{name: "unfinished", in: "*1\r\n$1\r\na\r\n*1\r\n$4\r\nPI", want: [][]string{{"a"}}},
		{name: "inline", in: "PING\r\nPING\n  a  b\t'c d' \"e\\x41\\n\" f\"g\"\r\n", want: [][]string{{"PING"}, {"PING"}, {"a", "b", "c d", "eA\n", "fg"}}},
		{name: "inline without end", in: "PING", want: nil},
		{name: "inline and NUL", in: "a\x00b\r\n", want: [][]string{{"a\x00b"}}},
		{name: "commands before the fault", in: "*1\r\n$1\r\na\r\nb\r\n*x\r\n", want: [][]string{{"a"}, {"b"}}, verdict: "invalid multibulk length"},
		{name: "count", in: "*1x\r\n", verdict: "invalid multibulk length"},
		{name: "count empty", in: "*\r\n", verdict: "invalid multibulk length"},
		{name: "count with zero", in: "*01\r\n", verdict: "invalid multibulk length"},
		{name: "count with plus", in: "*+1\r\n", verdict: "invalid multibulk length"},
		{name: "count minus zero", in: "*-0\r\n", verdict: "invalid multibulk length"},
		{name: "count too high", in: "*1048577\r\n", verdict: "invalid multibulk length"},
		{name: "count overflow", in: "*9223372036854775808\r\n", verdict: "invalid multibulk length"},
		{name: "count endless", in: "*" + strings.Repeat("1", 40), verdict: "invalid multibulk length"},
		{name: "count highest", in: "*1048576\r\n"},
		{name: "type", in: "*1\r\n!4\r\n", verdict: "expected '$', got '!'"},
		{name: "length", in: "*1\r\n$x\r\n", verdict: "invalid bulk length"},
		{name: "length negative", in: "*1\r\n$-1\r\n", verdict: "invalid bulk length"},
		{name: "length above all", in: "*1\r\n$1048577\r\n", verdict: "invalid bulk length"},
		{name: "length that makes redcon panic", in: "*1\r\n$9223372036854775807\r\n", verdict: "invalid bulk length"},
		{name: "query", in: "*3\r\n$1000000\r\n" + strings.Repeat("a", 1000000) + "\r\n$100000\r\n", verdict: "too big query"},
		{name: "quotes", in: "a \"b\r\n", verdict: "unbalanced quotes in request"},
		{name: "quotes within", in: "\"a\"b\r\n", verdict: "unbalanced quotes in request"},
		{name: "quotes single", in: "'a\\' b\r\n", verdict: "unbalanced quotes in request"},
		{name: "line", in: strings.Repeat("a", 65537) + "\r\n", verdict: "too big inline request"},
		{name: "line endless", in: strings.Repeat("a", 70000), verdict: "too big inline request"},
		{name: "line longest", in: strings.Repeat("a", 65535) + "\r\n", want: [][]string{{strings.Repeat("a", 65535)}}},
		{name: "words unknown", unknown: true, in: "*11\r\n", verdict: "unauthenticated multibulk length"},
		{name: "words unknown, most", unknown: true, in: "*10\r\n" + strings.Repeat("$1\r\na\r\n", 10), want: [][]string{strings.Split("aaaaaaaaaa", "")}},
		{name: "length unknown", unknown: true, in: "*1\r\n$16385\r\n", verdict: "unauthenticated bulk length"},
		{name: "length unknown and impossible", unknown: true, in: "*1\r\n$-1\r\n", verdict: "invalid bulk length"},
		{name: "length unknown, most", unknown: true, in: "*1\r\n$16384\r\n" + strings.Repeat("a", 16384) + "\r\n", want: [][]string{{strings.Repeat("a", 16384)}}},
	}
	readers := map[string]func(io.Reader) io.Reader{
		"whole":        func(r io.Reader) io.Reader { return r },
		"byte by byte": iotest.OneByteReader,
		"by halves":    iotest.HalfReader,
		"data and EOF": iotest.DataErrReader,
	}
	for _, test := range tests {
		for how, wrap := range readers {
			t.Run(test.name+" "+how, func(t *testing.T) {
				got, verdict := readAll(wrap(strings.NewReader(test.in)), !test.unknown, testQuery)
				if !reflect.DeepEqual(got, test.want) || verdict != test.verdict {
					t.Errorf("got %.200q, %q\nwant %.200q, %q", got, verdict, test.want, test.verdict)
				}
			})
		}
	}
}

// The authentication state is looked at when a length is read, not before.
func TestFramesAskAtTheRightTime(t *testing.T) {
	known := false
	f := newFrames(strings.NewReader("AUTH pw\r\n*11\r\n"+strings.Repeat("$1\r\na\r\n", 11)), testQuery,
		func() bool { return known }, func() error { return nil })
	if _, err := f.next(); err != nil {
		t.Fatal(err)
	}
	known = true // what AUTH does
	if words, err := f.next(); err != nil || len(words) != 11 {
		t.Errorf("%d words, %v", len(words), err)
	}
}

// endless repeats a piece of text for ever, behind a beginning.
type endless struct {
	begin, piece string
	served       int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if e.served < len(e.begin) {
			p[n] = e.begin[e.served]
		} else {
			p[n] = e.piece[(e.served-len(e.begin))%len(e.piece)]
		}
		e.served++
		n++
	}
	return n, nil
}

// Whatever a client sends without end, it is refused before it has cost more
// memory than a few times the limit.
func TestFramesBoundMemory(t *testing.T) {
	tests := []struct {
		name, begin, piece string
		known              bool
		limit              uint64 // bytes
	}{
		{"line", "", "a", true, 1 << 20},
		{"digits", "*", "1", true, 1 << 20},
		{"bulk digits", "*1\r\n$", "1", true, 1 << 20},
		{"announced only", "*1\r\n$1048576\r\n", "a", true, 8 << 20},
		{"one word", "*2\r\n$1000000\r\n", "a", true, 8 << 20},
		{"small words", "*1048576\r\n", "$0\r\n\r\n", true, 8 << 20},
		{"larger words", "*1048576\r\n", "$8\r\naaaaaaaa\r\n", true, 8 << 20},
		{"unknown words", "*10\r\n", "$16384\r\n" + strings.Repeat("a", 16384) + "\r\n", false, 1 << 20},
		{"nothing at all", "*", "0\r\n*", true, 1 << 20},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			src := &endless{begin: test.begin, piece: test.piece}
			known := test.known
			f := newFrames(src, testQuery, func() bool { return known }, func() error {
				if src.served > 8<<20 {
					return io.EOF // enough seen
				}
				return nil
			})
			before := heap()
			var err error
			for err == nil {
				_, err = f.next()
			}
			if grown := heap() - before; int64(grown) > int64(test.limit) {
				t.Errorf("%d bytes are held after %d were sent (%v)", grown, src.served, err)
			}
			runtime.KeepAlive(f)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A session gives back what a long command took.
func TestFramesGiveMemoryBack(t *testing.T) {
	long := "*1\r\n$1000000\r\n" + strings.Repeat("a", 1000000) + "\r\n"
	f := newFrames(strings.NewReader(long+"PING\r\n"), testQuery, func() bool { return true }, func() error { return nil })
	for range 2 {
		if _, err := f.next(); err != nil {
			t.Fatal(err)
		}
	}
	if cap(f.frame) > keepFrame {
		t.Errorf("%d bytes are kept after a long command", cap(f.frame))
	}
}

// A command of the largest size that comes in the smallest packets costs time
// in proportion to its length. (With the square of it this would take hours.)
func TestFramesLinearWork(t *testing.T) {
	const count = 150_000
	in := "*" + strconv.Itoa(count) + "\r\n" + strings.Repeat("$1\r\na\r\n", count)
	line := strings.Repeat("a ", maxInline/2-1) + "\r\n"
	for _, in := range []string{in[:testQuery], line} {
		readAll(iotest.OneByteReader(strings.NewReader(in)), true, testQuery)
	}
}

// FuzzFrame holds the frames against a plain reading of the grammar, with the
// input split at any place. What comes out has been through redcon.
func FuzzFrame(f *testing.F) {
	for _, seed := range []string{
		"*1\r\n$4\r\nPING\r\n", "PING\r\n*0\r\n", "*2\r\n$1\r\na\r\n$0\r\n\r\n*x\r\n", "'a' \"\\x4\\q\" b\r\n",
		"*1\r\n$9223372036854775807\r\n", "*11\r\n$1\r\n", "*1\r\n$-1\r\n", "*-1\r\n\r\n\n", "*1\r\n!", "*1\rx$1\ryazz*",
		"*3\r\n$100\r\n", "\"a\"b\n", "*1\n$1\na\n",
	} {
		f.Add([]byte(seed), uint8(3), true)
		f.Add([]byte(seed), uint8(0), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, split uint8, known bool) {
		const maxQuery = 200 // so that the fuzzer reaches it
		got, verdict := readAll(&splitReader{in, int(split)}, known, maxQuery)
		want, wantVerdict := plainCommands(in, known, maxQuery)
		if verdict != wantVerdict || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%q in pieces of %d, known %v\ngot  %q, %q\nwant %q, %q", in, split, known, got, verdict, want, wantVerdict)
		}
	})
}

// splitReader gives pieces of size+1 bytes.
type splitReader struct {
	left []byte
	size int
}

func (r *splitReader) Read(p []byte) (int, error) {
	if len(r.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.left[:min(len(r.left), r.size+1)])
	r.left = r.left[n:]
	return n, nil
}

// plainCommands reads a whole input at once.
func plainCommands(in []byte, known bool, maxQuery int) (cmds [][]string, verdict string) {
	for len(in) > 0 {
		var cmd []string
		var done bool
		if in[0] == '*' {
			cmd, in, done, verdict = plainMultibulk(in, known, maxQuery)
		} else {
			cmd, in, done, verdict = plainInline(in)
		}
		if !done || verdict != "" {
			return cmds, verdict
		}
		if len(cmd) > 0 {
			cmds = append(cmds, cmd)
		}
	}
	return cmds, ""
}

func plainMultibulk(in []byte, known bool, maxQuery int) (cmd []string, rest []byte, done bool, verdict string) {
	count, in, done, ok := plainNumber(in[1:])
	switch {
	case !ok:
		return nil, nil, false, "invalid multibulk length"
	case !done:
		return nil, nil, false, ""
	case count > maxWords:
		return nil, nil, false, "invalid multibulk length"
	case count > 10 && !known:
		return nil, nil, false, "unauthenticated multibulk length"
	}
	size := len(fmt.Sprintf("*%d\r\n", count))
	for range max(count, 0) {
		if len(in) == 0 {
			return nil, nil, false, ""
		}
		if in[0] != '$' {
			return nil, nil, false, "expected '$', got '" + string(in[:1]) + "'"
		}
		var length int64
		length, in, done, ok = plainNumber(in[1:])
		size += len(fmt.Sprintf("$%d\r\n", length))
		switch {
		case !ok:
			return nil, nil, false, "invalid bulk length"
		case !done:
			return nil, nil, false, ""
		case length < 0 || length > int64(maxQuery):
			return nil, nil, false, "invalid bulk length"
		case length > 16384 && !known:
			return nil, nil, false, "unauthenticated bulk length"
		case size+int(length) > maxQuery:
			return nil, nil, false, "too big query"
		case len(in) < int(length)+2:
			return nil, nil, false, ""
		}
		cmd = append(cmd, string(in[:length]))
		size += int(length) + 2
		in = in[length+2:]
	}
	return cmd, in, true, ""
}

// plainNumber reads up to a CR and the byte behind it.
func plainNumber(in []byte) (n int64, rest []byte, done, ok bool) {
	end := bytes.IndexByte(in, '\r')
	if end > maxNumber || end < 0 && len(in) > maxNumber {
		return 0, nil, false, false
	}
	if end < 0 {
		return 0, nil, false, true
	}
	n, err := strconv.ParseInt(string(in[:end]), 10, 64)
	if err != nil || fmt.Sprint(n) != string(in[:end]) {
		return 0, nil, false, false
	}
	if len(in) < end+2 {
		return n, nil, false, true
	}
	return n, in[end+2:], true, true
}

func plainInline(in []byte) (cmd []string, rest []byte, done bool, verdict string) {
	line, rest, done := bytes.Cut(in, []byte("\n"))
	if len(line) > maxInline {
		return nil, nil, false, "too big inline request"
	}
	if !done {
		return nil, nil, false, ""
	}
	cmd, ok := plainSplit(string(bytes.TrimSuffix(line, []byte("\r"))))
	if !ok {
		return nil, nil, false, "unbalanced quotes in request"
	}
	return cmd, rest, true, ""
}

// plainSplit goes through the line with one state, as C code would.
func plainSplit(line string) (words []string, ok bool) {
	at := func(i int) int {
		if i < len(line) {
			return int(line[i])
		}
		return -1
	}
	isBlank := func(b int) bool { return b >= 0 && strings.ContainsRune(" \t\n\v\f\r", rune(b)) }
	i := 0
	for {
		for isBlank(at(i)) {
			i++
		}
		if at(i) < 0 {
			return words, true
		}
		word, quote := "", 0
	word:
		for ; ; i++ {
			switch b := at(i); {
			case b < 0 && quote != 0:
				return nil, false
			case b < 0:
				break word
			case quote == 0 && strings.ContainsRune(" \n\r\t", rune(b)):
				i++
				break word
			case quote == 0 && (b == '"' || b == '\''):
				quote = b
			case quote != 0 && b == quote:
				if i++; at(i) >= 0 && !isBlank(at(i)) {
					return nil, false
				}
				break word
			case quote == '"' && b == '\\' && at(i+1) == 'x' && isHex(at(i+2)) && isHex(at(i+3)):
				n, _ := strconv.ParseUint(line[i+2:i+4], 16, 8)
				word += string([]byte{byte(n)})
				i += 3
			case quote == '"' && b == '\\' && at(i+1) >= 0:
				i++
				plain, special := "nrtba", "\n\r\t\b\a"
				if k := strings.IndexByte(plain, line[i]); k >= 0 {
					word += special[k : k+1]
				} else {
					word += line[i : i+1]
				}
			case quote == '\'' && b == '\\' && at(i+1) == '\'':
				i++
				word += "'"
			default:
				word += line[i : i+1]
			}
		}
		words = append(words, word)
	}
}

func isHex(b int) bool { return b >= 0 && strings.ContainsRune("0123456789abcdefABCDEF", rune(b)) }
