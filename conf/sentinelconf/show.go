package sentinelconf

import (
	"strings"

	"redis-failover/cluster/state"
	"redis-failover/conf/fault"
)

// hidden stands for words that a message must not contain.
const hidden = "******"

// lineFault is a fault of a whole line, shown as far as it may be.
func lineFault(l Line, problem, remedy string) fault.Fault {
	return fault.Fault{At: l.At, Subject: l.String(), Problem: problem, Remedy: remedy}
}

// String is the line as it may be shown, cut if it is long. Only the words of
// directives that are known to hold no password are: the arguments of any other
// name are hidden, because the name may be a mistyped requirepass.
func (l Line) String() string {
	var b strings.Builder
	if l.At.File == "" {
		b.WriteString("--")
	}
	visible := visibleWords(l.Words)
	for i, w := range l.Words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if i >= visible {
			b.WriteString(hidden)
			break
		}
		b.WriteString(showWord(w))
		if b.Len() > enoughShown {
			break
		}
	}
	return fault.Show(b.String())
}

// enoughShown is more than fault.Show leaves of a line that is too long.
const enoughShown = 1024

// showWord puts quotes around a word that would not be seen as one.
func showWord(w string) string {
	if w == "" || strings.ContainsAny(w, spaces) {
		return `"` + w + `"`
	}
	return w
}

// visibleWords is how many leading words of a line may be shown.
func visibleWords(words []string) int {
	name := strings.ToLower(words[0])
	if name == "sentinel" {
		return visibleSentinelWords(words)
	}
	d, ok := redisDirectives[name]
	switch {
	case !ok || d.secret:
		return 1
	case name == "user":
		return min(2, len(words))
	}
	return len(words)
}

func visibleSentinelWords(words []string) int {
	if len(words) < 2 {
		return len(words)
	}
	name := strings.ToLower(words[1])
	d, known := sentinelDirectives[name]
	switch {
	case !known && !isOption(name), d.secret:
		return 2
	case state.OptionSecret(name):
		return min(3, len(words))
	}
	return len(words)
}

// showUnsplit is what may be shown of a line that cannot be split: its first
// word, if that looks like a name.
func showUnsplit(line string) string {
	name, _, _ := strings.Cut(line, " ")
	if strings.ContainsFunc(name, func(r rune) bool { return r != '-' && r != '_' && (r < 'A' || r > 'z') }) {
		return ""
	}
	return fault.Show(name) + " " + hidden
}
