package server

// splitLine splits a command that was typed as a line into words, as Redis
// does: words are separated by blanks; within double quotes \n, \r, \t, \b, \a
// and \xHH have their meaning and a backslash takes it from any other byte;
// within single quotes only \' means something. A closing quote must end the
// word. It returns false when quotes are left open or do not end a word. A NUL
// is a byte like others (Redis waits for ever on a line that has one).
func splitLine(line []byte) (words [][]byte, ok bool) {
	for {
		for len(line) > 0 && blank(line[0]) {
			line = line[1:]
		}
		if len(line) == 0 {
			return words, true
		}
		var word []byte
		word, line, ok = splitWord(line)
		if !ok {
			return nil, false
		}
		words = append(words, word)
	}
}

// blank is what C's isspace says.
func blank(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }

// splitWord takes one word off a line that begins with one. Redis ends a word
// at fewer kinds of blanks than it skips before one.
func splitWord(line []byte) (word, rest []byte, ok bool) {
	word = []byte{}
	for len(line) > 0 {
		switch line[0] {
		case ' ', '\n', '\r', '\t':
			return word, line[1:], true
		case '"', '\'':
			word, line, ok = splitQuoted(word, line[1:], line[0])
			return word, line, ok
		}
		word = append(word, line[0])
		line = line[1:]
	}
	return word, nil, true
}

// splitQuoted takes the inside of quotes, of which the first has been taken.
func splitQuoted(word, line []byte, quote byte) (_, rest []byte, ok bool) {
	for len(line) > 0 {
		switch {
		case line[0] == quote:
			rest = line[1:]
			return word, rest, len(rest) == 0 || blank(rest[0])
		case line[0] == '\\' && len(line) > 1 && quote == '"':
			b, used := unescape(line[1:])
			word, line = append(word, b), line[1+used:]
		case line[0] == '\\' && len(line) > 1 && line[1] == '\'':
			word, line = append(word, '\''), line[2:]
		default:
			word, line = append(word, line[0]), line[1:]
		}
	}
	return nil, nil, false
}

// unescape reads what stands behind a backslash, at least one byte, and says
// how many bytes that was.
func unescape(s []byte) (b byte, used int) {
	switch s[0] {
	case 'x':
		if len(s) >= 3 {
			high, ok1 := hexDigit(s[1])
			low, ok2 := hexDigit(s[2])
			if ok1 && ok2 {
				return high<<4 | low, 3
			}
		}
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'b':
		return '\b', 1
	case 'a':
		return '\a', 1
	}
	return s[0], 1
}

func hexDigit(b byte) (byte, bool) {
	switch {
	case '0' <= b && b <= '9':
		return b - '0', true
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10, true
	case 'A' <= b && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}
