package runbook

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// step is one thing that the page asks for.
type step struct {
	// line is where it stands.
	line int
	// machine is the one that the text named last.
	machine string
	// deed is a comment for the test, "" for a block of commands.
	deed string
	// commands are those of a block, want is what they must print; checked says
	// that the page shows it.
	commands, want string
	checked        bool
}

var (
	onMachine = regexp.MustCompile(`(?:On|^)\s+(10\.0\.0\.\d+):$`)
	deed      = regexp.MustCompile(`^<!-- test: (.*) -->$`)
)

// readPage reads the steps of a page.
func readPage(t *testing.T, path string) []step {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	var prose, machine, block string // prose is the paragraph so far
	fence := ""                      // the mark of the block that is being read
	for i, line := range strings.Split(string(text), "\n") {
		switch mark, isFence := strings.CutPrefix(line, "```"); {
		case isFence && fence == "":
			fence, block = mark, ""
			if m := onMachine.FindStringSubmatch(strings.TrimSpace(prose)); m != nil {
				machine = m[1]
			}
			prose = ""
		case isFence && fence == "sh":
			steps = append(steps, step{line: i + 1, machine: machine, commands: block})
			fence = ""
		case isFence && fence == "text":
			last := &steps[len(steps)-1]
			last.want, last.checked = block, true
			fence = ""
		case isFence:
			t.Fatalf("%s:%d: a block marked %q", path, i+1, fence)
		case fence != "":
			block += line + "\n"
		case deed.MatchString(line):
			steps = append(steps, step{line: i + 1, deed: deed.FindStringSubmatch(line)[1]})
		default:
			prose += line + " "
			if line == "" && !strings.HasSuffix(strings.TrimSpace(prose), ":") {
				prose = ""
			}
		}
	}
	return steps
}

func (s step) String() string {
	what := s.deed
	if what == "" {
		what = s.commands
	}
	return fmt.Sprintf("line %d: %s", s.line, strings.TrimSpace(what))
}
