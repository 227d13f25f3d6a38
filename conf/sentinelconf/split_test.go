package sentinelconf

import (
	"errors"
	"slices"
	"testing"
)

func TestSplitArgs(t *testing.T) {
	for _, tc := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{" \t\r\n", nil},
		{"port 26379", []string{"port", "26379"}},
		{"  a\tb  c ", []string{"a", "b", "c"}},
		{`logfile ""`, []string{"logfile", ""}},
		{`a "b c" d`, []string{"a", "b c", "d"}},
		{`"\n\r\t\b\a\x41\xfF\"\\\q"`, []string{"\n\r\t\b\aA\xff\"\\q"}},
		{`"\xg1 \x4"`, []string{"xg1 x4"}},
		{`'it\'s \n "so"'`, []string{`it's \n "so"`}},
		{`pre"fix ed" 'x'`, []string{"prefix ed", "x"}},
		{"\"a\"\vb", []string{"a", "b"}},
		{"a\vb", []string{"a\vb"}},
		{`C:\dir#not-a-comment`, []string{`C:\dir#not-a-comment`}},
		{"ünï \"cödé\"", []string{"ünï", "cödé"}},
	} {
		got, err := SplitArgs(tc.line)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("SplitArgs(%q) = %q, %v, want %q", tc.line, got, err, tc.want)
		}
	}
}

func TestSplitArgsUnbalanced(t *testing.T) {
	for _, line := range []string{`"`, `'`, `a "b`, `a 'b\'`, `"a"b`, `'a'b`, `"a""b"`, `"\"`, `"\`, `'\`} {
		if got, err := SplitArgs(line); !errors.Is(err, ErrUnbalanced) || got != nil {
			t.Errorf("SplitArgs(%q) = %q, %v, want ErrUnbalanced", line, got, err)
		}
	}
}

func TestQuoteLeavesPlainWordsAlone(t *testing.T) {
	for word, want := range map[string]string{
		"mymaster":  "mymaster",
		"":          `""`,
		"a b":       `"a b"`,
		"#x":        `"#x"`,
		"it's":      `"it's"`,
		"\n\x00\\ ": `"\n\x00\\ "`,
		`C:\dir`:    `C:\dir`,
		"é":         "é",
	} {
		if got := Quote(word); got != want {
			t.Errorf("Quote(%q) = %s, want %s", word, got, want)
		}
	}
}

func FuzzSplitArgs(f *testing.F) {
	for _, seed := range []string{`a "b\x00" 'c\'d'`, `"`, "\xff\v", `"\x4"`, `a\b"c"`, "#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := SplitArgs(line)
		if err != nil {
			return
		}
		quoted := ""
		for _, w := range words {
			quoted += Quote(w) + " "
		}
		again, err := SplitArgs(quoted)
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q became %q, then %q (%v)", words, quoted, again, err)
		}
	})
}
