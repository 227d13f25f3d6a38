package sentinelconf

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnbalanced is what SplitArgs returns for a quote that is not closed, or
// that is closed in the middle of a word.
var ErrUnbalanced = errors.New("unbalanced quotes")

// SplitArgs splits a line into words as Redis does. Between double quotes \n,
// \r, \t, \b, \a and \xHH stand for bytes and any other escaped byte for
// itself; between single quotes only \' does. A quote may begin in the middle
// of a word but must end with it.
func SplitArgs(line string) ([]string, error) {
	var words []string
	s := splitter{rest: line}
	for s.skipSpace() {
		word, err := s.word()
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

// splitter is what is left of a line.
type splitter struct{ rest string }

// All of these are skipped between words and may follow a closing quote, but
// only those of wordEnds end a word that is not quoted, as in Redis.
const (
	spaces   = " \t\n\v\f\r"
	wordEnds = " \t\n\r"
)

// skipSpace reports whether a word follows.
func (s *splitter) skipSpace() bool {
	s.rest = strings.TrimLeft(s.rest, spaces)
	return s.rest != ""
}

// word takes one word off the line.
func (s *splitter) word() (string, error) {
	end := strings.IndexAny(s.rest, wordEnds+`"'`)
	if end < 0 {
		end = len(s.rest)
	}
	plain := s.rest[:end]
	s.rest = s.rest[end:]
	if s.rest == "" || s.rest[0] != '"' && s.rest[0] != '\'' {
		return plain, nil
	}
	quote, escape := s.rest[0], (*splitter).escape
	if quote == '\'' {
		escape = (*splitter).escapeSingle
	}
	s.rest = s.rest[1:]
	var b strings.Builder
	b.WriteString(plain)
	return s.quoted(&b, quote, escape)
}

// quoted takes the rest of a word that is quoted; escape reads what follows a
// backslash.
func (s *splitter) quoted(b *strings.Builder, quote byte, escape func(*splitter) byte) (string, error) {
	for s.rest != "" {
		c := s.rest[0]
		s.rest = s.rest[1:]
		switch {
		case c == quote:
			if s.rest != "" && strings.IndexByte(spaces, s.rest[0]) < 0 {
				return "", ErrUnbalanced
			}
			return b.String(), nil
		case c == '\\' && s.rest != "":
			c = escape(s)
		}
		b.WriteByte(c)
	}
	return "", ErrUnbalanced
}

// escape takes what follows a backslash between double quotes.
func (s *splitter) escape() byte {
	if len(s.rest) >= 3 && s.rest[0] == 'x' && isHex(s.rest[1]) && isHex(s.rest[2]) {
		c := unhex(s.rest[1])<<4 | unhex(s.rest[2])
		s.rest = s.rest[3:]
		return c
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	if i := strings.IndexByte("nrtba", c); i >= 0 {
		return "\n\r\t\b\a"[i]
	}
	return c
}

// escapeSingle takes what follows a backslash between single quotes, where the
// backslash stands for itself unless a single quote follows.
func (s *splitter) escapeSingle() byte {
	if s.rest[0] != '\'' {
		return '\\'
	}
	s.rest = s.rest[1:]
	return '\''
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// Quote writes a word so that SplitArgs reads it back, with double quotes only
// where they are needed.
func Quote(word string) string {
	if isPlain(word) {
		return word
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(word) {
		switch c := word[i]; {
		case c == '"' || c == '\\':
			b.Write([]byte{'\\', c})
		case strings.IndexByte("\n\r\t\b\a", c) >= 0:
			b.Write([]byte{'\\', "nrtba"[strings.IndexByte("\n\r\t\b\a", c)]})
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// isPlain reports whether a word needs no quotes, also at the start of a line.
func isPlain(word string) bool {
	for i := range len(word) {
		if c := word[i]; c <= ' ' || c == 0x7f || c == '"' || c == '\'' {
			return false
		}
	}
	return word != "" && word[0] != '#'
}
