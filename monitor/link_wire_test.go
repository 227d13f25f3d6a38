package monitor

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gomodule/redigo/redis"
)

// readAll decodes replies until something is wrong.
func readAll(r io.Reader) ([]any, error) {
	f := &frames{src: r}
	var replies []any
	for {
		if err := f.wait(); err != nil {
			return replies, err
		}
		value, err := receive(f)
		var refusal redis.Error
		if errors.As(err, &refusal) {
			value, err = refusal, nil
		}
		if err != nil {
			return replies, err
		}
		replies = append(replies, value)
	}
}

// readers are ways in which the same bytes may arrive.
var readers = map[string]func(io.Reader) io.Reader{
	"at once":      func(r io.Reader) io.Reader { return r },
	"byte by byte": iotest.OneByteReader,
	"in halves":    iotest.HalfReader,
	"with the end": iotest.DataErrReader,
}

func TestFramesReadRepliesOneByOne(t *testing.T) {
	large := strings.Repeat("x\r\n+y\r\n", 5000)
	stream := "+PONG\r\n" +
		"-LOADING Redis is loading\r\n" +
		":-12\r\n" +
		"$0\r\n\r\n" +
		"$-1\r\n" +
		"*-1\r\n" +
		"*0\r\n" +
		"$7\r\n+a\r\n*9\r\r\n" +
		"*3\r\n$2\r\nOK\r\n*2\r\n:1\r\n*0\r\n-ERR no\r\n" +
		bulk(large) +
		"+" + strings.Repeat("l", 10000) + "\r\n" +
		"-\r\n" +
		"+last\r\n"
	want := []any{
		"PONG", redis.Error("LOADING Redis is loading"), int64(-12), []byte{}, nil, nil, []any{},
		[]byte("+a\r\n*9\r"),
		[]any{[]byte("OK"), []any{int64(1), []any{}}, redis.Error("ERR no")},
		[]byte(large), strings.Repeat("l", 10000), redis.Error(""), "last",
	}
	for name, reader := range readers {
		got, err := readAll(reader(strings.NewReader(stream)))
		if !errors.Is(err, io.EOF) || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %.500q, %v", name, got, err)
		}
	}
}

func TestFramesRefuseWhatIsTooLarge(t *testing.T) {
	const good = "+OK\r\n"
	tests := map[string]string{
		"bulk of a terabyte":       "$999999999999\r\n",
		"bulk beyond int64":        "$99999999999999999999999\r\n",
		"bulk just too long":       "$4194304\r\n",
		"many values":              "*1024\r\n",
		"array of a billion":       "*1000000000\r\n",
		"arrays in arrays":         strings.Repeat("*1\r\n", 5000),
		"many values in all":       strings.Repeat("*500\r\n", 3),
		"long strings in an array": "*2\r\n$3000000\r\n" + strings.Repeat("x", 3000000) + "\r\n$3000000\r\n",
		"endless line":             "+" + strings.Repeat("x", 5<<20),
	}
	for name, bad := range tests {
		for arrives, reader := range readers {
			replies, err := readAll(reader(strings.NewReader(good + bad)))
			if len(replies) != 1 || !errors.Is(err, errReplyTooBig) {
				t.Errorf("%s, %s: %d replies, then %v, want 1, then %v", name, arrives, len(replies), err, errReplyTooBig)
			}
		}
	}
}

func TestFramesTakeWhatIsJustNotTooLarge(t *testing.T) {
	for name, stream := range map[string]string{
		"bulk":  bulk(strings.Repeat("x", 4194000)),
		"array": "*1023\r\n" + strings.Repeat(":1\r\n", 1023),
	} {
		if replies, err := readAll(strings.NewReader(stream)); len(replies) != 1 || !errors.Is(err, io.EOF) {
			t.Errorf("%s: %d replies, %v", name, len(replies), err)
		}
	}
}

func TestFramesRefuseOtherProtocols(t *testing.T) {
	for _, stream := range []string{
		"HTTP/1.1 400 Bad Request\r\n\r\n", "_\r\n", "%1\r\n+a\r\n+b\r\n", "\r\n", "\n", "SSH-2.0-OpenSSH_9.2\r\n",
		"*1\r\n!4\r\noops\r\n", "+no carriage return\n", "$5\nhello\r\n", "$1x\r\nab\r\n", "$-2\r\n", "$2\r\nabcd\r\n", ":twelve\r\n", "$\r\n",
	} {
		for arrives, reader := range readers {
			if replies, err := readAll(reader(strings.NewReader(stream))); len(replies) != 0 || err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%q, %s: %d replies, %v", stream, arrives, len(replies), err)
			}
		}
	}
}

func TestFramesCutOff(t *testing.T) {
	for _, stream := range []string{"$5\r\nhel", "$5\r\nhello", "*2\r\n+a\r\n", "+PON", "$4000\r\nabc"} {
		for arrives, reader := range readers {
			replies, err := readAll(reader(strings.NewReader(stream)))
			if len(replies) != 0 || !(errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
				t.Errorf("%q, %s: %d replies, %v", stream, arrives, len(replies), err)
			}
		}
	}
}

// FuzzFrames compares with redigo on its own: the frames must let through what
// redigo reads, reply by reply, however the bytes arrive.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("+PONG\r\n$3\r\nabc\r\n*2\r\n:1\r\n-ERR\r\n"))
	f.Add([]byte("*-1\r\n$-1\r\n*0\r\n$0\r\n\r\n+\r\n-\r\n:0\r\n"))
	f.Add([]byte("$5\r5\r\n*1\r\n*1\r\n$007\r\nseven77\r\n$1\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		got, err := readAll(bytes.NewReader(stream))
		slow, slowErr := readAll(iotest.OneByteReader(bytes.NewReader(stream)))
		if !reflect.DeepEqual(got, slow) || (err == io.EOF) != (slowErr == io.EOF) {
			t.Fatalf("at once: %q, %v; byte by byte: %q, %v", got, err, slow, slowErr)
		}
		if errors.Is(err, errReplyTooBig) {
			return // redigo would try
		}
		if want := readPlain(stream); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %q, redigo alone gives %q", got, want)
		}
	})
}

// readPlain is readAll by redigo alone.
func readPlain(stream []byte) []any {
	conn := redis.NewConn(&wire{in: bytes.NewReader(stream)}, 0, 0)
	var replies []any
	for {
		value, err := conn.Receive()
		var refusal redis.Error
		if errors.As(err, &refusal) {
			value, err = refusal, nil
		}
		if err != nil {
			return replies
		}
		replies = append(replies, value)
	}
}
