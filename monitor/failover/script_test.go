package failover_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata really give into them")

// TestScripts plays the scenarios in testdata. A script is a row of blocks: some
// commands, a line "----", what they give, an empty line. The commands are those
// of scene.do (scene_test.go); lines that begin with # are comments. After a
// change that is meant, run
//
//	go test ./monitor/failover -run TestScripts -rewrite
//
// and read the diff.
func TestScripts(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(want))
			if *rewrite {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !bytes.Equal(want, []byte(got)) {
				t.Errorf("the script gives something else:\n%s", firstDifference(string(want), got))
			}
		})
	}
}

// playScript returns the script with what its commands really give.
func playScript(t *testing.T, script string) string {
	t.Helper()
	sc := newScene()
	var out strings.Builder
	skipping := false // over the results that the script has by now
	for i, line := range strings.Split(strings.TrimRight(script, "\n"), "\n") {
		switch {
		case line == "":
			skipping = false
			out.WriteString("\n")
		case skipping:
		case line == "----":
			skipping = true
			out.WriteString("----\n" + sc.said())
		case strings.HasPrefix(line, "#"):
			out.WriteString(line + "\n")
		default:
			out.WriteString(line + "\n")
			if err := sc.do(strings.Fields(line)); err != nil {
				t.Fatalf("line %d, %q: %v", i+1, line, err)
			}
		}
	}
	return out.String()
}

// firstDifference shows the first lines that differ, with a few around them.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := 0
	for at < len(w) && at < len(g) && w[at] == g[at] {
		at++
	}
	show := func(lines []string) string {
		return strings.Join(lines[max(0, at-5):min(len(lines), at+10)], "\n")
	}
	return "script:\n" + show(w) + "\n\nreally:\n" + show(g)
}
