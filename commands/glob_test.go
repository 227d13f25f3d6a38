package commands

import "testing"

func TestMatch(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", false}, {"*", "a", true}, {"**", "abc", true},
		{"a", "a", true}, {"a", "A", false}, {"a", "ab", false}, {"ab", "a", false},
		{"?", "a", true}, {"?", "", false}, {"??", "a", false}, {"a?c", "abc", true},
		{"[-+]sdown", "+sdown", true}, {"[-+]sdown", "-sdown", true}, {"[-+]sdown", "sdown", false},
		{"+sw*", "+switch-master", true}, {"*switch*", "+switch-master", true}, {"*x", "+switch-master", false},
		{"[^a]", "b", true}, {"[^a]", "a", false}, {"[a-c]x", "bx", true}, {"[c-a]x", "bx", true}, {"[a-c]x", "dx", false},
		{"[a", "a", true}, {"[a", "b", false}, {"[", "a", false}, {"[^", "a", true}, {"[]", "a", false}, {"[]a]", "a]", false},
		{"[a-]", "b", false}, {"[a-]", "a", true}, {"[a-", "-", true}, {`[\]]`, "]", true}, {`[\`, `\`, true},
		{`\*`, "*", true}, {`\*`, "a", false}, {`\`, `\`, true}, {`a\`, `a\`, true}, {`\a`, "a", true},
		{"a*b*c", "aXbYbZc", true}, {"a*b*c", "aXbYbZ", false}, {"*a", "aaaa", true}, {"a*", "a", true}, {"a**", "a", true},
		{"\xff?", "\xff\xfe", true}, {"[\x80-\xff]", "\xe9", true},
		{"*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
	}
	for _, test := range tests {
		if got := Match(test.pattern, test.s); got != test.want {
			t.Errorf("Match(%q, %q) = %v", test.pattern, test.s, got)
		}
	}
}

// FuzzMatch holds Match against the plain definition: one step for each
// element, every possibility tried for a star.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""}, {"a*b*c", "abcabc"}, {"[^a-c]*", "xyz"}, {`\[*\]`, "[x]"}, {"[a-", "a"}, {"*[", "x["}, {"[]", "]"}, {"**?", "ab"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 24 || len(s) > 24 {
			return // the plain definition takes exponential time
		}
		if got, want := Match(pattern, s), s != "" && plainMatch(pattern, s) || pattern == s && s == ""; got != want {
			t.Errorf("Match(%q, %q) = %v, want %v", pattern, s, got, want)
		}
	})
}

func plainMatch(pattern, s string) bool {
	if pattern == "" {
		return s == ""
	}
	if pattern[0] == '*' {
		return plainMatch(pattern[1:], s) || s != "" && plainMatch(pattern, s[1:])
	}
	if s == "" {
		return false
	}
	set, rest := plainElement(pattern)
	return set[s[0]] && plainMatch(rest, s[1:])
}

// plainElement lists the bytes that the first element of a pattern stands for.
func plainElement(pattern string) (set [256]bool, rest string) {
	switch {
	case pattern[0] == '?':
		for b := range set {
			set[b] = true
		}
		return set, pattern[1:]
	case pattern[0] == '\\' && len(pattern) > 1:
		set[pattern[1]] = true
		return set, pattern[2:]
	case pattern[0] != '[':
		set[pattern[0]] = true
		return set, pattern[1:]
	}
	pattern = pattern[1:]
	not := false
	if pattern != "" && pattern[0] == '^' {
		not, pattern = true, pattern[1:]
	}
	for pattern != "" && pattern[0] != ']' {
		switch {
		case pattern[0] == '\\' && len(pattern) >= 2:
			set[pattern[1]], pattern = true, pattern[2:]
		case len(pattern) >= 3 && pattern[1] == '-':
			for b := int(min(pattern[0], pattern[2])); b <= int(max(pattern[0], pattern[2])); b++ {
				set[b] = true
			}
			pattern = pattern[3:]
		default:
			set[pattern[0]], pattern = true, pattern[1:]
		}
	}
	if pattern != "" {
		pattern = pattern[1:]
	}
	for b := range set {
		set[b] = set[b] != not
	}
	return set, pattern
}
