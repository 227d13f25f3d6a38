package fault

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown is how many bytes of a configuration line or value a message shows:
// enough to recognise it, not enough to fill a terminal.
const maxShown = 120

// Show makes text fit for one line of a message: control characters and bytes
// that are not UTF-8 are escaped, and long text is cut.
func Show(text string) string {
	var b strings.Builder
	for text != "" {
		if b.Len() >= maxShown {
			b.WriteString("…")
			break
		}
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		text = text[size:]
	}
	return b.String()
}

// Sentence makes a sentence of an error's text.
func Sentence(err error) string {
	text := Show(err.Error())
	r, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[size:] + "."
}
