package compat

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// value is one RESP value as it came, type byte included.
type value struct {
	kind byte   // + - : $ = * % ~ > _ , #
	text string // of scalars; "(null)" for null bulks and arrays
	list []value
}

const null = "(null)"

// String shows a value in one line: +OK, "bulk", :1, *["a" "b"], %["k" :1].
func (v value) String() string {
	switch v.kind {
	case '*', '%', '~', '>':
		if v.text == null {
			return string(v.kind) + null
		}
		items := make([]string, len(v.list))
		for i, item := range v.list {
			items[i] = item.String()
		}
		return string(v.kind) + "[" + strings.Join(items, " ") + "]"
	case '$':
		if v.text == null {
			return "$" + null
		}
		return strconv.Quote(v.text)
	}
	return string(v.kind) + v.text
}

func readValue(r *bufio.Reader) (value, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return value{}, err
	}
	line, ok := strings.CutSuffix(line, "\r\n")
	if !ok || line == "" {
		return value{}, fmt.Errorf("the line %q is not RESP", line)
	}
	v := value{kind: line[0], text: line[1:]}
	switch v.kind {
	case '+', '-', ':', '_', ',', '#':
		return v, nil
	case '$', '=':
		return readBulk(r, v)
	case '*', '%', '~', '>':
		return readList(r, v)
	}
	return value{}, fmt.Errorf("the line %q is not RESP", line)
}

func readBulk(r *bufio.Reader, v value) (value, error) {
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 0 {
		v.text = null
		return v, err
	}
	text := make([]byte, n+2)
	_, err = io.ReadFull(r, text)
	v.text = string(text[:n])
	return v, err
}

func readList(r *bufio.Reader, v value) (value, error) {
	n, err := strconv.Atoi(v.text)
	if err != nil || n < 0 {
		v.text = null
		return v, err
	}
	v.text = ""
	if v.kind == '%' {
		n *= 2
	}
	for range n {
		item, err := readValue(r)
		if err != nil {
			return v, err
		}
		v.list = append(v.list, item)
	}
	return v, nil
}

// each returns a copy of v in which f has changed all values, inner ones first.
func (v value) each(f func(value) value) value {
	v.list = slices.Clone(v.list)
	for i := range v.list {
		v.list[i] = v.list[i].each(f)
	}
	return f(v)
}

// sorted is v with the items of its arrays and sets in the order of their text.
// Maps keep their order: keys and values are pairs.
func (v value) sorted() value {
	return v.each(func(v value) value {
		if v.kind == '*' || v.kind == '~' {
			slices.SortFunc(v.list, func(a, b value) int { return strings.Compare(a.String(), b.String()) })
		}
		return v
	})
}

// shape is v with its numbers and ids replaced by words for them.
func (v value) shape() value {
	return v.each(func(v value) value {
		v.text = blur(v.text)
		return v
	})
}

func blur(text string) string {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return "<number>"
	}
	if len(text) == 40 && strings.Trim(text, "0123456789abcdef") == "" {
		return "<id>"
	}
	return text
}

// pick is the map or flat array v with these fields only; those that v lacks are
// missing.
func (v value) pick(names []string) value {
	picked := value{kind: v.kind}
	for i := 0; i+1 < len(v.list); i += 2 {
		if slices.Contains(names, v.list[i].text) {
			picked.list = append(picked.list, v.list[i], v.list[i+1])
		}
	}
	return picked
}

// fields are the names in a text of "name:value" lines or "name=value" words,
// and the headings of INFO.
func fields(text string) []string {
	separator := ":"
	text = strings.TrimPrefix(text, "txt:")
	words := strings.Split(strings.TrimSpace(text), "\r\n")
	if strings.HasPrefix(text, "id=") {
		separator = "="
		words = strings.Fields(text)
	}
	var names []string
	for _, word := range words {
		if name, _, ok := strings.Cut(word, separator); ok || strings.HasPrefix(word, "# ") {
			names = append(names, name)
		}
	}
	return names
}
